"""Tables of several studies in one figure."""
import json

import pytest
from study_tables import bars_table, curves_table, row, section, table

from mmst.errors import ConfigError
from mmst.lab.study.curves import merge, read_table


def other():
    return table(section(row('d.chance', [1.]), row('d.c_p50', [33.], 4e6),
                         curves=dict(C=['d.c_p50'])), study='u')


def test_curves_of_one_data_set_come_together():
    merged = merge('m', [curves_table(), other()])
    found, = merged['sections']
    assert list(found['curves']) == ['A', 'B', 'C']
    assert [r['run'] for r in found['rows']].count('d.chance') == 1
    assert merged['title'] == 'title of t; title of u' and merged['study'] == 'm'


def test_other_data_sets_and_tables_without_curves_stay_apart():
    far = table(section(row('e.c_p50', [3.], 4e6), curves=dict(C=['e.c_p50']), data='e'))
    merged = merge('m', [curves_table(), far, bars_table()])
    assert [(s['data'], bool(s['curves'])) for s in merged['sections']] == [
        ('d', True), ('e', True), ('d', False)]


def test_ratios_of_one_method_from_two_tables_are_one_curve():
    more = table(section(row('d.a_p98', [10.], 1e5), curves=dict(A=['d.a_p98'])))
    merged = merge('m', [curves_table(), more])
    assert merged['sections'][0]['curves']['A'] == ['d.a_p90', 'd.a_p50', 'd.a_p98']


def test_what_is_given_is_not_changed():
    first = curves_table()
    merge('m', [first, other()])
    assert first == curves_table()


def test_sizes_are_not_mixed():
    with pytest.raises(ConfigError, match=r'demo, full.*different sizes.*Remedy: '):
        merge('m', [curves_table(), curves_table(size='full')])


def test_two_results_of_one_run_are_refused():
    with pytest.raises(ConfigError, match=r'd.chance.*other results.*Remedy: '):
        merge('m', [curves_table(), table(section(row('d.chance', [2.]),
                                                  curves=dict(A=['d.chance'])))])


@pytest.mark.parametrize('content', [None, '{', '[]', '{"sections": [{}]}',
                                     json.dumps(dict(study='t', sections=[]))])
def test_what_is_no_table_is_refused(tmp_path, content):
    path = tmp_path / 't.json'
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigError, match=r't.json.*Remedy: give the STUDY.json'):
        read_table(path)


def test_a_table_is_read_as_it_was_written(tmp_path):
    (tmp_path / 't.json').write_text(json.dumps(curves_table()))
    assert read_table(tmp_path / 't.json') == curves_table()
