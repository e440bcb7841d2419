"""The mask as a value."""
import pytest
import torch

from mmst.errors import TicketError
from mmst.pruning.mask import Mask


def make():
    return Mask(dict(a=torch.tensor([[True, False], [False, False]]), b=torch.tensor([True, True])))


def test_counts_and_sparsity():
    mask = make()
    assert (mask.total, mask.pruned, mask.sparsity) == (6, 3, 0.5)
    assert mask.layer_sparsity() == dict(a=0.75, b=0.)


def test_a_mask_of_nothing_has_sparsity_0():
    assert Mask({}).sparsity == 0.


def test_it_is_a_mapping_that_does_not_follow_its_source():
    source = dict(a=torch.tensor([True]))
    mask = Mask(source)
    source['b'] = torch.tensor([False])
    assert list(mask) == ['a'] and len(mask) == 1
    with pytest.raises(TypeError):
        mask['a'] = torch.tensor([False])


@pytest.mark.parametrize('bad', [torch.tensor([1, 0]), torch.tensor([1.]), [True], None])
def test_entries_that_are_no_bool_tensors_are_refused(bad):
    with pytest.raises(TicketError, match=r'neck.w.*bool'):
        Mask({'neck.w': bad})


@pytest.mark.parametrize('shapes', [dict(a=(2, 2)), dict(a=(2, 2), b=(3, )),
                                    dict(a=(4, ), b=(2, ))])
def test_a_mask_of_another_network_is_refused(shapes):
    with pytest.raises(TicketError, match='shape'):
        make().check_fits(shapes)


def test_a_mask_fits_a_network_that_has_more():
    make().check_fits(dict(a=(2, 2), b=(2, ), c=(9, )))
