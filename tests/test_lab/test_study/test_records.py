"""Records of runs may come from anybody."""
import json
import math
from types import SimpleNamespace

import pytest

from mmst.errors import ConfigError
from mmst.lab.study.records import read_record, write_record

JOB = SimpleNamespace(key='a-seed0', digest='d', seed=0, run=SimpleNamespace(name='a'))
RECORD = dict(run='a', seed=0, digest='d', metrics=dict(mIoU=0.5), sparsity=0.9,
              params=dict(supernet=9, searched=8, sparse=4), macs=dict(supernet=9), seconds=1.5,
              classes_without_label=0)


def test_the_record_of_a_run_is_read(tmp_path):
    (tmp_path / 'a-seed0.json').write_text(json.dumps(RECORD))
    assert read_record(tmp_path, JOB) == RECORD


def test_a_score_that_a_run_s_summary_has_no_number_for_is_kept_as_such(tmp_path):
    result = tmp_path / 'ticket.json'
    result.write_text(json.dumps(dict(metrics=dict(mIoU=0.5, pole=None))))
    job = SimpleNamespace(**dict(vars(JOB), run=SimpleNamespace(name='a', tool='train')),
                          result=result, folder=tmp_path, needs={})
    write_record(tmp_path, job, 'small', ['mmst', 'train'], seconds=1.)
    metrics = read_record(tmp_path, job)['metrics']
    assert metrics['mIoU'] == 0.5 and math.isnan(metrics['pole'])


def test_a_score_may_be_no_number(tmp_path):
    odd = dict(RECORD, metrics=dict(mIoU=0.5, pole=float('nan')))
    (tmp_path / 'a-seed0.json').write_text(json.dumps(odd))
    assert read_record(tmp_path, JOB)['metrics']['mIoU'] == 0.5


@pytest.mark.parametrize('odd', [
    dict(metrics=dict(mIoU='x')), dict(metrics=dict(mIoU=None)), dict(metrics=dict(mIoU=[1])),
    dict(metrics=dict(mIoU=True)), dict(sparsity=5), dict(sparsity='x'), dict(params='x'),
    dict(params=dict(sparse='x')), dict(macs=[1]), dict(macs=dict(sparse=-1)), dict(seed=1),
    dict(run='b'), dict(classes_without_label='x'), dict(seconds='x'), dict(began_with=[1]),
    dict(began_with=dict(ticket='x')), dict(began_with=dict(ticket=dict(run='b', metrics=1)))],
    ids=str)
def test_a_record_that_no_run_has_written_is_refused(tmp_path, odd):
    (tmp_path / 'a-seed0.json').write_text(json.dumps(dict(RECORD, **odd)))
    with pytest.raises(ConfigError, match='is no record of a run'):
        read_record(tmp_path, JOB)
