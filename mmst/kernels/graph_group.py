"""Holds the common state of the graphs of a network's parts."""
import logging
from typing import Protocol

import torch
from mmengine import dist
from mmengine.logging import print_log
from torch import nn

from .side_streams import SideStreams

#: Graphs that a part keeps at most, by the shapes and precision of its input.
KEPT = 3
#: Share of a GPU's memory below which evaluation gets the graphs' memory.
SHORT = 0.25
#: The allocator's name of the pool that all but graphs use.
EAGER = (0, 0)
#: How much memory a rank saves, from less to more: in its graphs paths run in order, each part
#: keeps one graph, or none.
IN_ORDER, ONE_KEPT, OFF = 1, 2, 3
#: Names of the things that parts lack then.
WITHOUT = {IN_ORDER: 'paths side by side in a CUDA graph',
           ONE_KEPT: 'a CUDA graph of more than one shape of input', OFF: 'a CUDA graph'}


class Part(Protocol):
    """Declares the methods that the group calls of a part with graphs."""
    module: nn.Module
    reasons: list[str]

    def forms(self) -> list[tuple]:
        """Return the shapes and precisions that have a graph."""

    def drop_graphs(self) -> None:
        """Give up all graphs."""


class GraphGroup:
    """Joins the parts of a network whose graphs are dropped together.

    Args:
        sides (SideStreams, optional): Those of paths that run side by side in the graphs.

    Attributes:
        parts (list[Part]): The parts.
        sides (SideStreams, optional): As above; None where the memory did not suffice for them.
        saved (int): How much memory the parts save: 0, ``IN_ORDER``, ``ONE_KEPT`` or ``OFF``.
        reason (str): The error's words where this rank's memory did not suffice.
    """

    def __init__(self, sides: SideStreams | None = None) -> None:
        self.parts: list[Part] = []
        self.sides = sides
        self.saved, self.reason = 0, ''

    @property
    def kept(self) -> int:
        """Return how many graphs each part keeps at most."""
        return KEPT if self.saved < ONE_KEPT else 1

    @property
    def off(self) -> bool:
        """Return whether the parts train without graphs, as the memory did not suffice."""
        return self.saved == OFF

    def drop(self) -> None:
        """Drop the graphs of all parts: one that stayed might use memory of one that went."""
        for part in self.parts:
            part.drop_graphs()

    def run_out(self, others: bool, reason: str) -> None:
        """Make room after a capture or a replay for which the memory did not suffice.

        From now on paths in graphs run in order, which takes less memory. Where they did already,
        and the part kept graphs of ``others``, other shapes, each part keeps one; where not, the
        parts go on without graphs.
        """
        self.reason = reason
        self._save_memory(IN_ORDER if self.sides is not None
                          else ONE_KEPT if self.kept > 1 and others else OFF)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    @property
    def without(self) -> str:
        """Return the name of what the parts lack, after the memory did not suffice."""
        return WITHOUT[self.saved]

    def agree(self) -> bool:
        """Let all ranks save as much memory as the one that has least; the log names that one.

        A collective: all ranks call it in the same place.

        Returns:
            bool: Whether all ranks go on without graphs.
        """
        if dist.get_world_size() > 1:
            own = self.saved
            both = torch.tensor([own, -own])
            dist.all_reduce(both, 'max')
            most, least = int(both[0]), -int(both[1])
            if most != least:
                choices = dist.all_gather_object((own, self.reason))
                rank = [saved for saved, _ in choices].index(most)
                if own < most:
                    self._follow(rank, *choices[rank])
        return self.off

    def _save_memory(self, level: int) -> None:
        self.saved, self.sides = level, None
        self.drop()

    def _follow(self, rank: int, level: int, said: str) -> None:
        """Save as much memory as another rank, and log the reason."""
        self._save_memory(level)
        reason = f'the memory of rank {rank} did not suffice ({said}), and ranks are alike'
        names = ', '.join(type(part.module).__name__ for part in self.parts)
        for part in self.parts:
            part.reasons.append(reason)
        print_log(f'Training {names} without {self.without}: {reason}', 'current', logging.WARNING)


def memory_is_short() -> bool:
    """Return whether less than ``SHORT`` of the current GPU's memory is left to eager passes."""
    if not torch.cuda.is_available():
        return False
    free, total = torch.cuda.mem_get_info()
    return free < SHORT * total and free + cached_for_eager() < SHORT * total


def cached_for_eager() -> int:
    """Return the bytes that torch holds for the current GPU and can hand to an eager pass.

    Those of graphs' private pools are not among them, free as they may look, nor are the gaps of
    segments of other streams. An allocator that does not list its segments counts as one that
    holds none: graphs are dropped too early then, and captured again.
    """
    try:
        segments = torch.cuda.memory_snapshot()
    except RuntimeError:  # backend:cudaMallocAsync
        return 0
    device, stream = torch.cuda.current_device(), torch.cuda.current_stream().cuda_stream
    return sum(s['total_size'] - s['active_size'] for s in segments
               if s['device'] == device and tuple(s.get('segment_pool_id', ())) == EAGER
               and (s['stream'] == stream or not s['active_size']))
