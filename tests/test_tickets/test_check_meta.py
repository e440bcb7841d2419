"""Facts of data sets, as tickets hold them."""
import pytest

from mmst.tickets.check_meta import check_meta, facts_of_data


@pytest.mark.parametrize('metainfo, expected', [
    (dict(classes=('a', 'b'), palette=[[0, 0, 0], (1, 2, 3)]),
     dict(classes=('a', 'b'), palette=[[0, 0, 0], (1, 2, 3)])),
    (dict(classes=(0, 1), palette='random'), dict(classes=['0', '1'])),
    (dict(classes='road', palette=(220, 20, 60), year=2017), dict(year=2017)),
    (dict(classes=None, palette=None), dict(classes=None, palette=None)), ({}, {})])
def test_names_and_colours_of_any_data_set_are_facts_that_a_ticket_takes(metainfo, expected):
    assert facts_of_data(metainfo) == expected
    check_meta(dict(dataset_meta=facts_of_data(metainfo)))
