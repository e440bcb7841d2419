"""Titles above the columns."""
import pytest

from mmst.lab.visualize.column import default_label
from mmst.pruning.mask import Mask
from mmst.tickets import Ticket


@pytest.mark.parametrize('path, label', [
    ('work_dirs/st_hrnas_coco_p90/ticket.pth', 'st_hrnas_coco_p90, 90%'),
    ('work_dirs/demo/tickets/45.pth', 'step 45, 90%'),
    ('small.pth', 'small, 90%'), ('a/b.sparse', 'b, 90%')])
def test_labels_tell_runs_and_sparsities_apart(path, label):
    assert default_label(path, Ticket({}, {}, Mask({}), dict(sparsity=0.9))) == label
