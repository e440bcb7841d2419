"""Counts an engine's work for a module, whose time is a weighted sum of these counts."""
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from torch import Tensor, nn

from ...models.hrnas.dense_neck import DensePredictionNeck
from ...models.hrnas.hrnas_supernet import ConvBNReLU, HRNASSupernet
from ...models.hrnas.search_block import SearchBlock
from .layer_counts import CoarseInputs, live_phases, stem_counts
from .transformer_counts import TransformerCounts

Counts = dict[str, float]
#: Which channels and which tokens of a block count; None: all.
Index = npt.NDArray[np.int64]
#: Gives which weights of a module's parameter are not 0, as a bool array.
Pattern = Callable[[str, nn.Parameter], npt.NDArray[np.bool_]]
#: Counts that are 1 where a module has something to do at all, and counts of a Transformer's work.
ACTIVE = 'active'
CALLS = ('once', ACTIVE, 'attends', 'rims')
TOKENS = ('projected', 'sampled', 'mixed', 'pairs', 'normed', 'attended', 'fed', 'outputs',
          'tokens')


def timed_modules(model: nn.Module) -> dict[str, nn.Module]:
    """Return the modules of a supernet that are timed one by one, by their paths.

    These are the stem, search blocks, the neck for dense prediction as a whole, single
    convolutions with BN and ReLU, and 1x1 classifiers. All else takes about the same time in every
    network that a search or a prune can leave.
    """
    found: dict[str, nn.Module] = {}
    _collect(model, '', found)
    return found


def _collect(module: nn.Module, prefix: str, found: dict[str, nn.Module]) -> None:
    for name, child in module.named_children():
        path = f'{prefix}{name}'
        if isinstance(child, (SearchBlock, ConvBNReLU)) or _is_dense_neck(child) or (
                isinstance(module, HRNASSupernet) and name == 'stem') or _is_classifier(child):
            found[path] = child
        else:
            _collect(child, f'{path}.', found)


def _is_dense_neck(module: nn.Module) -> bool:
    return isinstance(module, DensePredictionNeck)


def _is_classifier(module: nn.Module) -> bool:
    return (isinstance(module, nn.Conv2d) and module.kernel_size == (1, 1)
            and module.bias is not None)


def search_block_of(module: nn.Module) -> SearchBlock | None:
    """Return the search block of a timed module, if it has one."""
    found = module.block if isinstance(module, DensePredictionNeck) else module
    return found if isinstance(found, SearchBlock) else None


def kind_of(module: nn.Module) -> str:
    """Return the description of a timed module that has to be equal where a time carries over.

    No search and no prune changes it.
    """
    block = search_block_of(module)
    if block is None:
        convs = [m for m in module.modules() if isinstance(m, nn.Conv2d)]
        return ', '.join(f'{c.in_channels} to {c.out_channels} by {c.kernel_size[0]} stride '
                         f'{c.stride[0]}' for c in convs)
    mix, sizes = block.mixconv, [conv.kernel_size[0] for conv in block.mixconv.depthwise]
    return (f'{"neck" if module is not block else "block"} {mix.in_channels} to '
            f'{mix.out_channels} by {sizes} stride {mix.stride}'
            f'{", Transformer" if block.transformer is not None else ""}')


class SparseWork:
    """Counts the sparse engine's work for a timed module.

    Args:
        module (nn.Module): Of :func:`timed_modules`.
        pattern (Callable): Tells which of a parameter's weights are not 0; names are those
            within ``module``.
    """

    def __init__(self, module: nn.Module, pattern: Pattern):
        self.block = search_block_of(module)
        self._alone: Counts = {}
        if self.block is None:
            convs = [pattern(name, p) for name, p in module.named_parameters() if p.dim() > 1]
            self._alone = dict(weights=float(sum(int(conv.sum()) for conv in convs)))
            if len(convs) == 2:
                self._alone.update(stem_counts(*convs))
            return
        prefix = 'block.' if self.block is not module else ''

        def mask_of(name: str) -> npt.NDArray[np.bool_]:
            path = f'{prefix}{name}'
            return pattern(path, module.get_parameter(path))

        first = module.in_channels[0] if isinstance(module, DensePredictionNeck) else None
        self._units = _hidden_channels(self.block, mask_of, first)
        self._sums = _sums(self.block, mask_of, self._units)
        self._residual = (float(mask_of('residual.weight').sum())
                          if isinstance(self.block.residual, nn.Conv2d) else 0.)
        transformer = self.block.transformer
        self._tokens = None if transformer is None else TransformerCounts(transformer, mask_of)
        self._coarse = (_coarse_inputs(self.block, mask_of, self._units, module.in_channels)
                        if isinstance(module, DensePredictionNeck) else None)

    @staticmethod
    def layer_of(module: nn.Module) -> str:
        """Return what the cost of a thing depends on, besides the size of the map."""
        block = search_block_of(module)
        if block is None:
            return kind_of(module)
        return f'{"neck" if module is not block else "block"} stride {block.mixconv.stride}'

    def __call__(self, channels: Index | None = None, tokens: Index | None = None) -> Counts:
        """Return the counts with the hidden channels and tokens of two indices alone."""
        if self.block is None:
            return dict(self._alone)
        chosen = {name: values if channels is None else values[channels]
                  for name, values in self._units.items()}
        counts = {name: float(values.sum()) for name, values in chosen.items()}
        sums = self._sums if channels is None else self._sums[:, channels]
        counts.update(active=float(counts['hidden'] > 0), rims=float(counts['still'] > 0),
                      summed=float(sums.any(1).sum()), residual=self._residual)
        if self._tokens is not None:
            counts.update(self._tokens(tokens))
        if self._coarse is not None:
            counts.update(self._coarse(channels))
        return counts


def _sums(block: SearchBlock, kept: Callable[[str], npt.NDArray[np.bool_]],
          units: Mapping[str, npt.NDArray[np.float64]]) -> npt.NDArray[np.bool_]:
    """Return which output channel sums up which hidden one, (outputs, hidden)."""
    if not block.mixconv:
        return np.zeros((0, 0), bool)
    return kept('mixconv.project.weight')[..., 0, 0] & (units['hidden'] > 0)


def _coarse_inputs(block: SearchBlock, kept: Callable[[str], npt.NDArray[np.bool_]],
                   units: Mapping[str, npt.NDArray[np.float64]],
                   in_channels: Sequence[int]) -> CoarseInputs:
    expand = (kept('mixconv.expand.weight')[..., 0, 0] & (units['hidden'] > 0)[:, None]
              if block.mixconv else np.zeros((0, sum(in_channels)), bool))
    residual = (kept('residual.weight')[..., 0, 0] if isinstance(block.residual, nn.Conv2d)
                else np.zeros((0, sum(in_channels)), bool))
    return CoarseInputs(expand, residual, in_channels)


def _hidden_channels(block: SearchBlock, kept: Callable[[str], npt.NDArray[np.bool_]],
                     first: int | None) -> dict[str, npt.NDArray[np.float64]]:
    """Return the counts of each hidden channel; of one that nothing leaves, 0.

    One that nothing enters is constant but near the border of the image (``still``, with
    ``still_taps`` in it and ``fixed`` weights after it). Under a stride a channel is expanded once
    for each phase of rows and columns that its taps read.

    Of a neck, weights of inputs after the ``first`` belong to coarser maps.
    """
    mix = block.mixconv
    if not mix:
        names = ('hidden', 'expand', 'taps', 'project', 'still', 'fixed', 'still_taps',
                 *(('coarse', 'widened') if first else ()))
        return {name: np.zeros(0) for name in names}
    expand = kept('mixconv.expand.weight')[..., 0, 0]
    kernels = [kept(f'mixconv.depthwise.{i}.weight')[:, 0] for i in range(len(mix.widths))]
    taps = np.concatenate([kernel.sum((1, 2)) for kernel in kernels])
    phases = np.concatenate([live_phases(kernel, mix.stride) for kernel in kernels])
    project = kept('mixconv.project.weight')[..., 0, 0].sum(0)
    live = expand.any(1) & (taps > 0) & (project > 0)
    counts = dict(hidden=live, expand=expand[:, :first].sum(1) * phases * live, taps=taps * live,
                  project=project * live)
    still = (project > 0) & ~live
    counts.update(still=still, fixed=project * still, still_taps=taps * still)
    if first is not None:
        coarse = expand[:, first:]
        counts.update(coarse=coarse.sum(1) * live, widened=coarse.any(1) & live)
    return {name: values.astype(np.float64) for name, values in counts.items()}


class DenseWork:
    """Counts torch's work for a timed module; zeros cost as much as other weights.

    Args:
        module (nn.Module): Of :func:`timed_modules`.
        pattern (Callable): Is not asked.
    """

    def __init__(self, module: nn.Module, pattern: Pattern):
        self.block = search_block_of(module)
        if self.block is not None:
            self._sizes = np.array([conv.kernel_size[0] for conv, width in zip(
                self.block.mixconv.depthwise, self.block.mixconv.widths, strict=True)
                for _ in range(width)], np.int64)
            self._kinds = [conv.kernel_size[0] for conv in self.block.mixconv.depthwise]

    #: What the cost of a thing depends on, besides the size of the map.
    layer_of = staticmethod(kind_of)

    def __call__(self, channels: Index | None = None, tokens: Index | None = None) -> Counts:
        """Return the counts with the hidden channels and tokens of two indices alone."""
        if self.block is None:
            return {}
        sizes = self._sizes if channels is None else self._sizes[channels]
        counts = {f'channels_{k}': float((sizes == k).sum()) for k in self._kinds}
        counts['active'] = float(len(sizes) > 0)
        if self.block.transformer is not None:
            count = self.block.transformer.tokens if tokens is None else len(tokens)
            counts.update(attends=float(count > 0), tokens=float(count), pairs=float(count**2))
        return counts


Work = SparseWork | DenseWork
#: Engine to the class that counts its work.
ENGINES: dict[str, type[SparseWork] | type[DenseWork]] = dict(sparse=SparseWork, torch=DenseWork)


def works_of(model: nn.Module, engine: str,
             mask: Mapping[str, Tensor] | None = None) -> dict[str, Work]:
    """Return an engine's work for each timed module of a network.

    Args:
        model (nn.Module): The network.
        engine (str): One of ``ENGINES``.
        mask (Mapping[str, Tensor], optional): Parameter name to bool, True where a weight is kept;
            weights without one are kept where they are not 0.
    """
    return {path: work_of(path, module, engine, mask)
            for path, module in timed_modules(model).items()}


def work_of(path: str, module: nn.Module, engine: str,
            mask: Mapping[str, Tensor] | None = None) -> Work:
    """Return an engine's work for one timed module; ``mask`` as of :func:`works_of`."""
    return ENGINES[engine](module, _pattern(path, mask or {}))


def _pattern(path: str, mask: Mapping[str, Tensor]) -> Pattern:
    def pattern(name: str, parameter: nn.Parameter) -> npt.NDArray[np.bool_]:
        kept = mask.get(f'{path}.{name}')
        found: Any = (parameter.detach() != 0) if kept is None else kept
        return cast(npt.NDArray[np.bool_], found.cpu().numpy())

    return pattern


def names_of(counts: Iterable[Counts]) -> list[str]:
    """Return the names of all counts in the order in which they come."""
    return list(dict.fromkeys(name for each in counts for name in each))
