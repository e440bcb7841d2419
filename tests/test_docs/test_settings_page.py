"""docs/settings.md has a row for each known difference, and its figures are computed here."""
import re
from math import erf, exp, pi, sqrt
from pathlib import Path

import pytest
import torch
from torch import nn

from mmst.models import DensePredictionNeck, HRNASSupernet
from mmst.models.hrnas.widths import search_blocks

PAGE = Path(__file__).parents[2] / 'docs' / 'settings.md'

#: Row of the table of deviations to what it must say.
ROWS = {
    'AdamW\'s decay (Cityscapes, ADE20K)': ['decoupled', 'L2 term'],
    'decay of the learned queries': ['none'],
    'random crop on ImageNet': ['10% of the image\'s area'],
    'batches of BN recalibration': ['10 of 16', '320 images'],
    'scale of people': ['0.25', '0.19'],
    'Transformers': ['44', '61', 'Our reading'],
    'linears of Transformers on COCO': ['0.001'],
    'when a search removes': ['10⁶', 'at evaluations only'],
    'reactivation': ['never lifted'],
    'L1 penalty in retraining and transfer': ['kept', 'none'],
    'where retraining begins': ['425'],
    'length of transfer': ['30 epochs at 80 and 90%'],
    'neck in transfer to dense prediction': ['41.2 of 62.1 GMACs'],
    'counted layers': ['159.9 M'],
    'weights under a mask': ['92.4%'],
    'costs of tokens against channels': ['6 times']}


@pytest.fixture(scope='module')
def deviations():
    """Row's name to the text of its other cells."""
    section = PAGE.read_text(encoding='utf-8').partition('## Deviations')[2].partition('\n## ')[0]
    rows = re.findall(r'^\| (.+?) \| (.+) \|$', section, re.MULTILINE)
    return {name: text for name, text in rows if name != 'setting'}


@pytest.mark.parametrize('name', ROWS)
def test_a_difference_has_its_row(deviations, name):
    assert all(text in deviations[name] for text in ROWS[name]), deviations[name]
    assert deviations[name].count(' | ') == 3


def test_colour_jitter_is_no_deviation_any_more(deviations):
    assert not any('colour' in name for name in deviations)


def test_the_cycle_of_beta1_is_described():
    assert 'beta1 is cycled' in PAGE.read_text(encoding='utf-8')


def test_counts_of_blocks_are_those_of_the_network():
    with torch.device('meta'):
        parts = [HRNASSupernet(), DensePredictionNeck()]
    blocks = [block for part in parts for block in search_blocks(part).values()]
    assert (len(blocks), sum(isinstance(block.residual, nn.Identity)
                             for block in blocks)) == (61, 44)


def test_deviations_of_the_scale_are_those_of_the_distributions():
    density, inside = exp(-1 / 2) / sqrt(2 * pi), erf(1 / sqrt(2))
    assert 0.35 * sqrt(1 - 2 * density / inside) == pytest.approx(0.19, abs=0.005)
    draws = torch.randn(200_000, generator=torch.Generator().manual_seed(0)) * 0.35
    assert float(draws.clamp(-0.35, 0.35).std()) == pytest.approx(0.25, abs=0.01)
