"""Captures a training pass as two CUDA graphs."""
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from ..errors import TrainingError
from .host_draws import host_draws
from .side_streams import SideStreams

WARMUP = 3


class CapturedPass:
    """Replays forward and backward pass of a module as CUDA graphs; it is called like the module.

    Gradients reach inputs and parameters as those of an ordinary pass do, hooks of distributed
    wrappers included. Those of parameters lie in memory that the next pass overwrites: to
    accumulate, move them before (``GraphedForward`` does). A pass has one backward pass, before
    the next pass.

    Args:
        module (nn.Module): It takes tensors and returns a tensor or a sequence of them.
        inputs (Sequence[Tensor]): Of a pass: shapes, precision, whether gradients are wanted.
        stream (torch.cuda.Stream, optional): Warms up and captures. cuBLAS keeps a workspace for
            each stream, which it allocates at first use: on a stream of the module's own it lies
            outside of the graphs' memory, and outlives them. Defaults to a new one.
        sides (SideStreams, optional): Those of the module's paths that run side by side.

    Raises:
        RuntimeError: The module cannot be captured, and is left as it was but for its buffers.
        torch.cuda.OutOfMemoryError: The memory does not suffice.
        TrainingError: It failed while it was captured, after which torch cannot go on.

    Note:
        Capturing runs the module several times, and each graph once: buffers and random numbers
        change.
    """

    def __init__(self, module: nn.Module, inputs: Sequence[Tensor], stream: Any = None,
                 sides: SideStreams | None = None):
        named = {name: p for name, p in module.named_parameters() if p.requires_grad}
        self.parameters = list(named.values())
        self.inputs = [t.detach().clone().requires_grad_(t.requires_grad) for t in inputs]
        # Not the parameters themselves: their nodes in autograd belong to other streams.
        aliases: dict[str, Tensor] = {name: nn.Parameter(p.detach())
                                      for name, p in named.items()}
        self._leaves = [t for t in (*self.inputs, *aliases.values()) if t.requires_grad]
        if not self._leaves:
            raise RuntimeError('nothing in it is trained')
        self.passes = 0

        def forward() -> list[Tensor]:
            found = functional_call(module, aliases, tuple(self.inputs))
            self._form, self._ends = split_output(found)
            return [t.detach() for t in self._ends]

        def backward() -> list[Tensor | None]:
            ends, self._ends = self._ends, []  # frees the tensors that autograd has kept for it
            # As after an ordinary pass, whose backward pass is called outside of autocast.
            with torch.autocast('cuda', enabled=False):
                return separate_memory(torch.autograd.grad(ends, self._leaves, self.given,
                                                 allow_unused=True), self.given)

        self.given = [torch.ones_like(t) for t in forward()]
        self._ends = []  # its nodes belong to this stream; frees the first pass before the second
        # A first pass may compile kernels, whose files have random names.
        with host_draws(default=any(t.is_cuda for t in self.inputs)) as drawn:
            forward()
            if drawn():
                raise RuntimeError('it draws random numbers on the processor, or by a generator of '
                                   'its own, which a graph may repeat at each step')
        self._ends = []
        runs = [run if sides is None else sides.within(run) for run in (forward, backward)]
        warm_up(*runs, stream=stream)
        pool = torch.cuda.graph_pool_handle()
        self.outputs, self.replay_forward = record(runs[0], pool, stream)
        self.gradients, self.replay_backward = record(runs[1], pool, stream)
        # At its first start CUDA puts a graph onto the device. Where memory lacks for that, it is
        # reported here: training can go on without, which it cannot in the midst of a backward
        # pass.
        self.replay_forward()
        self.replay_backward()

    def __call__(self, *inputs: Tensor):
        return self._form(_Replay.apply(self, *inputs, *self.parameters))


class _Replay(torch.autograd.Function):

    @staticmethod
    def forward(ctx, captured: CapturedPass, *tensors: Tensor) -> tuple[Tensor, ...]:
        captured.passes += 1
        ctx.captured, ctx.number = captured, captured.passes
        for own, given in zip(captured.inputs, tensors, strict=False):  # parameters follow
            own.detach().copy_(given)
        # Before the graph has changed statistics: without memory the pass can still run eagerly.
        outputs = tuple(torch.empty_like(t) for t in captured.outputs)
        captured.replay_forward()
        for output, own in zip(outputs, captured.outputs, strict=True):
            output.copy_(own)
        return outputs

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, *given: Tensor):
        captured = ctx.captured
        if captured is None or ctx.number != captured.passes:
            raise RuntimeError(
                'a CUDA graph has one backward pass for each pass, before the next one. '
                'Remedy: set default_hooks.fast.cuda_graph=False')
        ctx.captured = None  # a loss that somebody keeps must not keep graphs that are dropped
        for own, gradient in zip(captured.given, given, strict=True):
            own.copy_(gradient)
        kept = len(captured.inputs)  # gradients of theirs are few, and may be somebody's leaves
        with _no_way_back():
            captured.replay_backward()
            found = iter(captured.gradients)
            gradients = [next(found) if needed else None for needed in ctx.needs_input_grad[1:]]
            return (None, *(g if g is None else g.clone() for g in gradients[:kept]),
                    *(g if g is None else g.detach() for g in gradients[kept:]))


@contextmanager
def _no_way_back() -> Iterator[None]:
    """Let a lack of memory in a backward pass end the run in a line with its remedy.

    The pass cannot be computed again without a graph: its forward pass has changed statistics, and
    a graph draws other random numbers than the same layers without one. Nor can this rank alone
    leave the step out, as gradients of other parts are on their way to the other ranks.
    """
    try:
        yield
    except RuntimeError as error:
        if not lacks_memory(error):
            raise
        raise TrainingError(
            'memory ran out in the backward pass of a CUDA graph '
            f'({str(error).splitlines()[0]}), and the step cannot be taken without. Remedy: resume '
            'with default_hooks.fast.cuda_graph=False, or train in smaller batches.') from error


class Flat(nn.Module):
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


def split_output(found) -> tuple[Callable, list[Tensor]]:
    """Return a function that puts an output together, and its tensors.

    Raises:
        RuntimeError: It is neither a tensor nor a list or tuple of them.
    """
    if torch.is_tensor(found):
        return (lambda tensors: tensors[0]), [found]
    if type(found) not in (list, tuple) or not all(map(torch.is_tensor, found)):
        raise RuntimeError(f'it returns {type(found).__name__}, not tensors')
    return type(found), list(found)


def separate_memory(gradients: Sequence[Tensor | None], others: Sequence[Tensor]
          ) -> list[Tensor | None]:
    """Return each in memory of its own: a change in place (clipping) would change two."""
    seen, found = {t.data_ptr() for t in others}, []
    for g in gradients:
        if g is not None and g.numel():
            g = g.clone() if g.data_ptr() in seen else g
            seen.add(g.data_ptr())
        found.append(g)
    return found


def warm_up(*runs: Callable[[], Any], stream: Any = None) -> None:
    """Run passes before a capture, which work of first use (plans, kernels) must not enter."""
    stream = torch.cuda.Stream() if stream is None else stream
    mode = torch.cuda.get_sync_debug_mode()
    stream.wait_stream(torch.cuda.current_stream())
    try:
        with torch.cuda.stream(stream), warnings.catch_warnings():
            warnings.simplefilter('ignore')  # that the mode is a prototype
            for i in range(WARMUP):
                if i == WARMUP - 1:  # operators that wait for the GPU would break the capture
                    torch.cuda.set_sync_debug_mode('error')
                for run in runs:
                    run()
    finally:
        torch.cuda.set_sync_debug_mode(mode)
        # After a failure, too: buffers get their values back, which passes may still be changing.
        torch.cuda.current_stream().wait_stream(stream)


def lacks_memory(error: BaseException) -> bool:
    """Return whether an error is a lack of memory: torch's own, or the words of CUDA's libraries.

    cuBLAS and CUDA itself take memory without torch's allocator, and torch passes their errors on
    as ``RuntimeError``.
    """
    return isinstance(error, torch.cuda.OutOfMemoryError) or (
        isinstance(error, RuntimeError)
        and re.search('out of memory|ALLOC(ATION)?_FAILED', str(error)) is not None)


def record(run: Callable[[], Any], pool, stream: Any = None) -> tuple[Any, Callable[[], None]]:
    """Return result of a run, and a function that rewrites it. ``pool`` holds the graph's
    memory; ``stream`` captures, torch's own for captures by default.

    Raises:
        torch.cuda.OutOfMemoryError: The memory did not suffice, for the run or for the graph that
            is made of it. The capture was ended in order, and torch can go on.
        TrainingError: It failed otherwise, after which torch cannot go on.
    """
    graph = torch.cuda.CUDAGraph()
    try:
        # Threads of data loaders and of collectives go on meanwhile. The current stream is named
        # as torch does not come back to it where the end of a capture fails.
        with torch.cuda.stream(torch.cuda.current_stream()), \
                torch.cuda.graph(graph, pool=pool, stream=stream,
                                 capture_error_mode='thread_local'):
            found = run()
    except RuntimeError as error:
        # A capture that was not ended in order has an error of its own in the place of the run's.
        if lacks_memory(error):
            raise torch.cuda.OutOfMemoryError(str(error)) from error
        raise TrainingError(
            'a training pass could not be captured as a CUDA graph '
            f'({str(error).splitlines()[0]}). '
            'Remedy: resume with default_hooks.fast.cuda_graph=False.') from error
    return found, graph.replay
