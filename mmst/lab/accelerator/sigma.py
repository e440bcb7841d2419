"""Models a sparse accelerator's time analytically: SIGMA (Qin et al., HPCA 2020).

SIGMA computes matrix products on a grid of multipliers. Its distribution network brings any operand
to any multiplier and its reduction network sums groups of any size, so that multipliers hold
non-zero operands only, of any pattern. So this remains to be modelled of a product of
(rows, depth) weights of density d with a dense (depth, columns) operand, weights held still:

* non-zeros:         nz = d * rows * depth
* folds:             f = ceil(nz / PEs), times the weights fill the grid
* loading weights:   nz words through ``load_width`` words a cycle
* streaming:         each fold takes every column once; a cycle brings ``stream_width`` words of the
  columns to the grid. A fold holds weights of at most min(depth, nz in it) rows of the operand:
  cycles = f * columns * max(1, operands of a fold / stream_width)
* reduction:         a tree of depth ceil(log2 PEs) is filled once a fold
* memory:            non-zero weights with a bit a position (SIGMA's bitmap), operand and result
  each once, at ``bandwidth`` bytes a second

A layer takes the longer of its computing and its memory time (they overlap). With a large stream
width and one fold per PEs this is the roofline max(MACs / (PEs * frequency), bytes / bandwidth).
"""
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from ...costs.cost import trace
from ...models.hrnas.attention import Attention
from .settings import DEFAULT, Sigma


@dataclass(frozen=True)
class Product:
    """Is a matrix product of a layer, ``count`` times (once a group of a convolution).

    Attributes:
        name (str): Of the layer.
        rows, depth, columns (int): (rows, depth) weights times a (depth, columns) operand.
        nonzero (int): Non-zero weights of all ``count`` products together.
        operand (int): Words of the feature maps that are read: less than ``depth * columns`` where
            a kernel reads each of them several times.
        count (int): Products.
    """
    name: str
    rows: int
    depth: int
    columns: int
    nonzero: int
    operand: int
    count: int = 1


@dataclass(frozen=True)
class LayerTime:
    """Holds the seconds of one layer; it takes the longer of the two."""
    name: str
    computing: float
    memory: float

    @property
    def seconds(self) -> float:
        """Return the time of the layer."""
        return max(self.computing, self.memory)


def layer_time(product: Product, sigma: Sigma = DEFAULT) -> LayerTime:
    """Return the time of a product; those of a layer's groups share the grid."""
    if not product.nonzero:
        return LayerTime(product.name, 0., 0.)
    folds = math.ceil(product.nonzero / sigma.multipliers)
    in_fold = min(product.nonzero, sigma.multipliers)
    # Rows of the operand that the weights of a fold meet, at most one a weight.
    operands = min(in_fold, product.depth * product.count)
    stream = 1. if not sigma.stream_width else max(1., operands / sigma.stream_width)
    cycles = (product.nonzero / sigma.load_width + folds * product.columns * stream +
              folds * math.ceil(math.log2(sigma.multipliers)))
    bitmap = product.rows * product.depth * product.count / 8
    results = product.rows * product.columns * product.count
    moved = bitmap + sigma.word * (product.nonzero + product.operand + results)
    return LayerTime(product.name, cycles / sigma.frequency, moved / sigma.bandwidth)


def network_time(products: Iterable[Product],
                 sigma: Sigma = DEFAULT) -> tuple[float, list[LayerTime]]:
    """Return seconds of all products one after another, and of each."""
    times = [layer_time(product, sigma) for product in products]
    return sum(t.seconds for t in times), times


def roofline(product: Product, sigma: Sigma = DEFAULT) -> float:
    """Return the least seconds that a product can take."""
    moved = sigma.word * (product.nonzero + product.operand +
                          product.rows * product.columns * product.count)
    macs = product.nonzero * product.columns
    return max(macs / sigma.multipliers / sigma.frequency, moved / sigma.bandwidth)


def products(model: nn.Module, input_shape: tuple[int, int],
             mask: Mapping[str, Tensor] | None = None) -> list[Product]:
    """Return the products of a network for one image: convolutions, linears, attention.

    Args:
        model (nn.Module): A whole OpenMMLab model or any part of one.
        input_shape (Tuple[int, int]): Height and width of the image.
        mask (Mapping[str, Tensor], optional): Parameter name to bool; without it weights that are
            not 0 count.
    """
    weights: dict[str, int] = {}
    for name, module in model.named_modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            kept = (mask or {}).get(f'{name}.weight')
            weights[name] = int((module.weight != 0 if kept is None else kept).sum())
    found: list[Product] = []

    def record(name, module, inputs, output):
        found.extend(_products(name, module, inputs, output, weights.get(name, 0)))

    trace(model, input_shape, record, lambda m: isinstance(m, (nn.Conv2d, nn.Linear, Attention)))
    return found


def _products(name, module, inputs, output, nonzero) -> list[Product]:
    if isinstance(module, Attention):
        queries, memory = inputs
        count, keys, dim = queries.shape[-2], memory.shape[-2], memory.shape[-1]
        # Neither operand is a weight: the keys' one is held still, and dense.
        return [Product(f'{name}.scores', keys, dim, count, keys * dim, count * dim),
                Product(f'{name}.mix', dim, keys, count, keys * dim, count * keys)]
    weight = module.weight
    if not weight.numel():
        return []
    words = inputs[0].numel()
    if isinstance(module, nn.Linear):
        return [Product(name, weight.shape[0], weight.shape[1], words // weight.shape[1], nonzero,
                        words)]
    groups = module.groups
    return [Product(name, weight.shape[0] // groups, weight[0].numel(),
                    output.shape[-2] * output.shape[-1], nonzero, words, groups)]
