"""Titles of a demo's picture."""
import pytest

from mmst.lab.demo.pictures import title_of


@pytest.mark.parametrize('record, title', [
    (dict(sparsity=0.9, metrics=dict(mIoU=61.25)), 'S+P, 90% sparse, mIoU 61.2'),
    (dict(metrics={}), 'S+P'), ({}, 'S+P'), (dict(sparsity=0.), 'S+P, 0% sparse')])
def test_the_title_has_the_figures_that_there_are(record, title):
    assert title_of(record) == title
