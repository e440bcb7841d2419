"""Facts of a network in a snapshot."""
from torch import nn

from mmst.engine.run.snapshot import part_widths


def test_part_that_a_network_says_it_does_not_have_has_no_widths():
    model = nn.Module()
    model.backbone, model.neck = nn.Identity(), None
    assert part_widths(model) == {}
