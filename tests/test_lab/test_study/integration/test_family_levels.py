"""A level of a family is a row of its own, whose figures the run of the family has measured."""
import json
from pathlib import Path

import fake_tools
import pytest
from deploy_tickets import small_ticket, with_levels

from mmst.lab.study import devices
from mmst.lab.study.main import conduct
from mmst.lab.study.spec import parse_study

TOOLS = Path(__file__).parents[4] / 'tools'
CONTENT = dict(
    runs=[dict(name='d.family', tool='train'),
          dict(name='d.level_p80', tool='export', ticket='d.family', arguments=dict(level=0.8))],
    metrics=dict(d=[('mIoU', 'mIoU', 1)]),
    sections=[dict(title='D', data='d', rows=[dict(label='80%', run='d.level_p80')])])


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A study's folder in which the run of the family has ended."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(devices, 'gpus', lambda: [])
    monkeypatch.setattr('mmst.lab.study.write.figures', lambda table: {})  # seconds each
    Path('config.py').write_text('model = dict(type="Any")\n')
    Path('size.py').write_text("configs = dict(d='config.py')\n")
    run = Path('work/d.family/seed0')
    run.mkdir(parents=True)
    with_levels(small_ticket(sparsity=0.5), (0.5, 0.8)).save(run / 'ticket.pth')
    rows = [dict(level=level, sparsity=level, metrics=dict(mIoU=metric))
            for level, metric in ((0.5, 40.), (0.8, 30.))]
    (run / 'ticket.json').write_text(json.dumps(dict(metrics=dict(mIoU=40.), levels=rows)))
    return tmp_path


def conduct_study(only):
    arguments = fake_tools.arguments('--seeds', 0, '--only', only)
    conduct(parse_study('study', CONTENT), arguments, TOOLS, Path('nowhere'))


@pytest.mark.by_turns(5)
def test_a_level_of_a_family_is_recorded_with_its_own_score_and_costs(folder):
    conduct_study('d.level_p80')
    record = json.loads(Path('work/records/d.level_p80-seed0.json').read_text())
    assert record['metrics'] == dict(mIoU=30.) and record['tool'] == 'export'
    assert record['sparsity'] == pytest.approx(0.8, abs=0.01)
    assert record['params']['sparse'] < 0.5 * record['params']['searched']
    assert ' | 1 | 30.00 | - |' in Path('work/tables/study.md').read_text()
