"""Turns a network into its sparse form, layer by layer."""
from collections.abc import Callable, Sequence
from typing import TypeGuard, TypeVar, cast

from torch import nn

from ...models.hrnas.classification_neck import ClassificationNeck
from ...models.hrnas.dense_neck import DensePredictionNeck
from ...models.hrnas.fusion_module import FusionModule
from ...models.hrnas.hrnas_supernet import ConvBNReLU, HRNASSupernet
from ...models.hrnas.search_block import SearchBlock
from ..as_written import is_as_written
from ..compact import CompactNetwork
from .engine_settings import EngineSettings
from .library import kernel
from .modules import SparseClassificationNeck, SparseFusion
from .sparse_block import SparseSearchBlock
from .sparse_compact import SparseCompactNetwork
from .sparse_conv import SparseConv
from .sparse_linear import SparseLinear
from .sparse_neck import SparseDenseNeck
from .sparse_stem import SparseStem

Kind = TypeVar('Kind', bound=nn.Module)

#: Blocks of which a larger share of the weights is not 0 stay as they are. Against torch's layers
#: the kernel gains at any density (benchmarks/results/latency.md), so that none does by default.
MAX_DENSITY = 1.


def sparsify(model: nn.Module, settings: EngineSettings,
             max_density: float = MAX_DENSITY) -> dict[str, int]:
    """Replace the modules that the kernel runs, in place; the rest stays torch's.

    So do modules of subclasses with a pass of their own, and those whose passes hooks change.

    Args:
        model (nn.Module): In eval mode, with pruned weights 0; it cannot be trained any more.
        settings (EngineSettings): The network's; its gap is widened to its largest kernel's reach.
        max_density (float): Convolutions and blocks with a larger share of non-zero weights stay
            dense.

    Returns:
        Dict[str, int]: How many ``'sparse'`` and ``'dense'`` blocks there are; none are sparse
        where the kernel cannot be had.
    """
    blocks = [m for m in model.modules() if isinstance(m, SearchBlock)]
    if kernel() is None:
        return dict(sparse=0, dense=len(blocks))
    reach = [conv.kernel_size[0] // 2 for block in blocks for conv in block.mixconv.depthwise]
    compact = [m for m in model.modules() if isinstance(m, CompactNetwork)]
    reach += map(SparseCompactNetwork.reach, compact)
    settings.gap = max([settings.gap, *reach])
    replace(model, CompactNetwork, lambda m: SparseCompactNetwork(m, settings, max_density))
    replace(model, SearchBlock, lambda block: block if density(block) > max_density
            or not is_as_written(block, SearchBlock) else SparseSearchBlock(block, settings))
    backbones = [m for m in model.modules() if is_as_written(m, HRNASSupernet, inside=False)]
    for backbone in backbones:
        stem = cast(Sequence[ConvBNReLU], backbone.stem)
        if is_as_written(backbone.stem, nn.Sequential) and SparseStem.takes(stem) \
                and density(backbone.stem) <= max_density:
            backbone.add_module('stem', SparseStem(stem, settings))
    replace(model, ConvBNReLU, lambda m: m if not SparseConv.takes(m.conv)
            or not is_as_written(m, ConvBNReLU) or density(m) > max_density
            else SparseConv(m.conv, m.bn, True, settings))
    replace(model, nn.Conv2d, lambda m: SparseConv(m, None, False, settings, contiguous=True)
            if is_classifier(m) else m)
    if blocks or compact:  # of other networks it may be any layer
        replace(model, nn.Linear, lambda m: SparseLinear(m, settings)
                if SparseLinear.takes(m) and density(m) <= max_density else m)
    for backbone in backbones:
        backbone.channels_last = False
        for block in (m for m in backbone.parallels.modules() if isinstance(m, SparseSearchBlock)):
            block.overwrite()  # the maps between modules are nobody else's
    replace(model, FusionModule, lambda m: SparseFusion(m, settings)
            if is_as_written(m, FusionModule, inside=False) else m)
    replace(model, DensePredictionNeck, lambda m: SparseDenseNeck(
        cast(SparseSearchBlock, m.block), m.in_channels, settings)
            if isinstance(m.block, SparseSearchBlock)
            and is_as_written(m, DensePredictionNeck, inside=False) else m)
    replace(model, ClassificationNeck, lambda m: SparseClassificationNeck(
        m, settings) if is_as_written(m, ClassificationNeck, inside=False) else m)
    sparse = sum(isinstance(m, SparseSearchBlock) for m in model.modules())
    return dict(sparse=sparse, dense=sum(isinstance(m, SearchBlock) for m in model.modules()))


def is_classifier(module: nn.Module) -> TypeGuard[nn.Conv2d]:
    """Return whether a layer is a 1x1 convolution with a bias: no other layer of ours has one."""
    return (SparseConv.takes(module) and module.kernel_size == (1, 1) and module.stride == (1, 1)
            and module.bias is not None)


def replace(model: nn.Module, kind: type[Kind], make: Callable[[Kind], nn.Module]) -> None:
    """Put ``make(module)`` in the place of every module of a kind, once where it is shared."""
    made: dict[nn.Module, nn.Module] = {}
    for parent in list(model.modules()):
        for name, child in parent.named_children():
            if isinstance(child, kind):
                if child not in made:
                    made[child] = make(child)
                setattr(parent, name, made[child])


def density(module: nn.Module) -> float:
    """Return the share of the weights of convolutions and linears that is not 0."""
    weights = [m.weight for m in module.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    total = sum(w.numel() for w in weights)
    return sum(int(w.count_nonzero()) for w in weights) / total if total else 0.
