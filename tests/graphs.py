"""CUDA graphs in tests: real ones on a GPU; without one, functions that are run again."""
import torch
from torch import nn

from mmst.kernels import captured_pass
from mmst.kernels.graphed import GraphedForward
from mmst.kernels.side_streams import SideStreams


class CountedGraph:
    """Stands for ``torch.cuda.CUDAGraph``: it counts its replays; a test empties ``made`` first."""
    made: list['CountedGraph'] = []

    def __init__(self):
        self.replays = 0
        self.made.append(self)

    def replay(self):
        self.replays += 1


def stand_in(monkeypatch) -> None:
    """Let functions stand for graphs, whose tensors lie on the CPU."""
    monkeypatch.setattr(GraphedForward, '_on_gpu', staticmethod(lambda leaves: True))
    monkeypatch.setattr(captured_pass, 'warm_up',
                        lambda *runs, stream=None: [run() for run in runs])
    monkeypatch.setattr(captured_pass, 'record', _remember)
    monkeypatch.setattr(torch.cuda, 'graph_pool_handle', lambda: None)
    monkeypatch.setattr(torch.cuda, 'Stream', object)
    monkeypatch.setattr(SideStreams, 'obstacle', staticmethod(lambda: 'a CPU has no streams'))


def _remember(run, pool, stream=None):
    found = run()

    def replay():
        with torch.enable_grad():
            again = run()
        for old, new in zip(found, again, strict=False):
            if old is not None:
                old.detach().copy_(new)

    return found, replay


class Part(nn.Module):
    """A part with parameters and a buffer, for the decisions alone."""

    def __init__(self):
        super().__init__()
        self.linear, self.bn = nn.Linear(3, 3), nn.BatchNorm1d(3)

    def forward(self, x):
        return self.bn(self.linear(x))


def counted(module):
    """A replay by the module's own forward, which counts its calls."""
    def replay(*leaves):
        replay.calls += 1
        return module(*leaves)

    replay.calls = 0
    return replay


def step(module, rows=4):
    """Train a part once; return its captures, and the calls of its last replay."""
    module(torch.randn(rows, 3)).sum().backward()
    module.zero_grad()
    return module.forward.captures, module.forward.replay and module.forward.replay.calls


# ------------------------------------------------------------------------------- decisions


def out_of_memory(*_):
    raise torch.cuda.OutOfMemoryError('CUDA out of memory. Tried to allocate\nmore')


def no_room_for_cublas(*_):
    raise RuntimeError('CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate`\nmore')
