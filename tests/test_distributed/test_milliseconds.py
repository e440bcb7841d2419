"""Searches and masks by a table of milliseconds, on several processes."""
import pytest
import rank_jobs
import ranks
import torch
from tables import save_table
from tiny import BACKBONE, NECK, SIZE, TinySegmentor

from mmst.costs.latency.table import LatencyTable

WEAKEN = (60, dict(after_train_epoch=rank_jobs.weaken))


@pytest.fixture(scope='module')
def table(tmp_path_factory):
    torch.manual_seed(0)
    return save_table(TinySegmentor(BACKBONE, NECK), SIZE,
                      tmp_path_factory.mktemp('table') / 'table.json')


@pytest.mark.by_turns(4)
@pytest.mark.parametrize(('aim', 'share'), [('magnitude', 0.3), ('ms', 0.15)])
def test_two_processes_search_and_draw_alike_by_a_table(tmp_path, table, aim, share):
    whole = LatencyTable.load(table).predict(TinySegmentor(BACKBONE, NECK))
    answers = ranks.run(2, rank_jobs.train, tmp_path, 4, probes=[WEAKEN], search=dict(
        interval=1, table=table, target_ms=share * whole), prune=dict(
            sparsity=0.7, interval=1, allocation=aim, table=table))
    for states in zip(*answers, strict=True):
        assert not rank_jobs.differences(states), states[0]['step']
    events = answers[0][-1]['events']
    assert any(e['removed'] for e in events if e['kind'] == 'search')
    assert sum(e['kind'] == 'prune' for e in events) > 1
