"""Describes the result of a search, as plain data."""
from dataclasses import dataclass
from typing import Any

from .histogram import Histogram
from .target import TOLERANCE
from .unit_group import UnitGroup


@dataclass(frozen=True)
class SearchResult:
    """Holds the findings and removals of one search.

    Attributes:
        removed (List[dict]): For each group that lost units: its name (``group``), its ``kind``,
            how many went by kernel size (``removed``; 0: tokens), how many are ``left``.
        importance (Histogram): Of all units as they were before the removal.
        costs (Dict[str, float]): Of the network as it is now.
        nearness (dict): How near the smallest importance is to the threshold.
        dropped (Dict[str, int]): Entries of the optimizer's state that could not be cut.
        ratio (float, optional): Cost over target now; None where there is no target.
    """
    removed: list[dict[str, Any]]
    importance: Histogram
    costs: dict[str, float]
    nearness: dict[str, Any]
    dropped: dict[str, int]
    ratio: float | None

    @property
    def emptied(self) -> list[str]:
        """Return groups that have no unit left."""
        return [removal['group'] for removal in self.removed if not removal['left']]

    @property
    def misses_target(self) -> bool:
        """Return whether there is a target and the network costs more than it allows."""
        return self.ratio is not None and self.ratio > 1 + TOLERANCE

    def details(self) -> dict[str, Any]:
        """Return the search's entry in the run's timeline."""
        return dict(removed=self.removed, importance=self.importance, **self.costs,
                    **self.nearness)


def describe_removal(name: str, group: UnitGroup, index: list[int]) -> dict[str, Any]:
    """Return the units removed and left of a group whose units of ``index`` stay; before the cut.
    """
    left = [group.kernel_sizes[i] for i in index]
    counts = {size: group.kernel_sizes.count(size) - left.count(size)
              for size in set(group.kernel_sizes)}
    return dict(group=name, kind=group.kind, removed={k: n for k, n in counts.items() if n},
                left=len(left))
