"""Figures in their short form."""
import pytest

from mmst.errors import ConfigError
from mmst.lab.study.grid import expand
from mmst.lab.study.spec import parse_study

GRID = dict(data=dict(d='Data', e='More'), ratios=(50, 90),
            curves={'Ours': 'st_p{}', 'Theirs': 'sp_p{}'}, above=[('Ours', 'Theirs')])


def test_each_data_set_has_every_curve_at_every_ratio():
    sections, _ = expand(GRID)
    assert [(s['data'], s['title']) for s in sections] == [('d', 'Data'), ('e', 'More')]
    assert sections[1]['curves'] == [dict(label='Ours', runs=['e.st_p50', 'e.st_p90']),
                                     dict(label='Theirs', runs=['e.sp_p50', 'e.sp_p90'])]


def test_an_ordering_is_claimed_at_every_ratio_of_every_data_set():
    _, claims = expand(GRID)
    assert [(c['higher'], c['lower']) for c in claims] == [
        (f'{data}.st_p{ratio}', f'{data}.sp_p{ratio}') for data in 'de' for ratio in (50, 90)]
    assert claims[0]['text'] == '50%: Ours above Theirs'


def test_an_ordering_of_no_curve_is_refused():
    with pytest.raises(ConfigError, match=r"grid.above = 'Others': is no curve. Remedy: use some"):
        expand(dict(GRID, above=[('Ours', 'Others')]))


def test_a_grid_stands_next_to_sections_and_claims_of_ones_own():
    study = parse_study('s', dict(
        runs=[dict(name=f'{d}.{run}_p{r}', tool='train')
              for d in 'de' for run in ('st', 'sp') for r in (50, 90)],
        metrics=dict(d=[('x', 'X', 1)], e=[('x', 'X', 1)]), grid=GRID,
        sections=[dict(title='Own', data='d', rows=[dict(label='one', run='d.st_p50')])],
        claims=[dict(text='own', higher='d.st_p90', lower='d.st_p50')]))
    assert [section.title for section in study.sections] == ['Data', 'More', 'Own']
    assert [claim.text for claim in study.claims][-2:] == ['90%: Ours above Theirs', 'own']


@pytest.mark.parametrize('content, said', [
    (dict(grid=dict(data={})), 'grid: ratios is missing'),
    ({}, 's: it has neither sections nor a grid'),
])
def test_half_a_study_is_refused(content, said):
    with pytest.raises(ConfigError, match=said):
        parse_study('s', dict(runs=[], **content))
