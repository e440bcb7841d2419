"""Masks that may take less and less time: what is drawn, and the committed page."""
import json

import pytest
import torch
from tables import save_table
from timed_masks import RESULTS, draw, markdown
from tiny import BACKBONE, NECK, SIZE, TinySegmentor


def test_masks_take_their_share_of_the_time_and_keep_less_the_less_they_take(tmp_path):
    torch.manual_seed(0)
    model = TinySegmentor(BACKBONE, NECK)
    rows = draw(model, save_table(model, SIZE, tmp_path / 'table.json'), 0.7, [0.9, 0.7])
    whole, even, *timed = rows
    assert len({row['mask'].pruned for row in (whole, *timed)}) == 1
    assert whole['kept'] > timed[0]['kept'] > timed[1]['kept'] > even['kept']
    for row, share in zip(timed, (0.9, 0.7), strict=True):
        assert row['predicted'] == pytest.approx(share * whole['predicted'], rel=0.03)


def test_the_committed_page_is_that_of_the_committed_figures():
    record = json.loads(RESULTS.read_text())
    assert RESULTS.with_suffix('.md').read_text() == markdown(record)
    assert markdown(dict(record, sparsity=0.5)) != markdown(record)
