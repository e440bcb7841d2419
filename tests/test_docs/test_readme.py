"""Every command of README runs, in its order, on the state that `make demo` leaves."""
import os
import shlex

import pytest
from doc_pages import ROOT, blocks
from tiny_street import CONFIG

from mmst.cli import demo as command
from mmst.cli.main import main
from mmst.errors import config_error
from mmst.lab.demo import pictures, speed
from mmst.lab.demo.tasks import DEMOS, Demo

LINES = [line.partition(' #')[0].strip() for block in blocks('shell') if block.page == 'README.md'
         for line in block.text.splitlines()]
COMMANDS = [shlex.split(line) for line in LINES if line]
#: What needs an environment or eight GPUs; other tests look at it.
ELSEWHERE = (['make', 'setup'], ['.', '.venv/bin/activate'])


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """A working directory after a demo: the command itself, on few images, of a narrow network."""
    folder = tmp_path_factory.mktemp('readme')
    short = Demo('cityscapes', 'quiet_streets', 12, 4, 'mIoU', 'always road')
    configs = folder / 'configs'
    path = configs / short.config()
    path.parent.mkdir(parents=True)
    path.write_text(CONFIG.format(base=str(ROOT / 'configs' / short.config()),
                                  data=str(short.folder)).replace("'WARNING'", "'INFO'").replace(
                                      'val_interval=1', 'val_begin=1, val_interval=1').replace(
                                          'rho=0.01', 'rho=0.01, target_flops=None'))
    patch, before = pytest.MonkeyPatch(), os.getcwd()
    patch.setattr(command, 'CONFIGS', configs)
    patch.setitem(DEMOS, 'cityscapes', short)
    patch.setattr(pictures, 'SHOWN', (0, 1))
    patch.setattr(speed.Exporter, '__call__', lambda *_: _no_export)
    os.chdir(folder)
    yield folder
    os.chdir(before)
    patch.undo()


def _no_export():
    raise config_error('export', 'x', 'takes a minute', 'wait')


def test_the_commands_run_one_after_the_other(folder, capfd):
    ran = []
    for words in COMMANDS:
        if words in ELSEWHERE or words[0].startswith('tools/dist_'):
            continue
        words = ['mmst', 'demo'] if words == ['make', 'demo'] else words
        assert words[0] == 'mmst', f'nothing runs {words}'
        assert main(words[1:]) == 0, words
        ran.append(' '.join(words))
    assert ran[0] == 'mmst demo' and (folder / 'work_dirs/demo/report.html').is_file()
    printed = capfd.readouterr().out
    said = printed.partition('next:')[2].split('s in all')[0]
    lines = [line.strip() for line in said.splitlines() if line.strip().startswith('mmst ')]
    assert lines and lines == ran[1:], 'README goes on as the demo says'
    page = (folder / 'work_dirs/demo/report.html').read_text()
    assert 'always road' in page and 'S+P (recorded)' in page


def test_it_is_short():
    assert len((ROOT / 'README.md').read_text().split()) <= 1000
