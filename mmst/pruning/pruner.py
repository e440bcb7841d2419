"""Prunes progressively, with iterative reactivation (paper Sec. 3.2, Alg. 1), without a runner."""
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from ..registry import CRITERIA, SCHEDULES
from ..settings.checks import check_choice, check_flag, check_names, check_number
from .asked_ratio import asked_ratio, begin_schedule
from .build import build_registered, check_compared, needs_weights_alone, scores_of, update_kept
from .check_network import check_chosen_parts, check_network
from .context import PruningContext
from .criteria import Magnitude
from .large import join
from .mask import Mask
from .mask_in_force import MaskInForce
from .prunable import PARTS, prunable_weights
from .reactivation import REVIVE
from .scope import check_scope
from .scope_allocation import ScopeAllocation

REACTIVATION = ('search', 'prune', None)

#: Of a network alone.
ALONE = PruningContext()


@dataclass(frozen=True)
class PruneResult:
    """Holds the result of a step of pruning.

    Attributes:
        revived (int, optional): Pruned weights that train again; None where no mask was lifted.
        mask (Mask, optional): The mask that was drawn; None where none was due.
        ratio (float, optional): The sparsity that was asked for; None where no mask was drawn.
        early (bool): Whether a run was stopped before the prune that a criterion for the last one
            alone was to draw, so that its mask is by magnitude. Defaults to False.
    """
    revived: int | None = None
    mask: Mask | None = None
    ratio: float | None = None
    early: bool = False

    def details(self) -> dict[str, Any]:
        """Return the prune's entries in the run's timeline."""
        assert self.mask is not None, 'no mask was drawn'
        return dict(ratio=self.ratio, sparsity=self.mask.sparsity, total=self.mask.total,
                    pruned=self.mask.pruned)


class Pruner:
    """Draws masks as the schedule asks, and lifts them for reactivation.

    It needs no runner: :meth:`begin` once; then, of each step of the run, :meth:`begin_step` before
    and :meth:`step` after training. ``owner`` is the class whose arguments these are to a user, as
    messages name it; the others are explained at :class:`mmst.engine.PruneHook`.

    Attributes:
        drawn (Mask, optional): The mask that was drawn in this step, even if it is lifted.
        allocation (ScopeAllocation): Draws masks; another one may take its place.
        revives (bool): Whether pruned weights may train again in the run.
    """

    def __init__(self, sparsity: float, schedule: Any = 'progressive',
                 criterion: Any = 'magnitude', scope: str = 'global',
                 reactivation: str | None = 'search', revive: str = 'zero',
                 parts: Sequence[str] = PARTS, transformers: bool = True,
                 leave_alone: Sequence[str] = (), owner: str = 'Pruner'):
        self.owner = owner
        self.sparsity = check_number(f'{owner}.sparsity', sparsity, above=0, below=1,
                                     remedy='give the share of weights to prune, e.g. 0.9')
        self.scope = check_scope(f'{owner}.scope', scope, self.sparsity, f'{owner}.sparsity')
        self.reactivation = check_choice(f'{owner}.reactivation', reactivation, REACTIVATION)
        self.revive = check_choice(f'{owner}.revive', revive, REVIVE)
        self.schedule = build_registered(SCHEDULES, f'{owner}.schedule', schedule,
                                         sparsity=self.sparsity)
        self.criterion = build_registered(CRITERIA, f'{owner}.criterion', criterion)
        check_compared(f'{owner}.scope', scope, self.criterion)
        self._earlier = (Magnitude() if getattr(self.criterion, 'only_last', False)
                         else self.criterion)
        self.select: dict[str, Any] = dict(
            owner=owner,
            parts=check_names(f'{owner}.parts', parts, 'give e.g. [\'backbone\', \'neck\']'),
            transformers=check_flag(f'{owner}.transformers', transformers),
            leave_alone=check_names(f'{owner}.leave_alone', leave_alone,
                                    'give paths of layers, e.g. [\'backbone.stem\']'))
        self.drawn: Mask | None = None
        self.allocation = ScopeAllocation(self.scope)
        self.revives = self.reactivation is not None

    def weights(self, model: nn.Module) -> dict[str, nn.Parameter]:
        """Return the prunable weights of ``model`` by parameter name."""
        return prunable_weights(model, **self.select)

    def begin(self, prunes: int) -> float:
        """Tell the schedule how many prunes the run has.

        Returns:
            float: The sparsity at which the schedule ends.

        Raises:
            ConfigError: It asks for something else than a share of the weights.
        """
        begin_schedule(self.schedule, prunes, f'{self.owner}.schedule')
        for prune in range(1, prunes + 1):
            self.ratio(prune)
            self.revives = self.revives or self._falls(prune)
        return self.ratio(prunes)

    def ratio(self, prune: int) -> float:
        """Return the sparsity that the schedule asks for at a prune; 0 before the first."""
        return asked_ratio(self.schedule, prune, f'{self.owner}.schedule')

    def begin_step(self, in_force: MaskInForce) -> PruneResult:
        """Lift the mask right after pruning (IR-P), once the pruned network has been evaluated."""
        self.drawn = None
        return PruneResult(in_force.lift() if self.reactivation == 'prune' else None)

    def step(self, in_force: MaskInForce, prune: int, due: bool, searched: bool = False,
             last: bool = False, context: PruningContext = ALONE, stays: bool = False,
             on_lift: Callable[[PruneResult], Any] = lambda result: None) -> PruneResult:
        """Lift and draw the masks that are due at the end of a step of the run.

        Args:
            in_force (MaskInForce): Of the network as it is now.
            prune (int): Number of the last prune by the interval, counted from 1.
            due (bool): Whether that prune is now.
            searched (bool): Whether a search was at the end of this step. Defaults to False.
            last (bool): Whether this is the run's last step, which ends at the target sparsity.
            context (PruningContext): Offers the run's data and processes. Defaults to none.
            stays (bool): Whether nothing is trained after a later lift of masks (``stays_after``).
                Defaults to False.
            on_lift (Callable): Is called with a mask that is lifted before the next one is drawn.
        """
        revived = None
        # No training follows the last search: old values would enter the ticket as they are.
        if (searched and self.reactivation == 'search'
                and not (last and self.revive == 'value')):
            revived = in_force.lift()
            on_lift(PruneResult(revived))
        ratio = self.ratio(prune)
        if due and not last and self._falls(prune):
            revived = in_force.lift()
            on_lift(PruneResult(revived))
            if ratio == 0:
                return PruneResult(revived)
        if due or (last and not self.at_target(in_force.mask)):
            ratio = self.sparsity if last else ratio
        elif not (searched and _is_below(in_force.mask, ratio)):
            return PruneResult(revived)
        mask = self.draw(in_force, ratio, context, last, stays)
        return PruneResult(revived, mask, ratio)

    def stays_after(self, step: int, steps: int, interval: int, search: int | None = None) -> bool:
        """Say whether a mask that is drawn at the end of a step is that of the run's end.

        Where a lift follows, and training after it, it is not.

        Args:
            step (int): Counted from 1.
            steps (int): Of the whole run.
            interval (int): Steps from one prune to the next.
            search (int, optional): Steps from one search to the next; None without a search.
        """
        if self.reactivation == 'prune':
            return step >= steps
        if self.reactivation == 'search' and search and step + search - step % search < steps:
            return False
        return not any(self._falls(prune) and prune * interval < steps
                       for prune in range(step // interval + 1, steps // interval + 1))

    def stop(self, in_force: MaskInForce, lifted: bool, context: PruningContext = ALONE,
             stays: bool = True) -> PruneResult:
        """End a run that is stopped early at the target sparsity too.

        Args:
            in_force (MaskInForce): Of the network as it is now.
            lifted (bool): Whether nothing was trained since masks were lifted.
            context (PruningContext): As of :meth:`step`.
            stays (bool): As of :meth:`step`, had the run gone on. Defaults to True.
        """
        early = False
        if lifted and (self.revive == 'value' or self._differs):
            returned = in_force.returned_mask()
            early = self._differs and returned.reaches(self.sparsity)
            if self.revive == 'value':
                # The last prune's mask holds, for the weights that are left.
                in_force.put(returned)
        if self.at_target(in_force.mask):
            return PruneResult(early=early or (self._differs and not lifted and not stays))
        mask = self.draw(in_force, self.sparsity, context, last=True)
        return PruneResult(None, mask, self.sparsity, early)

    def draw(self, in_force: MaskInForce, ratio: float, context: PruningContext = ALONE,
             last: bool = False, stays: bool = False) -> Mask:
        """Draw the mask of sparsity ``ratio`` and put it in force; arguments as of :meth:`step`.

        A criterion for the last prune alone draws the mask that brings a network to its end: the
        first that reaches the target and stays. Later ones have nothing left to choose.
        """
        mask = None
        if self._differs and (last or stays):
            # As many weights go by any scores.
            sizes = {name: weight.detach().abs() for name, weight in in_force.weights.items()}
            before = in_force.mask
            mask = self._allocate(sizes, ratio, before, context)
            last = last or mask.reaches(self.sparsity)
            if before is None or mask.pruned > before.pruned:
                mask = None
        if mask is None:
            mask = self._draw_by(self.criterion if last else self._earlier, in_force, ratio,
                                 context)
        in_force.put(mask)
        self.drawn = mask
        return mask

    def _draw_by(self, criterion: Any, in_force: MaskInForce, ratio: float,
                 context: PruningContext) -> Mask:
        """Return the mask that a criterion's scores give, once it has updated what stays."""
        weights = in_force.weights
        copies: dict[str, Tensor] = {}
        if getattr(criterion, 'needs_inputs', False):  # of the network that becomes the ticket
            copies = {name: copy for name, copy in in_force.copies.items() if name in weights}
            context.show_inputs(criterion, copies or weights)
        scores = scores_of(criterion, copies or weights, context.gradients(criterion, weights),
                           f'{self.owner}.criterion')
        mask = self._allocate(scores, ratio, in_force.mask, context)
        for tensors in (weights, copies):
            update_kept(criterion, tensors, mask, f'{self.owner}.criterion')
        return mask

    def _allocate(self, scores: Mapping[str, Tensor], ratio: float, previous: Mask | None,
                context: PruningContext) -> Mask:
        mask = self.allocation(scores, ratio, previous)
        agree_on(mask, context.agree)
        return mask

    @property
    def _differs(self) -> bool:
        """Say whether the end of a run has another criterion than the prunes before."""
        return self._earlier is not self.criterion

    def _falls(self, prune: int) -> bool:
        """Say whether the schedule asks for less than before: masks alone only grow."""
        return prune > 1 and self.ratio(prune) < self.ratio(prune - 1)

    def forecast(self, model: nn.Module,
                 select: Callable[[str, Tensor], Tensor] = lambda name, weight: weight) -> Mask:
        """Return the mask that the target sparsity leaves of the weights as they are.

        It is drawn by the criterion, by magnitude where that takes more than the weights, and
        nothing is done with it.

        Args:
            model (nn.Module): The network.
            select (Callable): ``select(name, weight)`` returns the part of a weight that there
                would be.
        """
        whole = {name: weight.detach() for name, weight in self.weights(model).items()}
        weights = {name: select(name, weight) for name, weight in whole.items()}
        left = {name: weight for name, weight in weights.items() if weight.numel()}
        # There are none where a setting is wrong, which others tell.
        drawn: Mapping[str, Tensor] = {}
        if left:
            drawn = self.allocation.forecast(model, lambda: self._scores_alone(whole),
                                             self._scores_alone(left), self.sparsity)
        return Mask({name: drawn[name] if name in drawn else weight.bool()
                     for name, weight in weights.items()})

    def _scores_alone(self, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return scores of weights of which nothing else is known."""
        known = needs_weights_alone(self._earlier)
        return scores_of(self._earlier if known else Magnitude(), weights, {},
                         f'{self.owner}.criterion')

    def at_target(self, mask: Mask | None) -> bool:
        """Say whether ``mask``, in force now, has the target sparsity, to within one weight."""
        mask = self.drawn or mask
        return mask is not None and mask.reaches(self.sparsity)

    def check(self, model: nn.Module) -> None:
        """Refuse parts that the model lacks, layers that cannot be pruned, and too high a sparsity.

        Raises:
            ConfigError: Naming the key.
        """
        check_chosen_parts(model, self.select['parts'], self.owner)
        check_network(model, self.weights(model), self.sparsity, self.owner)


def agree_on(mask: Mask, agree: Callable[[Tensor], Any]) -> None:
    """Let ``agree`` change all tensors of a mask, in one call where they lie in one piece."""
    masks = list(mask.values())
    whole = join(masks) if len({kept.device for kept in masks}) == 1 else masks[0]
    in_one_piece = whole.numel() == mask.total and whole.data_ptr() == masks[0].data_ptr()
    for kept in [whole] if in_one_piece else masks:
        agree(kept)


def _is_below(mask: Mask | None, ratio: float) -> bool:
    return mask is not None and mask.sparsity < ratio
