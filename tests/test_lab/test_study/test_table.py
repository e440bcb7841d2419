"""Means, ranges, costs, orderings and the files that a table is written to."""
import csv
import json
from types import SimpleNamespace

import pytest

from mmst.lab.study.claims import differences, verdict
from mmst.lab.study.figure import write_figures
from mmst.lab.study.records import began_with_others
from mmst.lab.study.spec import parse_study
from mmst.lab.study.table import fill_claim, fill_table, over_seeds, processor
from mmst.lab.study.write import markdown, tables


def study(**more):
    runs = [dict(name=f'd.{name}', tool='train')
            for name in ('chance', 'dense', 'search', 'a_p50', 'a_p90', 'b_p90')]
    return parse_study('t', dict(dict(
        title='A | title', source='a book', runs=runs, metrics=dict(d=[('x/AP', 'AP', 100)]),
        paper={'d.a_p90': dict(AP=50., macs=2e6)},
        sections=[dict(title='S', data='d', rows=[dict(label='b', run='d.b_p90')],
                       curves=[dict(label='a', runs=['d.a_p50', 'd.a_p90'])])],
        claims=[dict(text='a above b', higher='d.a_p90', lower='d.b_p90'),
                dict(text='b above a', higher='d.b_p90', lower='d.a_p90'),
                dict(text='not run', higher='d.a_p50', lower='d.b_p90')]), **more))


def record(run, seed, score, sparsity=0.5):
    return dict(run=run, seed=seed, metrics={'x/AP': score}, sparsity=sparsity,
                params=dict(supernet=40, searched=20, sparse=2e6),
                macs=dict(supernet=40e6, searched=(10 + 2 * seed) * 1e6, sparse=3e6))


RECORDS = {str(i): r for i, r in enumerate([
    record('d.a_p90', 1, 0.5), record('d.a_p90', 0, 0.4), record('d.b_p90', 0, 0.1),
    record('d.b_p90', 1, 0.3), record('other', 0, 9.), record('d.a_p90', 2, 0.45),
    record('d.b_p90', 2, 0.2), *(record('d.dense', s, 0.6 + 0.05 * s) for s in range(3))])}


def by_seed(values):
    return dict(enumerate(values))


@pytest.mark.parametrize('higher, lower, said', [
    ([5., 9., 7.], [3., 6., 5.5], 'holds'), ([3., 6., 5.5], [5., 9., 7.], 'does not hold'),
    ([5., 9., 5.5], [3., 6., 5.5], 'not resolved'), ([5., 9., 7.], [4.5, 8.5, 6.5], 'not resolved'),
    ([4.5, 8.5, 6.5], [5., 9., 7.], 'not resolved'), ([5., 9.], [1., 1.], 'not resolved'),
    ([5., 9., 7.], [1., 1.], 'not resolved'), ([], [1., 2., 3.], 'not run')])
def test_an_ordering_holds_where_every_seed_agrees_beyond_the_dense_networks_spread(
        higher, lower, said):
    assert verdict(by_seed(higher), by_seed(lower), by_seed([1., 1.5, 2.])) == said


def test_runs_are_compared_under_the_seeds_that_both_have():
    higher, lower = {0: 5., 1: 9., 2: 7., 3: 0.}, {1: 6., 2: 5.5, 0: 3., 4: 99.}
    assert differences(higher, lower) == [2., 3., 1.5]
    assert verdict(higher, lower, by_seed([1., 1.5, 2.])) == 'holds'
    assert verdict(higher, lower, by_seed([1., 1.5])) == 'not resolved'


def test_rows_have_means_ranges_costs_and_the_papers_figures():
    table = fill_table(study(), RECORDS, 'demo')
    rows = {row['label']: row for row in table['sections'][0]['rows']}
    assert list(rows) == ['Chance (constant answer)', 'Dense supernet', 'Searched, not pruned',
                          'a, 50%', 'a, 90%', 'b']
    row = rows['a, 90%']
    assert row['metrics']['AP'] == dict(mean=45., min=40., max=50., values=[40., 50., 45.],
                                        seeds=[0, 1, 2])
    assert row['seeds'] == [0, 1, 2] and row['paper']['AP'] == 50.
    assert row['costs']['macs_dense'] == 12e6 and row['costs']['macs_layers'] == 3e6
    assert row['costs']['macs_density'] == pytest.approx(6e6)
    assert rows['a, 50%']['metrics']['AP']['mean'] is None
    assert [claim['verdict'] for claim in table['claims']] == ['holds', 'does not hold', 'not run']
    assert table['claims'][0]['paper'] == [50., None]


def test_files_say_the_same():
    table = fill_table(study(), RECORDS, 'demo')
    written = {name: data.decode() for name, data in tables(table).items()}
    assert json.loads(written['t.json']) == json.loads(json.dumps(table))
    text = written['t.md']
    assert text == markdown(table)
    line = next(line for line in text.splitlines() if line.startswith('| a, 90%'))
    assert '| 50.0% | 2.000 | 12.0 | 6.0 | 3.0 | 3 | 45.00 (40.00-50.00) | 50.00 |' in line
    assert ('| a above b | AP | 50.00 > - | 45.00 vs 20.00 | +25.00 (+20.00 to +30.00) | holds |'
            in text)
    rows = {row['row']: row for row in csv.DictReader(written['t.csv'].splitlines())}
    assert (float(rows['a, 90%']['mean']), rows['a, 90%']['seeds']) == (45., '3')
    assert rows['a, 50%']['mean'] == ''


def test_only_other_sizes_than_the_papers_carry_a_warning():
    warned = 'levels cannot'
    assert warned in markdown(fill_table(study(), RECORDS, 'demo'))
    assert warned not in markdown(fill_table(study(), RECORDS, 'full'))


def test_figures_are_drawn_of_curves_rows_and_of_nothing(tmp_path):
    points = study(sections=[dict(title='S', data='d', rows=[dict(label='b', run='d.b_p90')])])
    for i, (spec, records) in enumerate(((study(), RECORDS), (points, RECORDS), (points, {}))):
        folder = tmp_path / str(i)
        for path in write_figures(fill_table(spec, records, 'demo'), folder)[:2]:
            assert path.stat().st_size > 5000
    again = tmp_path / 'again'
    write_figures(fill_table(study(), RECORDS, 'demo'), again)
    assert (again / 't.png').read_bytes() == (tmp_path / '0' / 't.png').read_bytes()


def test_scores_over_classes_without_a_label_resolve_nothing():
    rows = [dict(run=f'd.{run}', metrics=dict(m=over_seeds(by_seed([n] * 3))), paper={},
                 classes_without_label=0, processors={}, seeds=[0, 1, 2],
                 began_with_others=[])
            for run, n in (('dense', 9.), ('a', 9.), ('b', 1.))]
    claim = SimpleNamespace(text='a above b', higher='d.a', lower='d.b')
    assert fill_claim(claim, [dict(rows=rows)])['verdict'] == 'holds'
    rows[2]['classes_without_label'] = 8
    assert fill_claim(claim, [dict(rows=rows)])['verdict'] == 'not resolved'
    rows[2]['metrics']['m'] = over_seeds({})
    assert fill_claim(claim, [dict(rows=rows)])['verdict'] == 'not run'


def test_orderings_of_runs_by_different_processors_are_marked():
    records = {key: dict(found, machine=dict(cpu='one', gpu='none')) for key, found
               in RECORDS.items()}
    assert '\\*' not in markdown(fill_table(study(), records, 'demo'))
    records['0'] = dict(records['0'], machine=dict(cpu='two', gpu='none'))
    records['2'] = dict(RECORDS['2'])  # an old record names none
    table = fill_table(study(), records, 'demo')
    assert [claim['unpaired'] for claim in table['claims']] == [[1], [1], []]
    text = markdown(table)
    assert '+25.00 (+20.00 to +30.00) \\* | holds |' in text
    assert 'different processors' in text


@pytest.mark.parametrize('metrics, marked', [
    (dict(mIoU=0.5), []), (dict(mIoU=0.5000001), [1]), (None, [])], ids=str)
def test_orderings_of_a_run_that_began_with_another_result_than_the_recorded_one_are_marked(
        metrics, marked):
    key, found = next((key, found) for key, found in RECORDS.items() if found['seed'] == 1)
    origin = dict(run='d.search', metrics=metrics)
    records = {**RECORDS, key: dict(found, began_with=dict(ticket=origin)),
               'd.search-seed1': dict(run='d.search', seed=1, metrics=dict(mIoU=0.5))}
    table = fill_table(study(), records, 'demo')
    of_the_run = [claim['unpaired'] for claim in table['claims']
                  if found['run'] in (claim['higher'], claim['lower'])]
    assert of_the_run and all(unpaired == marked for unpaired in of_the_run)
    assert ('another result' in markdown(table)) is bool(marked)


def test_so_are_those_of_runs_that_began_with_such_a_one():
    def found(run, score, **origin):
        return dict(run=run, seed=0, metrics=dict(mIoU=score), began_with=origin)

    def began(run, score):
        return dict(run=run, metrics=dict(mIoU=score))

    circle = {'a-seed0': found('a', 1., ticket=began('b', 2.)),
              'b-seed0': found('b', 2., ticket=began('a', 1.))}
    assert not began_with_others(circle['a-seed0'], circle), 'and it ends'
    for score, others in ((1., []), (1.5, ['sp', 'rt'])):
        runs = (found('search', score), found('sp', 2., ticket=began('search', 1.)),
                found('rt', 3., ticket=began('sp', 2.)))
        records = {f'{record["run"]}-seed0': record for record in runs}
        assert [record['run'] for record in records.values()
                if began_with_others(record, records)] == others


@pytest.mark.parametrize('other, marked', [
    ('AMD EPYC', []), ('AMD EPYC (family 25, model 1)', []), ('AMD EPYC (family 26, model 2)', [1]),
    ('Intel Xeon', [1])])
def test_a_name_without_family_and_model_may_be_the_same_processor(other, marked):
    name = 'AMD EPYC (family 25, model 1)'
    for pair in ((name, other), (other, name)):
        found = {key: dict(value, machine=dict(cpu=pair[key == '0'], gpu='none'))
                 for key, value in RECORDS.items()}
        claim, *_ = fill_table(study(), found, 'demo')['claims']
        assert claim['unpaired'] == marked


def test_a_run_on_a_gpu_is_the_gpus():
    assert processor(dict(machine=dict(cpu='c', gpu='g'))) == 'g'
    assert processor(dict(machine=dict(cpu='c', gpu='none'))) == 'c'
    assert processor({}) is None
