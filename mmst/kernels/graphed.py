"""Replays training passes of a model's parts as CUDA graphs."""
import copy
import logging
from collections.abc import Callable, Sequence
from typing import Any

import torch
from mmengine.logging import print_log
from torch import Tensor, nn

from ..errors import TrainingError, first_line
from ..models.unmodified import is_compiling
from .autocast import cuda_autocast
from .capture import capture
from .captured_pass import Flat, lacks_memory, leaves_of
from .graph_group import GraphGroup, memory_is_short
from .module_state import ModuleState
from .pending import Pending, nothing, waiting
from .replay_share import WINDOW, ReplayShare

#: A graph that was replayed this often has paid for its capture.
PAYS = 20
#: So many graphs may be dropped before that, until later ones have to wait.
FREE = 3
#: Size of the largest evaluation before any.
NEVER = -1
#: Line of the log where graphs are of little use.
RARE = (f'most of {WINDOW} passes ran without, as each was of another shape or precision than the '
        'one before, parameters moved, or passes waited for their backward pass')


class GraphedForward:
    """Replays a module's training passes, forward and backward, as CUDA graphs.

    A step of the supernet launches some thirteen thousand small kernels, and takes as long as
    Python needs to launch them one by one. A graph launches them at once.

    A pass is captured when it comes twice in a row: inputs of the same shapes and precision, the
    same parameters in the same places, the same layers in training. So the smaller last batch of an
    epoch runs as before, and a search, which moves parameters, leads to a new capture. Graphs of
    ``KEPT`` shapes stay; where they are dropped before they have paid for themselves, or captures
    fail, later ones wait for twice as many passes each time. Running statistics and random numbers
    are as without a capture. While a pass waits for its backward pass, further ones run as before.
    So do passes that cannot be captured, and the log says why; also where most run without.

    Args:
        module (nn.Module): It takes a tensor, or a sequence of them, and returns the like.
        group (GraphGroup, optional): The parts whose graphs are dropped together.

    Attributes:
        captures (int): How often a pass was captured.
        reasons (list[str]): Why passes ran without a graph; the log holds each.
    """

    def __init__(self, module: nn.Module, group: 'GraphGroup | None' = None):
        self.module = module
        self.eager: Callable = type(module).forward.__get__(module)
        self.group = GraphGroup() if group is None else group
        self.group.parts.append(self)
        self.replay: Callable | None = None
        self.captures = 0
        self.reasons: list[str] = []
        self._warned: set[tuple[str, str]] = set()
        self._graphs: dict[tuple, Callable] = {}
        self._uses: dict[tuple, int] = {}
        self._wasted = self._equal = 0
        self._share = ReplayShare()
        self._places: Any = None
        self._last: Any = None
        self._refused: Any = None
        self._stream: Any = None
        self._waits: Callable[[], Pending | None] = nothing
        self._looked_at = NEVER
        self._module_state: ModuleState | None = None

    def __call__(self, *args, **kwargs):
        leaves = leaves_of(*args) if len(args) == 1 and not kwargs else []
        self._make_room(leaves)
        if not self._can_run(leaves) or not self._ready(args[0], leaves):
            return self.eager(*args, **kwargs)
        try:
            outputs = self._replay_pass(leaves)
        except RuntimeError as error:
            if not lacks_memory(error):
                raise
            reason = first_line(error)
        else:
            self._waits = waiting(outputs)
            return outputs
        # After the error has let go of the pass's memory.
        self._run_out(len(self._graphs) > 1, reason)
        return self.eager(*args, **kwargs)

    def _make_room(self, leaves: Sequence[Any]) -> None:
        """Give the graphs' memory to an evaluation where memory is short.

        To find that out takes milliseconds: it is asked before the first pass after training, and
        before each that is larger than all since.
        """
        if self.module.training:
            self._looked_at = NEVER
        elif self._graphs:
            size = sum(t.numel() for t in leaves if torch.is_tensor(t))
            if size > self._looked_at:
                self._looked_at = size
                if memory_is_short():
                    self.group.drop()

    @property
    def patience(self) -> int:
        """Return how many equal passes in a row lead to a capture: more, the more was wasted."""
        return 2 ** (1 + min(max(0, self._wasted - FREE), 10))

    def release(self) -> None:
        """Give the memory back; later passes are captured again."""
        self.drop_graphs()
        self._last = self._module_state = None

    def drop_graphs(self) -> None:
        """Drop this part's graphs; ``GraphGroup.drop`` drops those of all parts together.

        Where a pass waits for its backward pass they go after that: with any graph of a stream
        torch frees cuBLAS's workspaces of it, which the others use.
        """
        had, uses, waits = self.patience, self._uses.values(), self._waits()
        if waits is not None:
            waits.hold(self._graphs)
        self._wasted = 0 if any(n >= PAYS for n in uses) else self._wasted + len(uses)
        self._graphs, self._uses, self.replay = {}, {}, None
        if had == 2 < self.patience:
            self._warn(f'its graphs were dropped soon after their capture {self._wasted} times, '
                       'and later ones wait for steadier passes')

    def forms(self) -> list[tuple]:
        """Return shapes and precisions of the inputs for which there are graphs."""
        return list(self._graphs)

    def remove(self) -> None:
        """Let the module run by its own ``forward`` again."""
        self.module.__dict__.pop('forward', None)
        self.release()

    def __deepcopy__(self, memo: dict) -> 'GraphedForward':
        """Return a copy without graphs: it captures for itself."""
        return type(self)(copy.deepcopy(self.module, memo))

    def __reduce__(self):
        return type(self), (self.module, )

    def _replay_pass(self, leaves: Sequence[Tensor]):
        """Replay the pass; where memory does not suffice, nothing has changed."""
        assert self._module_state is not None and self.replay is not None  # _ready has seen to it
        self._module_state.copy_gradients()  # out of the graph's memory, which it overwrites
        return self.replay(*leaves)

    def _ready(self, inputs, leaves: Sequence[Tensor]) -> bool:
        """Return whether there is a graph of this pass, captured now if it is time."""
        if self._module_state is None or not self._module_state.complete():
            self._module_state = ModuleState(self.module)
        reason = self._module_state.obstacle()
        if reason is not None:
            if self._graphs:
                self.group.drop()
            self._warn(reason)
            return False
        form, places = case = self._describe(leaves), self._module_state.fingerprint()
        self._equal = self._equal + 1 if case == self._last else 1
        self._last = case
        if self._graphs and places != self._places:
            self.group.drop()  # of no use any more, and they hold memory
        found = self._waits() is None and (
            form in self._graphs or self._capture(case, inputs, leaves))
        if not self.group.off and case != self._refused and self._share.small(found):
            self._warn(RARE)
        if not found:
            return False
        self.replay = self._graphs[form]
        self._uses[form] += 1
        return True

    def _capture(self, case: tuple, inputs, leaves: Sequence[Tensor]) -> bool:
        """Capture a pass if it is time, and return whether there is a graph of it now."""
        if self.group.off or self._equal < self.patience or case == self._refused:
            return False
        if len(self._graphs) >= self.group.kept:
            self.group.drop()
        self._stream = self._stream or self._new_stream()
        self.captures += 1
        flat = Flat(self.module, self.eager, torch.is_tensor(inputs))
        try:
            found = capture(flat, leaves, self._stream, self.group.sides)
        except TrainingError:
            raise
        except Exception as error:  # any that a module raises
            reason = first_line(error)
            if not lacks_memory(error):
                self._warn(reason)
                self._refused, self._wasted = case, self._wasted + 1
                return False
        else:
            self._places, self._refused = case[1], None
            self._graphs[case[0]], self._uses[case[0]] = found, 0
            return True
        # After the error has let go of the capture's memory.
        self._run_out(bool(self._graphs), reason)
        return False

    def _run_out(self, others: bool, reason: str) -> None:
        self.group.run_out(others, reason)
        self._warn(reason, self.group.without)

    _new_stream = staticmethod(lambda: torch.cuda.Stream())

    def _warn(self, reason: str, without: str = 'a CUDA graph') -> None:
        if (without, reason) not in self._warned:
            self._warned.add((without, reason))
            self.reasons.append(reason)
            print_log(f'Training {type(self.module).__name__} without {without}: {reason}',
                      'current', logging.WARNING)

    def _can_run(self, leaves: Sequence[Any]) -> bool:
        return (bool(leaves) and self.module.training and torch.is_grad_enabled()
                and not is_compiling() and self._on_gpu(leaves))

    @staticmethod
    def _on_gpu(leaves: Sequence[Any]) -> bool:
        return (all(torch.is_tensor(t) and t.is_cuda for t in leaves)
                and not torch.cuda.is_current_stream_capturing())

    @staticmethod
    def _describe(leaves: Sequence[Tensor]) -> tuple:
        """Return the key of a pass: its dependences besides the module."""
        return (tuple((t.shape, t.stride(), t.dtype, t.requires_grad) for t in leaves),
                *cuda_autocast())
