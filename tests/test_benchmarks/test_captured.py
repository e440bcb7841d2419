"""Benchmarks of training refuse figures of graphs that were not captured."""
from types import SimpleNamespace

import captured
import pytest
import training
from torch import nn

from mmst.engine import FastTrainingHook, PruneHook, SearchHook

ARGS = SimpleNamespace(rungs=['CUDA graphs'], task='', transformer='all', size=(), rounds=1,
                       peak_of='plain')



@pytest.fixture
def of_gpu(monkeypatch):
    """Trainings without graphs, whose figures would count as a GPU's."""
    run = SimpleNamespace(hooks=[FastTrainingHook(), PruneHook(0.5), SearchHook((32, 64))])
    monkeypatch.setattr(captured, 'DEVICE', 'cuda')
    for name, function in dict(
            RUNGS={'CUDA graphs': dict(graph=True)}, make_batch=lambda *_: None,
            measure=lambda *_, **__: {}, step=lambda *_: None, runner=lambda *_, **__: run,
            form=lambda *_, **__: SimpleNamespace(model=nn.Sequential())).items():
        monkeypatch.setattr(training, name, function)


@pytest.mark.parametrize('section', [training.ladder, training.events, training.print_peak])
def test_sections_fail_where_what_is_to_have_graphs_has_none(of_gpu, section):
    with pytest.raises(captured.Failed, match='no part'):
        section(ARGS)
