"""Replays training passes of a model's parts as CUDA graphs."""
import copy
import logging
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import torch
from mmengine.logging import print_log
from torch import Tensor, nn

from ..errors import TrainingError
from ..models.unmodified import is_compiling
from ..randomness import isolated_random_state
from ..search.units import find_units
from .captured_pass import CapturedPass
from .module_state import ModuleState


class GraphedForward:
    """Replays a module's training passes, forward and backward, as CUDA graphs.

    A step of the supernet launches some thirteen thousand small kernels, and takes as long as
    Python needs to launch them one by one. A graph launches them at once.

    A pass is captured when it comes twice in a row: inputs of the same shapes and precision, the
    same parameters in the same places, the same layers in training. So the smaller last batch of an
    epoch runs as before, and a search, which moves parameters, leads to a new capture. Running
    statistics and random numbers are as they would be without a capture. While a pass waits for its
    backward pass, further ones run as before. Passes that cannot be captured do so too, and the
    log says why.

    Args:
        module (nn.Module): It takes a tensor, or a sequence of them, and returns the like.

    Attributes:
        captures (int): How often a pass was captured.
    """

    def __init__(self, module: nn.Module):
        self.module = module
        self.eager: Callable = type(module).forward.__get__(module)
        self.replay: Callable | None = None
        self.captures = 0
        self._last: Any = None
        self._captured: Any = None
        self._refused: Any = None
        self._waits: Callable[[], object | None] = nothing
        self._module_state: ModuleState | None = None
        self._reported: set[str] = set()

    def __call__(self, *args, **kwargs):
        if not self.module.training:
            self.release()  # evaluation may need the memory
        leaves = leaves_of(*args) if len(args) == 1 and not kwargs else []
        if not self._can_run(leaves) or not self._ready(args[0], leaves):
            return self.eager(*args, **kwargs)
        self._keep_accumulated()
        outputs = self.replay(*leaves)
        self._waits = waiting(outputs)
        return outputs

    def release(self) -> None:
        """Give the memory back; later passes are captured again."""
        self._last = self.replay = self._module_state = None

    def remove(self) -> None:
        """Let the module run by its own ``forward`` again."""
        self.module.__dict__.pop('forward', None)
        self.release()

    def __deepcopy__(self, memo: dict) -> 'GraphedForward':
        """Return a copy without graphs: it captures for itself."""
        return type(self)(copy.deepcopy(self.module, memo))

    def __reduce__(self):
        return type(self), (self.module, )

    def _ready(self, inputs, leaves: Sequence[Tensor]) -> bool:
        """Return whether there is a graph of this pass, captured now if it is time."""
        if self._module_state is None or not self._module_state.complete():
            self._module_state = ModuleState(self.module)
        reason = self._module_state.obstacle()
        if reason is not None:
            self.replay = None
            self._tell(reason)
            return False
        case = self._describe(leaves), self._module_state.fingerprint()
        twice, self._last = case == self._last, case
        if self.replay is not None and case[1] != self._captured[1]:
            self.replay = None  # of no use any more, and it holds memory
        if self._waits() is not None:
            return False
        if self.replay is not None and case == self._captured:
            return True
        if not twice or case == self._refused:
            return False
        self.replay = None
        self.replay = self._capture(inputs, leaves)
        self._captured, self._refused = case, None if self.replay else case
        return self.replay is not None

    def _capture(self, inputs, leaves: Sequence[Tensor]) -> Callable | None:
        self.captures += 1
        try:
            return capture(_Flat(self.module, self.eager, torch.is_tensor(inputs)), leaves)
        except TrainingError:
            raise
        except Exception as error:  # whatever a module does, memory that does not suffice
            self._tell(str(error).splitlines()[0])
            return None

    def _tell(self, reason: str) -> None:
        if reason not in self._reported:
            self._reported.add(reason)
            print_log(f'Training {type(self.module).__name__} without a CUDA graph: {reason}',
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
        """Return all that a pass depends on besides the module."""
        return ([(t.shape, t.stride(), t.dtype, t.requires_grad) for t in leaves], *_autocast())

    def _keep_accumulated(self) -> None:
        """Copy an earlier pass's gradients out of the graph's memory, which it overwrites."""
        for parameter in self._module_state.parameters():
            if parameter.grad is not None:
                parameter.grad = parameter.grad.clone()


class _Flat(nn.Module):
    """Wraps a module, and takes its input's tensors one by one."""

    def __init__(self, module: nn.Module, forward: Callable, single: bool):
        super().__init__()
        self.module, self._forward, self._single = module, forward, single

    def forward(self, *leaves: Tensor):
        return self._forward(leaves[0] if self._single else leaves)


def leaves_of(inputs) -> list[Any]:
    """Return the tensors of an input: itself, or its items; none of anything else."""
    if torch.is_tensor(inputs):
        return [inputs]
    return list(inputs) if isinstance(inputs, (list, tuple)) else []


def capture(module: nn.Module, leaves: Sequence[Tensor]) -> Callable:
    """Return ``CapturedPass``, of which nothing is left in buffers and random numbers."""
    buffers = list(module.buffers())
    before = [t.clone() for t in buffers]
    on, dtype = _autocast()
    try:
        with isolated_random_state(0), \
                torch.autocast('cuda', dtype, enabled=on, cache_enabled=False):
            return CapturedPass(module, leaves)
    finally:
        with torch.no_grad():
            for buffer, value in zip(buffers, before, strict=True):
                buffer.copy_(value)


def _autocast() -> tuple[bool, torch.dtype]:
    if hasattr(torch, 'get_autocast_dtype'):  # from torch 2.4 on
        return torch.is_autocast_enabled('cuda'), torch.get_autocast_dtype('cuda')
    return torch.is_autocast_enabled(), torch.get_autocast_gpu_dtype()


def waiting(outputs) -> Callable[[], object | None]:
    """Tells whether the backward pass of these outputs may still come: an object, or None."""
    leaves = [outputs] if torch.is_tensor(outputs) else outputs
    node = next(t.grad_fn for t in leaves if t.grad_fn is not None)
    notes: Any = node.metadata
    notes['waits'] = mark = _Mark()
    node.register_hook(lambda *_: notes.clear())
    return weakref.ref(mark)


def nothing() -> None:
    """Do nothing: no pass waits."""


class _Mark:
    """Lives as long as a node of autograd, or until its backward pass."""


def graph_parts(model: nn.Module) -> list[GraphedForward]:
    """Let the parts of ``model`` that are searched replay their training passes.

    Returns:
        List[GraphedForward]: Of each part; ``remove`` undoes it.
    """
    found = [GraphedForward(part) for part in model.children()
             if find_units(part) and 'forward' not in vars(part)]
    for graphed in found:
        graphed.module.forward = graphed
    return found
