"""Fixtures that tests of models share."""
import pytest
import torch
from graphs import Part, counted, stand_in

from mmst.kernels import graphed
from mmst.kernels.graphed import GraphedForward


@pytest.fixture
def device(monkeypatch):
    """Where graphs are captured. Without a GPU a graph is a function that is run again."""
    if torch.cuda.is_available():
        torch.backends.cudnn.allow_tf32 = False
        yield 'cuda'
        torch.backends.cudnn.allow_tf32 = True
        return
    stand_in(monkeypatch)
    yield 'cpu'


@pytest.fixture
def part(monkeypatch):
    """A part in training whose captures are counted and replay by its own forward."""
    monkeypatch.setattr(GraphedForward, '_on_gpu', staticmethod(lambda leaves: True))
    monkeypatch.setattr(GraphedForward, '_new_stream', staticmethod(object))
    monkeypatch.setattr(graphed, 'capture', lambda module, *_: counted(module))
    module = Part()
    module.forward = GraphedForward(module)
    return module


@pytest.fixture
def parts(part):
    """Two parts whose graphs belong together."""
    other = Part()
    other.forward = GraphedForward(other, part.forward.group)
    return part, other
