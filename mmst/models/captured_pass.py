"""A training pass as two CUDA graphs."""
from typing import Any, Callable, List, Sequence, Tuple

import torch
from torch import Tensor, nn
from torch.func import functional_call

WARMUP = 3


class CapturedPass:
    """Forward and backward pass of a module, each captured as a CUDA graph; called like the module.

    Gradients reach inputs and parameters as those of an ordinary pass do, hooks of distributed
    wrappers included. Those of parameters lie in memory that the next backward pass writes anew:
    whoever accumulates must move them before (``GraphedForward`` does).

    Args:
        module (nn.Module): It takes tensors and returns a tensor or a sequence of them.
        inputs (Sequence[Tensor]): Of a pass: shapes, precision, whether gradients are wanted.

    Note:
        Capturing runs the module several times: buffers and random numbers change.
    """

    def __init__(self, module: nn.Module, inputs: Sequence[Tensor]):
        named = {name: p for name, p in module.named_parameters() if p.requires_grad}
        self.parameters = list(named.values())
        self.inputs = [t.detach().clone().requires_grad_(t.requires_grad) for t in inputs]
        # Not the parameters themselves: their nodes in autograd belong to other streams.
        aliases = {name: nn.Parameter(p.detach()) for name, p in named.items()}
        self._leaves = [t for t in (*self.inputs, *aliases.values()) if t.requires_grad]
        self._single = False

        def forward() -> List[Tensor]:
            found = functional_call(module, aliases, tuple(self.inputs))
            self._single = torch.is_tensor(found)
            self._ends = [found] if self._single else list(found)
            return [t.detach() for t in self._ends]

        def backward() -> Sequence[Tensor]:
            ends, self._ends = self._ends, []  # frees what autograd has kept for it
            return torch.autograd.grad(ends, self._leaves, self.given, allow_unused=True)

        self.given = [torch.ones_like(t) for t in forward()]
        self._ends = []  # its nodes belong to this stream
        warm_up(forward, backward)
        pool = torch.cuda.graph_pool_handle()
        self.outputs, self.replay_forward = record(forward, pool)
        self.gradients, self.replay_backward = record(backward, pool)

    def __call__(self, *inputs: Tensor):
        found = _Replay.apply(self, *inputs, *self.parameters)
        return found[0] if self._single else found


class _Replay(torch.autograd.Function):

    @staticmethod
    def forward(ctx, captured: CapturedPass, *tensors: Tensor) -> Tuple[Tensor, ...]:
        ctx.captured = captured
        for own, given in zip(captured.inputs, tensors):
            own.detach().copy_(given)
        captured.replay_forward()
        return tuple(t.clone() for t in captured.outputs)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, *given: Tensor):
        captured = ctx.captured
        for own, gradient in zip(captured.given, given):
            own.copy_(gradient)
        captured.replay_backward()
        found = iter(captured.gradients)
        gradients = [next(found) if needed else None for needed in ctx.needs_input_grad[1:]]
        return (None, *(g if g is None else g.detach() for g in gradients))


def warm_up(*runs: Callable[[], Any]) -> None:
    """What comes up at first use only (plans, handles, kernels) must not be captured."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(WARMUP):
            for run in runs:
                run()
    torch.cuda.current_stream().wait_stream(stream)


def record(run: Callable[[], Any], pool) -> Tuple[Any, Callable[[], None]]:
    """Result of a run, and a function that writes it anew. ``pool`` holds the graph's memory."""
    graph = torch.cuda.CUDAGraph()
    # Threads of data loaders and of collectives go on meanwhile.
    with torch.cuda.graph(graph, pool=pool, capture_error_mode='thread_local'):
        found = run()
    return found, graph.replay
