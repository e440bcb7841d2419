"""Counts the costs of a network again and again while it shrinks."""
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from ..search.cost import unit_macs
from ..search.importance import Keep
from ..search.surgery import Cut
from ..search.target import copy_without_units
from ..search.units import find_units, offers_units
from ..search.walk import parameter_count
from .arithmetic import Counts, Formula, Groups, Together, formula_of
from .cost import HW, count_macs, layer_costs, meta_copy, record_sizes, total, watch
from .fitted import fit_rest

#: Returns the part that there is of a weight of a name.
Select = Callable[[str, Tensor], Tensor]
#: Gives the mask that a network will have, of the parts of its weights that a ``Select`` gives;
#: None: those that are not 0 are kept.
Forecast = Callable[[nn.Module, Select], Mapping[str, Tensor] | None]
#: Kernel sizes of units.
Labels = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Known:
    """Holds the results of one trace of a network.

    Attributes:
        sizes (Dict[str, Tuple[HW, HW]]): Heights and widths of the feature maps that enter and
            leave modules with units. They depend on the image alone, not on the channels.
        formula (Formula, optional): The costs of units; None: smaller networks are traced.
        params (int): Of the parts that no unit occupies.
        macs (int): Of it, too.
    """
    sizes: dict[str, tuple[HW, HW]]
    formula: Formula | None = None
    params: int = 0
    macs: int = 0

    def costs(self, groups: Groups, counts: Counts) -> dict[str, float]:
        """Return the costs with ``counts`` of the units of ``groups``."""
        assert self.formula is not None
        params, macs = self.formula(groups, counts)
        return as_costs(self.params + params, self.macs + macs)


class NetworkCosts:
    """Counts the costs of a network for one image of a fixed size.

    A network is traced as it is first seen; from then on its costs are computed from the numbers of
    its units. Where modules do not say the costs of their units, and for products of feature maps
    with each other, a few traces more tell it. A last one, of half of its units, confirms that all
    this is exact; where it is not, each new shape is traced.

    Args:
        input_shape (Tuple[int, int]): Height and width of the image in pixels.
    """

    #: Of the costs of units.
    unit = 'macs'

    def __init__(self, input_shape: HW):
        self.input_shape = input_shape
        self._model: Callable[[], nn.Module | None] = lambda: None
        self._known = Known({})
        self._shapes: list[tuple[str, tuple[int, ...]]] | None = None
        self._costs: dict[str, float] = {}

    def check(self, model: nn.Module) -> None:
        """Refuse a network that cannot be counted; here any can.

        Raises:
            ConfigError: Naming key, value and remedy.
        """

    def warning(self) -> str | None:
        """Return a line for the log on how far the costs hold on this machine; None: wholly."""
        return None

    @property
    def source(self) -> str | None:
        """Return what tells the costs of a run from others of the same unit; here nothing does."""
        return None

    def check_source(self, before: object) -> None:
        """Refuse to go on with a run whose costs had another :attr:`source`.

        Args:
            before (object): Of the run; None where it is not known.

        Raises:
            ConfigError: Naming key, value and remedy.
        """

    def foresee(self, forecast: Forecast) -> None:
        """Count under the mask that ``forecast`` gives; here no cost depends on one."""

    def __call__(self, model: nn.Module) -> dict[str, float]:
        """Sum ``params``, ``macs``, ``nonzero`` and ``sparse_macs`` over all layers."""
        known = self._of(model)
        if known.formula is None:
            return self._trace_costs(model)
        groups = find_units(model)
        costs = known.costs(groups, {name: g.count_by_label() for name, g in groups.items()})
        if costs['params'] != parameter_count(model):
            self._model = lambda: None  # something else than its units has changed
            return self(model)
        return costs

    def feature_sizes(self, model: nn.Module) -> dict[str, tuple[HW, HW]]:
        """Return heights and widths of feature maps; see :func:`mmst.costs.cost.feature_sizes`."""
        return self._of(model).sizes

    def remaining(self, model: nn.Module) -> Callable[[Keep], dict[str, float]]:
        """Return a function that counts the network without the units that a ``Keep`` leaves out.

        Args:
            model (nn.Module): Its units do not change while the function is used.
        """
        known = self._of(model)
        if known.formula is None:
            outline = meta_copy(model)
            return lambda keep: self._trace_costs(copy_without_units(outline, keep))
        groups = find_units(model)
        labels = {name: np.array(group.kernel_sizes) for name, group in groups.items()}
        counts = {name: group.count_by_label() for name, group in groups.items()}
        return lambda keep: known.costs(groups, {**counts, **{
            name: _count(labels[name][np.asarray(stays, np.int64)])
            for name, stays in keep.items()}})

    def largest(self, model: nn.Module) -> dict[str, float]:
        """Return the costs of the network with all its weights, pruned ones too."""
        return self(model)

    def unit_costs(self, model: nn.Module, groups: Groups) -> dict[str, Tensor]:
        """Return multiply-adds of every unit of ``groups``, which are the network's."""
        return unit_macs(groups, self.feature_sizes(model))

    def _of(self, model: nn.Module) -> Known:
        if self._model() is not model:
            self._known = learn(model, self.input_shape)
            self._model = weakref.ref(model)
        return self._known

    def _trace_costs(self, model: nn.Module) -> dict[str, float]:
        shapes = [(name, tuple(p.shape)) for name, p in model.named_parameters()]
        if shapes != self._shapes:
            self._costs, self._shapes = total(layer_costs(model, self.input_shape)), shapes
        return dict(self._costs)


def as_costs(params: int, macs: int) -> dict[str, float]:
    """Return the costs of a network without a mask."""
    return dict(params=params, macs=macs, nonzero=params, sparse_macs=float(macs))


def learn(model: nn.Module, input_shape: HW) -> Known:
    """Trace a network, and learn how its costs follow from the numbers of its units."""
    twin = meta_copy(model)
    sizes: dict[str, tuple[HW, HW]] = {}
    hooks = watch(twin, record_sizes(sizes), offers_units)
    counter = count_macs(twin, input_shape)
    for hook in hooks:
        hook.remove()
    groups = find_units(twin)
    rest = fit_rest(twin, groups, counter, input_shape)
    if rest is None:
        return Known(sizes)
    formula = Together(formula_of(twin, sizes, counter.macs_of), rest)
    counts = {name: group.count_by_label() for name, group in groups.items()}
    params, macs = formula(groups, counts)
    known = Known(sizes, formula, sum(p.numel() for p in twin.parameters()) - params,
                  sum(counter.macs.values()) - macs)
    return known if not groups or _is_exact(known, twin, input_shape) else Known(sizes)


def _is_exact(known: Known, twin: nn.Module, input_shape: HW) -> bool:
    """Return whether the costs of a network with half of its units are as computed; ``twin`` is cut
    to it."""
    generator = torch.Generator().manual_seed(0)
    groups, counts = find_units(twin), {}
    stays = {name: torch.randperm(len(group), generator=generator)[:(len(group) + 1) // 2]
             for name, group in groups.items()}
    counts = {name: _count(np.array(groups[name].kernel_sizes)[index.numpy()])
              for name, index in stays.items()}
    expected = known.costs(groups, counts)
    try:
        for name, index in stays.items():
            groups[name].keep(index.sort().values, Cut())
        counter = count_macs(twin, input_shape)
    except Exception:  # any that a network raises without some of its units
        return False
    return expected == as_costs(sum(p.numel() for p in twin.parameters()),
                                sum(counter.macs.values()))


def _count(labels: Labels) -> dict[int, int]:
    return {label: count for label, count in enumerate(np.bincount(labels).tolist()) if count}
