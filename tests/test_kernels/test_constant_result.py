"""Processes that compile nothing do not import torch's compiler, which takes seconds."""
import ast
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from deploy_tickets import small_ticket

from mmst.kernels.constant_result import mark_constant

TESTS = Path(__file__).parents[1]
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
    assert printed(SCRIPT) == 'False'


#: Commands with a ticket, in one process; of segmentation a prediction and an evaluation, too.
#: These import torchvision, which finds something in the place of torch's compiler here.
COMMANDS = '''
import sys
from types import ModuleType
import numpy as np
import torch
import mmst
from mmengine.runner import Runner
from mmst.cli.main import main

ticket, folder, task, tests = sys.argv[1:]
if task == 'cityscapes':
    utils = ModuleType('torch._dynamo.utils')
    utils.is_compile_supported = lambda device: False
    sys.modules |= {'torch._dynamo': ModuleType('torch._dynamo'), 'torch._dynamo.utils': utils}
    import torchvision
    del sys.modules['torch._dynamo'], sys.modules['torch._dynamo.utils']

assert main(['cost', ticket]) == 0
assert main(['compact', ticket, '-o', folder + '/compact.pth']) == 0
assert main(['export', ticket, '--format', 'sparse', '-o', folder + '/ticket.sparse']) == 0
for name in ticket, folder + '/compact.pth':
    predictor = mmst.load(name, engine='torch')
if task == 'cityscapes':
    predictor(np.zeros((40, 48, 3), np.uint8))
    sys.path.insert(0, tests)
    from tiny import config
    Runner.from_cfg(config(folder, val=1, scores=[1.])).val()
assert ('torchvision' in sys.modules) == (task == 'cityscapes')
print('torch._dynamo' in sys.modules)
'''
#: Files of the package that name torch's compiler, or what imports it: the setting ``compile``,
#: exports to ONNX and ``torch.export``, and three that look whether it is there already.
NAMING = {'kernels/compiled.py', 'engine/hooks/fast_training_hook.py', 'engine/run/rewrap.py',
          'deploy/export/program.py', 'deploy/export/onnx_graph/model.py',
          'deploy/sparse/images.py', 'models/unmodified.py', 'pruning/input_hessians.py'}
COMPILER = ('torch._dynamo', 'torch._inductor', 'torch.compile', 'torch.export',
            'torch.onnx.export')


def printed(script, *arguments):
    """The last word that a process of its own prints, with ``tests`` as its last argument."""
    done = subprocess.run([sys.executable, '-W', 'ignore', '-c', script, *map(str, arguments),
                           str(TESTS)], capture_output=True, text=True)
    assert not done.returncode, done.stderr
    return done.stdout.split()[-1]


@pytest.mark.by_turns(4)
@pytest.mark.parametrize('task', ['coco', 'cityscapes'])
def test_commands_predictions_and_evaluations_do_not_import_the_compiler(tmp_path, task):
    small_ticket(task).save(tmp_path / 'ticket.pth')
    assert printed(COMMANDS, tmp_path / 'ticket.pth', tmp_path, task) == 'False'


def test_torchvision_imports_the_compiler():
    """Where it does so no more, docs/performance.md and the stand-in above are out of date."""
    assert printed('import sys, torchvision; print("torch._dynamo" in sys.modules)') == 'True'


def test_no_other_file_of_the_package_names_the_compiler():
    package = TESTS.parent / 'mmst'
    found = {str(path.relative_to(package)) for path in package.rglob('*.py')
             if any(name.startswith(COMPILER) for name in names_in(path))}
    assert found == NAMING


def names_in(path):
    """Dotted names that a file's statements use or import."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute):
            yield ast.unparse(node)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f'{node.module}.{alias.name}' for alias in node.names)


def test_a_function_is_marked_as_torch_marks_it():
    ours, torchs = mark_constant(lambda: True), torch.compiler.assume_constant_result(lambda: True)
    assert vars(ours) == vars(torchs) != {}
