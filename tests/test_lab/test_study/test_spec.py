"""Study and size files that make no sense are refused in one line before anything runs."""
from pathlib import Path

import fake_tools
import pytest

from mmst.errors import ConfigError

RUNS = fake_tools.STUDY


def changed(old, new):
    assert old in RUNS
    return RUNS.replace(old, new)


BAD = {
    'unknown dependency': (changed('ticket=\'d.search\'', 'ticket=\'d.sarch\''),
                           r'runs.d.sp_p90.ticket = \'d.sarch\': there is no such run'),
    'unknown row': (changed('run=\'d.sp_p90\'', 'run=\'d.sp\''), r'rows = \'d.sp\''),
    'cycle': (changed('name=\'d.search\', tool=\'train\'',
                      'name=\'d.search\', tool=\'retrain\', ticket=\'d.sp_p90\''),
              r'needs itself \(d\.\w+ -> d\.\w+ -> d\.\w+\)'),
    'duplicate name': (changed('dict(name=\'d.dense\', tool=\'train\'),',
                               'dict(name=\'d.search\', tool=\'train\'),'),
                       r'\'d.search\': is the name of two runs'),
    'duplicate label': (changed('label=\'S+P\'', 'label=\'S+P, retrained\''), 'two rows'),
    'unknown tool': (changed('tool=\'prune\'', 'tool=\'cut\''), r'd.sp_p90.tool = \'cut\''),
    'no name': (changed('dict(name=\'d.dense\', tool', 'dict(nam=\'d.dense\', tool'),
                'name is missing'),
    'unknown key': (changed('seeds =', 'seds ='), 'seds'),
    'no metrics': (changed('metrics = dict(d=', 'metrics = dict(e='), 'sections.d.metrics'),
    'not readable': ('title = (', 'cannot be read'),
    'no runs': ('sections = []', 'runs is missing')}


@pytest.mark.parametrize('text, said', BAD.values(), ids=BAD)
def test_a_bad_study_is_refused(folder, study, text, said):
    Path('study.py').write_text(text)
    with pytest.raises(ConfigError, match=said) as error:
        study()
    assert 'Remedy: ' in str(error.value) and '\n' not in str(error.value)
    assert not Path('work').exists()


@pytest.mark.parametrize('size, said', [
    ('configs = dict(d=\'nowhere.py\')', 'configs.d = \'nowhere.py\': no such config'),
    ('configs = dict(e=\'config.py\')', 'has no config for the data'),
    ('config = dict()', 'configs is missing'), (None, 'no such file')])
def test_a_bad_size_is_refused(folder, study, size, said):
    if size is None:
        Path('size.py').unlink()
    else:
        Path('size.py').write_text(size)
    with pytest.raises(ConfigError, match=said) as error:
        study()
    assert 'Remedy: ' in str(error.value) and not Path('work').exists()


def test_a_study_may_be_yaml(folder, study):
    Path('study.yaml').write_text('''
metrics: {d: [[mIoU, mIoU, 1]]}
runs: [{name: d.one, tool: train}]
sections: [{title: S, data: d, rows: [{label: one, run: d.one}]}]
''')
    from mmst.lab.study.main import conduct
    from mmst.lab.study.spec import parse_study, read_settings
    read = parse_study('y', read_settings(Path('study.yaml'), 'STUDY', ''))
    conduct(read, fake_tools.arguments(), Path('tools'), Path('nowhere'))
    assert study.calls('d.one') == 1


def test_jobs_must_be_at_least_one(folder, study):
    with pytest.raises(ConfigError, match='--jobs'):
        study('--jobs', 0)
