"""Searches: chooses the units that go, and the penalty that makes them unimportant (paper Alg. 1).
"""
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from torch import nn
from torch.optim import Optimizer

from ..errors import ConfigError, config_error
from ..settings.checks import check_choice, check_flag, check_names, check_number
from ..settings.patterns import covers
from .cost import mean_macs
from .histogram import importance_histogram
from .importance import Keep, importances, nearness, units_to_keep
from .penalty import L1Penalty
from .result import SearchResult, describe_removal
from .scales import REDUCTIONS, penalty_terms
from .surgery import Companions, Cut
from .survivors import check_survivors
from .target import TOLERANCE, SearchTarget, adapt_factor, check_target, limit_removal, round_counts
from .unit_group import UnitGroup
from .units import find_again, find_units, module_path

Groups = Mapping[str, UnitGroup]
#: A ρ above this is a slip of the pen: even 1 makes the penalty outweigh any loss.
MOST_RHO = 1e3


class Counter(Protocol):
    """Counts the costs of networks; :class:`mmst.costs.network_costs.NetworkCosts` is one."""

    #: Of the costs of units.
    unit: str

    def __call__(self, model: nn.Module) -> dict[str, float]:
        """Return at least ``params`` and ``macs`` of a network."""

    def remaining(self, model: nn.Module) -> Callable[[Keep], dict[str, float]]:
        """Return a function that counts ``model`` without the units that a ``Keep`` leaves out."""

    def largest(self, model: nn.Module) -> dict[str, float]:
        """Return the costs of ``model`` if none of its weights were pruned."""

    def unit_costs(self, model: nn.Module, groups: Groups) -> dict[str, torch.Tensor]:
        """Return the cost of each unit of ``groups``, which are the model's."""


class Searcher:
    """Removes unimportant units from a network that is in training, and penalises the others.

    It needs no runner: :meth:`begin` once, then :meth:`step` at each search; :meth:`penalty` after
    each change of the network's shapes. Arguments that are not explained here are so at
    :class:`mmst.engine.SearchHook`.

    Args:
        costs (Counter): Counts the costs of networks; with ``target_ms`` it gives ``ms``, too, and
            the costs of units are milliseconds.
        owner (str): The class whose arguments these are to a user, as messages name it.

    Attributes:
        survivors (Dict[str, List[int]]): Group to the units left, numbered as in the supernet.
        supernet (Dict[str, float], optional): Costs before any search.
        mean_macs (float, optional): Mean cost of the supernet's units, multiply-adds or, where
            ``costs`` counts units in them, milliseconds.
        rho_factor (float): Factor on ρ, which changes where there is a target.
    """

    def __init__(self, costs: Counter, threshold: float = 1e-3, rho: float = 1.4e-4,
                 resource_aware: bool = True, target_flops: float | None = None,
                 target_params: float | None = None, divisor: int = 1, minimum: int = 0,
                 leave_alone: Sequence[str] = (), importance: str = 'mean',
                 target_ms: float | None = None, owner: str = 'Searcher'):
        self.owner, self.costs = owner, costs
        self.threshold = check_number(f'{owner}.threshold', threshold, above=0, below=1,
                                      remedy='use the paper\'s 1e-3')
        self.base_rho = check_number(f'{owner}.rho', rho, low=0, high=MOST_RHO,
                                     remedy='use the released 1.4e-4')
        for name, value in (('target_flops', target_flops), ('target_params', target_params)):
            if value is not None:
                check_number(f'{owner}.{name}', value, above=0,
                             remedy='give the number itself, e.g. 2.03e9 multiply-adds, or None')
        if target_ms is not None:
            check_number(f'{owner}.target_ms', target_ms, above=0,
                         remedy='give the milliseconds, e.g. 30, or None')
        self.target = SearchTarget(target_flops, target_params, target_ms)
        self.divisor = check_number(f'{owner}.divisor', divisor, low=1, whole=True,
                                    remedy='use 1, or 8')
        self.minimum = check_number(f'{owner}.minimum', minimum, low=0, whole=True,
                                    remedy='use 0, or 8')
        self.resource_aware = check_flag(f'{owner}.resource_aware', resource_aware)
        self.leave_alone = check_names(f'{owner}.leave_alone', leave_alone,
                                       'give paths of modules, e.g. [\'neck\']')
        self.reduction = check_choice(f'{owner}.importance', importance, REDUCTIONS)
        self.rho_factor = 1.
        self.mean_macs: float | None = None
        self.supernet: dict[str, float] | None = None
        self.survivors: dict[str, list[int]] = {}

    @property
    def rho(self) -> float:
        """Return the penalty's strength now, before any warm-up."""
        return self.base_rho * self.rho_factor

    def begin(self, model: nn.Module, state: Mapping[str, Any] | None = None) -> None:
        """Note the units of ``model`` before the first search, or continue from ``state``.

        Raises:
            TicketError: The state is of a network of other sizes.
        """
        groups = find_units(model)
        if state is None or state.get('unit', 'macs') != self.costs.unit:
            self.mean_macs = mean_macs(self.costs.unit_costs(model, groups))
        if state is None:
            self.supernet = self.costs(model)
            self.survivors = {name: list(range(len(group))) for name, group in groups.items()}
            return
        check_survivors(state['survivors'], groups)
        if state.get('unit', 'macs') == self.costs.unit:
            self.mean_macs = state['mean_macs']
        # The run may have got another kind of target since.
        self.supernet = {**self.costs(model), **state['supernet']}
        self.survivors, self.rho_factor = state['survivors'], state.get('rho_factor', 1.)

    def state(self) -> dict[str, Any]:
        """Return the state that :meth:`begin` continues from, as plain data."""
        return dict(mean_macs=self.mean_macs, unit=self.costs.unit, supernet=self.supernet,
                    survivors=self.survivors, rho_factor=self.rho_factor)

    def step(self, model: nn.Module, averaged: nn.Module | None = None,
             companions: Sequence[Optimizer | Companions] = (), last: bool = False,
             done: float = 0., agree: Callable[[Keep], Keep] = lambda keep: keep) -> SearchResult:
        """Remove the units that have become unimportant.

        Args:
            model (nn.Module): The network in training, unwrapped; cut in place.
            averaged (nn.Module, optional): Its moving average; cut alike.
            companions (Sequence): Cut with the model's parameters: the optimizer, masks.
            last (bool): Whether no search follows: the averaged factors alone decide.
            done (float): Share of the run's searches that is over with this one.
            agree (Callable): Makes one decision of those of several processes.

        Raises:
            TrainingError: An importance factor is not finite; nothing was removed.
        """
        groups = find_units(model)
        copies = find_again(averaged, list(groups)) if averaged is not None else None
        importance = importances(groups, copies, last, self.reduction)
        histogram = importance_histogram(groups, importance)
        cut, removed = Cut(*companions), []
        with torch.no_grad():
            for name, index in agree(self.choose(model, groups, importance)).items():
                removed.append(describe_removal(name, groups[name], index))
                units = torch.from_numpy(np.array(index, np.int64))
                groups[name].keep(units, cut)
                if copies is not None:
                    copies[name].keep(units, cut)  # nothing goes along with the average
                self.survivors[name] = [self.survivors[name][i] for i in index]
        costs = self.costs(model)
        searched = (values for name, values in importance.items() if not self.leaves_alone(name))
        return SearchResult(removed, histogram, costs, nearness(searched, self.threshold),
                            cut.dropped, self._adapt(costs, done))

    def choose(self, model: nn.Module, groups: Groups,
               importance: Mapping[str, torch.Tensor]) -> Keep:
        """Return the units that stay, of the groups that lose one."""
        if self.meets_target(model):
            return {}
        keep = {}
        for name, stays in units_to_keep(groups, importance, self.threshold).items():
            if not self.leaves_alone(name):
                stays = round_counts(groups[name].kernel_sizes, stays, importance[name],
                                     self.divisor, max(self.minimum, groups[name].minimum))
                if len(stays) < len(groups[name]):
                    keep[name] = stays
        if not self.target or not keep:
            return keep
        remaining = self.costs.remaining(model)
        return limit_removal(keep, importance,
                             lambda left: self.target.ratio(remaining(left)))

    def penalty(self, model: nn.Module) -> L1Penalty:
        """Return the penalty on the units that are left and searched; its strength is 0."""
        groups = {name: group for name, group in find_units(model).items()
                  if not self.leaves_alone(name)}
        costs = {name: torch.ones(len(group)) for name, group in groups.items()}
        if self.resource_aware:
            mean = self.mean_macs or 1.  # where units cost nothing, none gets a penalty
            costs = {name: each / mean
                     for name, each in self.costs.unit_costs(model, groups).items()}
        return L1Penalty(*penalty_terms(groups, costs))

    def meets_target(self, model: nn.Module) -> bool:
        """Return whether there is a target and ``model`` costs no more than it allows."""
        return bool(self.target) and self.target.ratio(self.costs(model)) <= 1

    def leaves_alone(self, group: str) -> bool:
        """Return whether a group of search units stays as it is (``leave_alone``)."""
        return any(covers(pattern, module_path(group)) for pattern in self.leave_alone)

    def _adapt(self, costs: dict[str, float], done: float) -> float | None:
        """Change ρ by how far the search is; end the penalty where the target is met."""
        if not self.target:
            return None
        assert self.supernet is not None  # ``begin`` comes first
        ratio = self.target.ratio(costs)
        if ratio <= 1 + TOLERANCE:
            self.rho_factor = 0.
        elif self.rho_factor:
            self.rho_factor = adapt_factor(self.rho_factor, ratio,
                                           self.target.ratio(self.supernet), done)
        return ratio

    def check(self, model: nn.Module) -> None:
        """Refuse networks without units, names that match nothing, and targets out of reach.

        Raises:
            ConfigError: Naming the key.
        """
        groups = find_units(model)
        if not groups:
            searched = type(getattr(model, 'backbone', model)).__name__
            raise config_error('model.backbone.type', searched, 'it offers no search units',
                               'use mmst.HRNASSupernet, write an adapter (mmst.search.adapters), '
                               'or offer its channels (units="auto")')
        names = [module_path(name) for name in groups]
        for pattern in self.leave_alone:
            if not any(covers(pattern, name) for name in names):
                raise self._error('leave_alone', pattern, 'no searched layer has this name',
                                  f'take names such as {names[0]!r}')
        most = max((len(group) for name, group in groups.items() if not self.leaves_alone(name)),
                   default=0)
        if not most:
            raise self._error('leave_alone', self.leave_alone, 'it spares all that could be '
                              'searched', 'name fewer layers, or search nothing')
        if self.minimum >= most:
            raise self._error('minimum', self.minimum, f'no group has more than {most} units, so '
                              'none could go', f'set it below {most}')
        if self.divisor > most:
            raise self._error('divisor', self.divisor, f'no group has more than {most} units, so '
                              'none could go', f'use {most} or less, e.g. 8')
        if self.target:
            self._check_target(model, groups)

    def _error(self, name: str, value: Any, problem: str, remedy: str) -> ConfigError:
        return config_error(f'{self.owner}.{name}', value, problem, remedy)

    def _check_target(self, model: nn.Module, groups: Groups) -> None:
        """Refuse targets that are met from the start, or by no network at all."""
        fewest = {name: list(range(min(len(group), max(self.minimum, group.minimum))))
                  for name, group in groups.items() if not self.leaves_alone(name)}
        whole = self.costs.largest(model)
        smallest = self.costs.remaining(model)(fewest)
        check_target(self.target, whole, smallest, self.owner)
