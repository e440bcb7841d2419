"""Training passes of a model's parts as CUDA graphs."""
import copy
import logging
import weakref
from typing import Any, Callable, Iterator, List, Mapping, Optional, Sequence, Tuple

import torch
from mmengine import dist
from mmengine.logging import print_log
from torch import Tensor, nn

from ..randomness import isolated_random_state
from ..search.units import find_units
from .captured_pass import CapturedPass
from .plain import has_hooks, is_compiling


class GraphedForward:
    """A module's ``forward`` that replays training passes, forward and backward, as CUDA graphs.

    A step of the supernet launches some thirteen thousand small kernels, and takes as long as Python
    needs to launch them one by one. A graph launches them at once.

    A pass is captured when it comes twice in a row: inputs of the same shapes and precision, the
    same parameters in the same places, the same layers in training. So the smaller last batch of an
    epoch runs as before, and a search, which moves parameters, leads to a new capture. Running
    statistics and random numbers are as they would be without a capture. While a pass waits for its
    backward pass, further ones run as before. What cannot be captured runs as before too, and the
    log says why.

    Args:
        module (nn.Module): It takes a tensor, or a sequence of them, and returns the like.

    Attributes:
        captures (int): How often a pass was captured.
    """

    def __init__(self, module: nn.Module):
        self.module = module
        self.eager: Callable = type(module).forward.__get__(module)
        self.replay: Optional[Callable] = None
        self.captures = 0
        self._last = self._captured = self._captured_places = None
        self._waits: Callable[[], Optional[object]] = lambda: None
        self._modules: List[nn.Module] = []
        self._tensors: List[Mapping[str, Tensor]] = []
        self._refused = False

    def __call__(self, *args, **kwargs):
        leaves = leaves_of(*args) if len(args) == 1 and not kwargs else []
        if self._refused or not self._can_run(leaves) or not self._ready(args[0], leaves):
            return self.eager(*args, **kwargs)
        self._keep_accumulated()
        outputs = self.replay(*leaves)
        self._waits = waiting(outputs)
        return outputs

    def release(self) -> None:
        """Give the memory back, e.g. for a validation; what follows captures anew."""
        self._last = self.replay = None

    def remove(self) -> None:
        """Let the module run by its own ``forward`` again."""
        self.module.__dict__.pop('forward', None)
        self.release()

    def __deepcopy__(self, memo: dict) -> 'GraphedForward':
        """A copy of the module captures for itself."""
        return type(self)(copy.deepcopy(self.module, memo))

    def _ready(self, inputs, leaves: Sequence[Tensor]) -> bool:
        """Whether there is a graph of this pass, captured now if it is time."""
        state, places = self._describe(leaves), self._places()
        twice, self._last = (state, places) == self._last, (state, places)
        if places != self._captured_places:
            self.replay = None  # of no use any more, and it holds memory
        if self._waits() is not None:
            return False
        if self.replay is not None and state == self._captured:
            return True
        if not twice:
            return False
        self.replay = None
        self.replay = self._capture(inputs, leaves)
        self._captured, self._captured_places = state, places
        return self.replay is not None

    def _capture(self, inputs, leaves: Sequence[Tensor]) -> Optional[Callable]:
        reason = obstacle(self.module)
        try:
            if reason is None:
                self.captures += 1
                return capture(_Flat(self.module, self.eager, torch.is_tensor(inputs)), leaves)
        except RuntimeError as error:  # memory that does not suffice, too
            reason = str(error).splitlines()[0]
        self._refused = True
        print_log(f'Training {type(self.module).__name__} without a CUDA graph: {reason}', 'current',
                  logging.WARNING)
        return None

    def _can_run(self, leaves: Sequence[Any]) -> bool:
        return (bool(leaves) and self.module.training and torch.is_grad_enabled()
                and not is_compiling() and self._on_gpu(leaves))

    @staticmethod
    def _on_gpu(leaves: Sequence[Any]) -> bool:
        return (all(torch.is_tensor(t) and t.is_cuda for t in leaves)
                and not torch.cuda.is_current_stream_capturing())

    def _describe(self, leaves: Sequence[Tensor]) -> Tuple:
        """What a pass depends on, parameters aside."""
        self._walk()
        return ([m.training for m in self._modules], [(t.shape, t.stride(), t.dtype, t.requires_grad) for t in leaves], *_autocast())

    def _places(self) -> List[Tuple[int, int, bool]]:
        return [(t.data_ptr(), t.numel(), t.requires_grad) for t in self._own()]

    def _own(self) -> Iterator[Tensor]:
        """Parameters and buffers."""
        self._walk()
        return (t for tensors in self._tensors for t in tensors.values() if t is not None)

    def _walk(self) -> None:
        """Once: a walk over the modules takes a good part of a step."""
        if not self._modules:  # not before: of a copy that is being made there are no parts yet
            self._modules = list(self.module.modules())
            self._tensors = [tensors for m in self._modules
                             for tensors in (m._parameters, m._buffers) if tensors]

    def _keep_accumulated(self) -> None:
        """Gradients of an earlier pass may lie in the graph's memory, which it writes anew."""
        for tensor in self._own():
            if tensor.is_leaf and tensor.grad is not None:
                tensor.grad = tensor.grad.clone()


class _Flat(nn.Module):
    """A module that takes its input's tensors one by one."""

    def __init__(self, module: nn.Module, forward: Callable, single: bool):
        super().__init__()
        self.module, self._forward, self._single = module, forward, single

    def forward(self, *leaves: Tensor):
        return self._forward(leaves[0] if self._single else leaves)


def leaves_of(inputs) -> List[Any]:
    """The tensors of an input: itself, or its items; none of anything else."""
    if torch.is_tensor(inputs):
        return [inputs]
    return list(inputs) if isinstance(inputs, (list, tuple)) else []


def capture(module: nn.Module, leaves: Sequence[Tensor]) -> Callable:
    """``CapturedPass``, of which nothing is left in buffers and random numbers."""
    buffers = list(module.buffers())
    before = [t.clone() for t in buffers]
    on, dtype = _autocast()
    try:
        with isolated_random_state(0), \
                torch.autocast('cuda', dtype, enabled=on, cache_enabled=False):
            return CapturedPass(module, leaves)
    finally:
        with torch.no_grad():
            for buffer, value in zip(buffers, before):
                buffer.copy_(value)


def obstacle(module: nn.Module) -> Optional[str]:
    """Why a module should not be captured, or None."""
    for name, part in module.named_modules():
        if has_hooks(part) and part is not module:
            return f'{name} has hooks, which a graph would pass over'
        if isinstance(part, nn.SyncBatchNorm) and dist.get_world_size() > 1:
            return f'{name} is a SyncBatchNorm, whose ranks wait for each other'
    return None


def _autocast() -> Tuple[bool, torch.dtype]:
    if hasattr(torch, 'get_autocast_dtype'):  # from torch 2.4 on
        return torch.is_autocast_enabled('cuda'), torch.get_autocast_dtype('cuda')
    return torch.is_autocast_enabled(), torch.get_autocast_gpu_dtype()


def waiting(outputs) -> Callable[[], Optional[object]]:
    """Tells whether the backward pass of these outputs may still come: an object, or None."""
    leaves = [outputs] if torch.is_tensor(outputs) else outputs
    node = next(t.grad_fn for t in leaves if t.grad_fn is not None)
    notes = node.metadata
    notes['waits'] = mark = _Mark()
    node.register_hook(lambda *_: notes.clear())
    return weakref.ref(mark)


class _Mark:
    """Lives as long as a node of autograd, or until its backward pass."""


def graph_parts(model: nn.Module) -> List[GraphedForward]:
    """Let the parts of ``model`` that are searched replay their training passes.

    Returns:
        List[GraphedForward]: Of each part; ``remove`` undoes it.
    """
    found = [GraphedForward(part) for part in model.children()
             if find_units(part) and 'forward' not in vars(part)]
    for graphed in found:
        graphed.module.forward = graphed
    return found
