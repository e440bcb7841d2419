"""The street demo is compared with networks of its own length, and README shows their record."""
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
