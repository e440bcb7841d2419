"""Masks that may take less and less time: what is drawn, and the committed page."""
import json

import torch
from tables import save_table
from timed_masks import RESULTS, draw, markdown
from tiny import BACKBONE, NECK, SIZE, TinySegmentor


def test_masks_take_their_share_of_the_time_and_keep_less_the_less_they_take(tmp_path):
    torch.manual_seed(0)
    model = TinySegmentor(BACKBONE, NECK)
    rows = draw(model, save_table(model, SIZE, tmp_path / 'table.json'), 0.7, [0.9, 0.7])
    whole, lamp, even, *timed = rows
    assert len({row['mask'].pruned for row in (whole, lamp, *timed)}) == 1
    names = [f'{share} of the time, by {name}' for name in ('magnitude', 'LAMP')
             for share in ('90%', '70%')]
    assert [row['name'] for row in timed] == names
    first, second, *by_lamp = timed
    assert whole['kept'] > first['kept'] > second['kept'] > even['kept']
    assert lamp['layers'] >= by_lamp[0]['layers'] > by_lamp[1]['layers']
    assert lamp['layers'] > max(even['layers'], whole['layers'])
    for row, share in zip(timed, (0.9, 0.7) * 2, strict=True):
        assert row['predicted'] <= share * whole['predicted'] * (1 + 1e-6)


def test_the_committed_page_is_that_of_the_committed_figures():
    record = json.loads(RESULTS.read_text())
    assert RESULTS.with_suffix('.md').read_text() == markdown(record)
    assert markdown(dict(record, sparsity=0.5)) != markdown(record)
