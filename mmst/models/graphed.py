"""CUDA graphs of a part's training pass."""
import copy
import weakref
from typing import Any, Callable, Iterator, List, Mapping, Optional, Sequence, Tuple

import torch
from torch import Tensor, nn

from .plain import is_compiling


class GraphedForward:
    """A module's ``forward`` that replays training passes, forward and backward, as CUDA graphs.

    A step of the supernet launches many thousands of small kernels, and on a GPU takes as long as
    Python needs to launch them. A graph launches them all at once.

    A pass is captured when it comes twice in a row, with inputs of the same shapes and precision and
    the same parameters in the same places. So the smaller last batch of an epoch runs as before, and
    a search, which moves parameters, leads to a new capture. Running statistics and random numbers
    are as they would be without a capture. While an earlier pass waits for its backward pass,
    further ones run as before: the graph's buffers hold one.

    Args:
        module (nn.Module): It takes a tensor, or a sequence of them, and returns tensors.

    Note:
        The outputs' memory is written again by the next step.
    """

    def __init__(self, module: nn.Module):
        self.module = module
        self.eager: Callable = type(module).forward.__get__(module)
        self.replay: Optional[Callable] = None
        self.captures = 0
        self._last = self._captured = self._captured_places = None
        self._tensors: List[Mapping[str, Tensor]] = []
        self._waits: Callable[[], Optional[object]] = lambda: None

    def __call__(self, inputs):
        leaves = [inputs] if torch.is_tensor(inputs) else list(inputs)
        if not self._can_run(leaves):
            return self.eager(inputs)
        state, places = self._describe(leaves), self._places()
        if places != self._captured_places:
            self.replay = None
        twice, self._last = (state, places) == self._last, (state, places)
        if self.replay is None or state != self._captured:
            if not twice:
                return self.eager(inputs)
            self.replay = None  # frees its memory
            self.replay = capture(_Flat(self.module, self.eager, inputs), leaves)
            self._captured, self._captured_places = state, places
            self.captures += 1
        elif self._waits() is not None:
            return self.eager(inputs)
        self._keep_accumulated()
        outputs = self.replay(*leaves)
        self._waits = waiting(outputs)
        return outputs

    def __deepcopy__(self, memo: dict) -> 'GraphedForward':
        """A copy of the module captures for itself; inside its copy ``memo`` has it already."""
        return type(self)(copy.deepcopy(self.module, memo))

    def _can_run(self, leaves: Sequence[Any]) -> bool:
        return (self.module.training and torch.is_grad_enabled() and not is_compiling()
                and self._on_gpu(leaves))

    @staticmethod
    def _on_gpu(leaves: Sequence[Any]) -> bool:
        return (all(torch.is_tensor(t) and t.is_cuda for t in leaves)
                and not torch.cuda.is_current_stream_capturing())

    def _describe(self, leaves: Sequence[Tensor]) -> Tuple:
        """What a pass depends on, parameters aside."""
        return ([(t.shape, t.stride(), t.dtype, t.requires_grad) for t in leaves],
                *_autocast())

    def _places(self) -> List[Tuple[int, bool]]:
        return [(t.data_ptr(), t.requires_grad) for t in self._own()]

    def _own(self) -> Iterator[Tensor]:
        """Parameters and buffers; a walk over the modules would take as long as the step."""
        if not self._tensors:  # not before: of a copy that is being made there are no parts yet
            self._tensors = [tensors for m in self.module.modules()
                             for tensors in (m._parameters, m._buffers) if tensors]
        return (t for tensors in self._tensors for t in tensors.values() if t is not None)

    def _keep_accumulated(self) -> None:
        """Gradients of an earlier pass may lie in the graph's buffers, which it writes anew."""
        for tensor in self._own():
            if tensor.is_leaf and tensor.grad is not None:
                tensor.grad = tensor.grad.clone()


class _Flat(nn.Module):
    """A module that takes its input's tensors one by one, as torch's capture wants it."""

    def __init__(self, module: nn.Module, forward: Callable, inputs):
        super().__init__()
        self.module, self._forward, self._single = module, forward, torch.is_tensor(inputs)

    def forward(self, *leaves: Tensor):
        return self._forward(leaves[0] if self._single else leaves)


def capture(module: nn.Module, leaves: Sequence[Tensor]) -> Callable:
    """Graphs of the forward and backward pass of ``module(*leaves)``, as a function of the leaves.

    What the passes that are needed for it leave behind, in buffers and random numbers, is undone.
    """
    buffers = list(module.buffers())
    before: List[Tensor] = [t.clone() for t in buffers]
    samples = tuple(t.detach().clone().requires_grad_(t.requires_grad) for t in leaves)
    on, dtype = _autocast()
    with torch.random.fork_rng([leaves[0].device]), \
            torch.autocast('cuda', dtype, enabled=on, cache_enabled=False):
        replay = torch.cuda.make_graphed_callables(module, samples, allow_unused_input=True)
    with torch.no_grad():
        for buffer, value in zip(buffers, before):
            buffer.copy_(value)
    return replay


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
    """Let the parts of ``model`` that hold search blocks replay their training passes."""
    from .widths import search_blocks
    found = []
    for part in model.children():
        if search_blocks(part):
            part.forward = GraphedForward(part)
            found.append(part.forward)
    return found
