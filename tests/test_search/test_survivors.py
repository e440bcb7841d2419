"""Lists of survivors that belong to another network."""
import pytest

from mmst.errors import TicketError
from mmst.search.survivors import check_survivors


def test_survivors_of_the_networks_own_sizes_are_taken():
    check_survivors(dict(a=[0, 2], gone=[]), dict(a=range(2)))


@pytest.mark.parametrize('survivors, noted', [(dict(a=[0, 1, 2]), '3 units'), ({}, 'no units')])
def test_survivors_of_another_size_are_refused_by_name(survivors, noted):
    with pytest.raises(TicketError, match=f'has {noted} of a, and its network has 2'):
        check_survivors(survivors, dict(a=range(2)))
