"""``--import MODULE``: tickets of the user's own modules in the tools."""
import os
import subprocess
import sys

import pytest
from tiny_street import ROOT, load_tool

from mmst.engine.run.config_file import read_config
from mmst.errors import ConfigError
from mmst.pruning.mask import Mask
from mmst.tickets import Ticket

TEXT = """
from mmengine.registry import MODELS
from torch import nn

@MODELS.register_module()
class OwnNetOfTools(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = nn.Conv2d(3, 4, 1)

    def forward(self, x):
        return self.backbone(x)
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with the module and a ticket of it, which nobody has imported here."""
    (tmp_path / 'own_net_of_tools.py').write_text(TEXT)
    code = """
import mmst, own_net_of_tools
from mmst.engine.run.config_file import read_config
from mmst.errors import ConfigError
from mmst.pruning.mask import Mask
from mmst.tickets import Ticket
Ticket.from_model(own_net_of_tools.OwnNetOfTools(), dict(type='OwnNetOfTools'), Mask({}),
                  dict(default_scope='mmengine')).save('ticket.pth')
"""
    subprocess.run([sys.executable, '-W', 'ignore', '-c', code], cwd=tmp_path, check=True)
    return tmp_path


def call(folder, *arguments):
    return subprocess.run(
        [sys.executable, '-W', 'ignore', str(ROOT / 'tools/cost.py'), 'ticket.pth', '--shape', '8',
         *arguments], cwd=folder, capture_output=True, text=True, env=dict(os.environ))


@pytest.mark.by_turns(3)
def test_the_tool_names_the_module_and_works_once_it_is_imported(folder):
    refused = call(folder)
    line, = refused.stderr.splitlines()
    assert refused.returncode == 2 and len(line) < 650
    assert 'import own_net_of_tools first (the tools take --import own_net_of_tools)' in line
    done = call(folder, '--import', 'own_net_of_tools')
    assert done.returncode == 0 and 'total' in done.stdout


TOOLS = ('accelerator', 'compact', 'cost', 'export', 'visualize', 'report', 'test', 'train',
         'prune', 'retrain', 'lottery', 'transfer')
#: Arguments of those that need more than one.
WORDS = dict(export=['a', '--format', 'onnx'], lottery=['a', 'b', 'rp'],
             **{key: ['a', 'b'] for key in ('visualize', 'test', 'prune')})


@pytest.mark.parametrize('name', TOOLS)
def test_every_tool_takes_it_and_says_in_one_line_what_cannot_be_imported(name, capsys):
    tool = load_tool(name)
    with pytest.raises(SystemExit) as caught:
        tool.parse_args(['--import', 'no_such_module', *WORDS.get(name, ['a'])])
    err = capsys.readouterr().err
    assert caught.value.code == 2 and err.count('\n') == 1
    assert 'no_such_module: cannot be imported (ModuleNotFoundError' in err


def test_the_ticket_records_nothing_for_the_toolboxes_own_networks():
    from mmengine.registry import MODELS
    model = MODELS.build(dict(type='mmst.HRNASSupernet'))
    ticket = Ticket.from_model(model, dict(type='mmst.HRNASSupernet'), Mask({}), {})
    assert ticket.meta['imports'] == []


def test_a_module_of_custom_imports_that_is_not_there_is_named(tmp_path):
    path = tmp_path / 'config.py'
    path.write_text("custom_imports = dict(imports=['serch_block'], allow_failed_imports=False)\n")
    with pytest.raises(ConfigError, match=r"ModuleNotFoundError: No module named 'serch_block'"):
        read_config(str(path))


def test_modules_that_an_option_names_are_imported(tmp_path):
    path = tmp_path / 'config.py'
    path.write_text('model = dict()\n')
    (tmp_path / 'named_by_option.py').write_text('')
    read_config(str(path), {'custom_imports.imports': ['named_by_option']})
    assert 'named_by_option' in sys.modules
    for wrong in (['serch_block'], [5], 5):
        with pytest.raises(ConfigError, match=r'^--cfg-options custom_imports.imports = .*Remedy'):
            read_config(str(path), {'custom_imports.imports': wrong})
