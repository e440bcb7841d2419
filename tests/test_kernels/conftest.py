"""Fixtures that tests of models share."""
import pytest
import torch
from graphs import stand_in


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
