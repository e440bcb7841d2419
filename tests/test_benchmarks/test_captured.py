"""Benchmarks of training refuse figures of graphs that were not captured."""
from types import SimpleNamespace

import captured
import pytest
import training
from torch import nn


def test_a_ladder_fails_where_its_rung_with_graphs_has_none(monkeypatch):
    monkeypatch.setattr(captured, 'DEVICE', 'cuda')
    monkeypatch.setattr(training, 'RUNGS', {'CUDA graphs': dict(graph=True)})
    monkeypatch.setattr(training, 'make_batch', lambda *_: None)
    monkeypatch.setattr(training, 'measure', lambda *_: {})
    monkeypatch.setattr(training, 'form', lambda *_, **__: SimpleNamespace(model=nn.Sequential()))
    with pytest.raises(captured.Failed, match='no part'):
        training.ladder(SimpleNamespace(rungs=['CUDA graphs'], task='', size=(), rounds=1))
