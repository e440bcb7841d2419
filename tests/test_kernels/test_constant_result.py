"""Processes that compile nothing do not import torch's compiler, which takes seconds."""
import subprocess
import sys

import torch
from deploy_tickets import small_ticket

from mmst.kernels.constant_result import mark_constant

#: A network is made, trained a step by kernels and evaluated; the command line is ready; a whole
#: model of a toolbox that does not import torchvision (which imports the compiler) evaluates.
SCRIPT = '''
import sys
import torch
import mmst.engine
import mmst.cli.main
from mmst.kernels.ops import KernelOps
from mmst.models import SearchBlock

block = SearchBlock(4, 4, tokens=4)
for module in block.modules():
    if hasattr(module, 'ops'):
        module.ops = KernelOps(('cpu', ))
image = torch.rand(1, 4, 16, 16).contiguous(memory_format=torch.channels_last)
block(image).sum().backward()
with torch.no_grad():
    block.eval()(image)

from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmst.models.build import build_model
from mmst.kernels.ops import KernelOps
from mmst.models.hrnas.ops import use_ops

cfg = Config.fromfile(mmst.cfg('demo/st_hrnas_coco_p90_demo.py'))
init_default_scope(cfg.default_scope)
model = build_model(cfg.model).eval()
use_ops(model, KernelOps(('cpu', )))
with torch.no_grad():
    model(torch.rand(1, 3, 96, 72), None, mode='tensor')
assert 'torchvision' not in sys.modules
print('torch._dynamo' in sys.modules)
'''


def test_training_evaluation_and_the_command_line_do_not_import_the_compiler():
    done = subprocess.run([sys.executable, '-W', 'ignore', '-c', SCRIPT], capture_output=True,
                          text=True)
    assert done.stdout.split()[-1:] == ['False'], done.stderr


#: Commands with a ticket whose toolbox does not import torchvision, in one process.
COMMANDS = '''
import sys
import torch
import mmst
from mmst.cli.main import main

ticket, out = sys.argv[1:]
assert main(['cost', ticket]) == 0
assert main(['compact', ticket, '-o', out]) == 0
for name in ticket, out:
    predictor = mmst.load(name)
assert 'torchvision' not in sys.modules
print('torch._dynamo' in sys.modules)
'''


def test_cost_compact_and_load_do_not_import_the_compiler(tmp_path):
    small_ticket('coco').save(tmp_path / 'coco.pth')
    done = subprocess.run([sys.executable, '-W', 'ignore', '-c', COMMANDS, tmp_path / 'coco.pth',
                           tmp_path / 'compact.pth'], capture_output=True, text=True)
    assert done.stdout.split()[-1:] == ['False'], done.stderr


def test_a_function_is_marked_as_torch_marks_it():
    ours, torchs = mark_constant(lambda: True), torch.compiler.assume_constant_result(lambda: True)
    assert vars(ours) == vars(torchs) != {}
