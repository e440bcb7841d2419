"""Demos are compared with networks of their own length; README and docs show their record."""
import json
import re
from pathlib import Path

import pytest
from mmengine.config import Config

from mmst.cli.demo import PREDICTIONS, RECORD
from mmst.lab.demo.pictures import SHOWN
from mmst.lab.demo.tasks import DEMOS

ROOT = Path(__file__).parents[4]
DEMO = DEMOS['cityscapes']
#: The words with which README's rows begin, and the record's keys.
ROWS = dict(dense='supernet', searched='searched', pruned='the searched network pruned once')


@pytest.fixture(scope='module')
def record():
    return json.loads(RECORD.read_text())['cityscapes']


@pytest.fixture(scope='module')
def cfg():
    return Config.fromfile(ROOT / 'configs' / DEMO.config())


def readme_row(words):
    """Millions of parameters, GMACs and mIoU of a row of README's table."""
    line = re.search(rf'^\| {words}.*$', (ROOT / 'README.md').read_text(), re.M).group()
    params, macs, _, score = line.split('|')[2:6]
    return float(params), float(macs), float(score)


def test_networks_are_recorded_of_the_demos_own_length(record, cfg):
    assert {record[key]['epochs'] for key in ROWS} == {cfg.train_cfg.max_epochs}
    assert all((PREDICTIONS / 'cityscapes' / f'{index}.png').is_file() for index in SHOWN)


@pytest.mark.parametrize('key', ROWS)
def test_readme_shows_the_record(record, key):
    params, macs, score = readme_row(ROWS[key])
    assert params == pytest.approx(record[key]['params'] / 1e6, abs=1e-3)
    assert macs == pytest.approx(record[key]['macs'] / 1e9, abs=1e-4)
    assert score == pytest.approx(record[key]['metrics']['mIoU'], abs=0.06)


def test_the_dense_network_learns_the_streets_and_the_ticket_is_ahead_of_pruning_once(record):
    dense, pruned = (record[key]['metrics']['mIoU'] for key in ('dense', 'pruned'))
    ticket = readme_row('ticket at 90%')[2]
    assert dense >= 60 and ticket >= 0.9 * dense
    assert pruned < ticket - 5


def test_half_of_the_run_is_left_after_the_last_step_of_sparsity(cfg):
    prunes = 9 * cfg.default_hooks.prune.interval  # 10% each, to 90%
    assert prunes <= 0.53 * cfg.train_cfg.max_epochs, 'the paper: 225 of 430 epochs'


#: The other demos whose record is shown, with the least score of their dense network.
OTHERS = dict(ade20k=60, imagenet=90, coco=0.55)


@pytest.fixture(params=OTHERS)
def other(request):
    return DEMOS[request.param], json.loads(RECORD.read_text())[request.param]


def score_of(demo, record, key):
    return record[key]['metrics'][demo.metric]


def test_other_networks_are_recorded_of_their_demos_own_length(other):
    demo, record = other
    epochs = Config.fromfile(ROOT / 'configs' / demo.config()).train_cfg.max_epochs
    assert {record[key]['epochs'] for key in (*ROWS, 'ticket')} == {epochs}
    assert record['ticket']['sparsity'] == pytest.approx(0.9, abs=1e-3)
    assert record['pruned']['sparsity'] == pytest.approx(0.9, abs=1e-3)


def test_other_dense_networks_learn_their_scenes_and_tickets_keep_nine_tenths_of_it(other):
    demo, record = other
    dense, ticket = (score_of(demo, record, key) for key in ('dense', 'ticket'))
    assert dense >= OTHERS[demo.name] and ticket >= 0.9 * dense


@pytest.mark.parametrize('name', ['ade20k', 'coco'])
def test_other_tickets_are_ahead_of_pruning_once(name):
    record = json.loads(RECORD.read_text())[name]
    assert score_of(DEMOS[name], record, 'pruned') < 0.9 * score_of(DEMOS[name], record, 'ticket')


def test_docs_show_the_record_of_other_demos(other):
    demo, record = other
    line = re.search(rf'^\| `{demo.name}`.*$', (ROOT / 'docs/start.md').read_text(), re.M).group()
    shown = [float(cell) for cell in line.split('|')[4:8]]
    digits = 3 if demo.metric == 'coco/AP' else 1
    assert shown == [pytest.approx(score_of(demo, record, key), abs=0.6 * 10**-digits)
                     for key in ('dense', 'searched', 'pruned', 'ticket')]


def test_predictions_of_pruning_once_are_there_for_the_pictures_of_other_demos(other):
    demo, _ = other
    if demo.metric == 'mIoU':
        assert all((PREDICTIONS / demo.name / f'{index}.png').is_file() for index in SHOWN)
    else:
        found = json.loads((PREDICTIONS / f'{demo.name}.json').read_text())
        assert {str(index) for index in demo.shown} == set(found)
