"""CUDA graphs in tests: real ones on a GPU; without one, functions that are run again."""
import torch

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
