"""A level of a family is a row of its own, whose figures the run of the family has measured."""
import json
from pathlib import Path

import fake_tools
import pytest
import tiny

from mmst.lab.study import devices
from mmst.lab.study.main import conduct
from mmst.lab.study.spec import parse_study

TESTS = str(Path(__file__).parents[3])
TOOLS = Path(__file__).parents[4] / 'tools'
CONTENT = dict(
    runs=[dict(name='d.family', tool='train'),
          dict(name='d.level_p80', tool='export', family='d.family', arguments=dict(level=0.8))],
    metrics=dict(d=[('score', 'score', 1)]),
    sections=[dict(title='D', data='d', rows=[dict(label='80%', run='d.level_p80')])])
PRUNE = dict(sparsity=0.6, interval=1, schedule='one_shot', revive='value', family=(0.3, 0.6, 0.8),
             family_every=1)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A study's folder in which a run of a family has ended."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(devices, 'gpus', lambda: [])
    monkeypatch.setattr('mmst.lab.study.write.figures', lambda table: {})  # seconds each
    Path('config.py').write_text('model = dict(type="Any")\n'
                                 'custom_imports = dict(imports=["tiny"])\n')
    monkeypatch.setenv('PYTHONPATH', TESTS)
    Path('size.py').write_text("configs = dict(d='config.py')\n")
    work = Path('work/d.family/seed0')
    tiny.run(work, 2, prune=PRUNE, search=dict(interval=2), length=4, batch_size=2, ticket=True,
             checkpoint=dict(interval=1), val=2, optimizer=dict(type='Adam', lr=0.01))
    return work


def conduct_study(only):
    arguments = fake_tools.arguments('--seeds', 0, '--only', only)
    conduct(parse_study('study', CONTENT), arguments, TOOLS, Path('nowhere'))


@pytest.mark.by_turns(5)
def test_a_level_of_a_family_is_recorded_with_its_own_score_and_costs(folder):
    family = json.loads((folder / 'family.json').read_text())
    assert [row['metrics'] for row in family['levels']] == 3 * [dict(score=0.)]
    family['levels'][2]['metrics']['score'] = 30.  # the tiny network has 0 at each level
    (folder / 'family.json').write_text(json.dumps(family))
    conduct_study('d.level_p80')
    record = json.loads(Path('work/records/d.level_p80-seed0.json').read_text())
    assert record['tool'] == 'export' and record['metrics'] == dict(score=30.)
    assert record['sparsity'] == pytest.approx(0.8, abs=0.02)
    whole = json.loads((folder / 'ticket.json').read_text())
    assert record['params']['sparse'] < whole['params']['sparse']
    assert ' | 1 | 30.00 | - |' in Path('work/tables/study.md').read_text()
