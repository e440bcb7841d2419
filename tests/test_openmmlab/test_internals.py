"""mmengine's private attributes are touched in one file."""
import ast
from pathlib import Path

import mmengine
import pytest
import torch
from mmengine.runner import Runner
from tiny import config
from torch import nn

import mmst
from mmst.openmmlab import internals

PACKAGE = Path(mmst.__file__).parent
#: Of runners and loops, whatever else bears these names.
RUNNERS = {'_resume', '_load_from', '_hooks', '_train_loop', '_val_loop', '_epoch'}
#: The one file; beside it what replaces functions of mmengine's modules.
ALLOWED = {'openmmlab/internals.py', 'openmmlab/config_package.py'}


def is_private(name):
    return name.startswith('_') and not name.startswith('__')


def is_own(node):
    return isinstance(node, ast.Name) and node.id in ('self', 'cls')


def assigned(folder):
    """Private attributes that the classes of a package give their objects, and their methods."""
    for path in folder.rglob('*.py'):
        for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
            if isinstance(node, ast.ClassDef):
                yield from (item.name for item in node.body if isinstance(item, ast.FunctionDef)
                            and is_private(item.name))
                yield from (target.id for item in node.body if isinstance(item, ast.Assign)
                            for target in item.targets if isinstance(target, ast.Name)
                            and is_private(target.id))
            elif (isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
                    and is_own(node.value) and is_private(node.attr)):
                yield node.attr


def touched(source, private):
    """Lines and names where an object other than ``self`` is asked for a private attribute."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and node.attr in private:
            through_super = isinstance(node.value, ast.Call) and getattr(
                node.value.func, 'id', '') == 'super'
            if not is_own(node.value) and not through_super:
                yield node.lineno, ast.unparse(node)
        elif (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
                and node.func.id in ('getattr', 'setattr', 'hasattr', 'delattr')
                and len(node.args) > 1 and isinstance(node.args[1], ast.Constant)
                and node.args[1].value in private and not is_own(node.args[0])):
            yield node.lineno, ast.unparse(node)


@pytest.fixture(scope='module')
def private():
    """mmengine's private names, but for those that torch or this project use for its own, too."""
    others = {*assigned(PACKAGE), *dir(nn.Module()), *dir(torch.Tensor)}
    return set(assigned(Path(mmengine.__file__).parent)) - others | RUNNERS


def test_the_names_are_found(private):
    assert {'_maybe_compile', '_vis_backends', '_global_step', '_instance_dict',
            '_train_dataloader', '_params_init_info', '_init_env'} <= private
    assert [name for _, name in touched(
        'runner._resume\nself._resume\nsuper()._resume()\ngetattr(runner, "_hooks")\na.b._epoch',
        private)] == ['runner._resume', 'getattr(runner, \'_hooks\')', 'a.b._epoch']


def test_one_file_touches_them(private):
    found = [f'{path.relative_to(PACKAGE)}:{line} {name}' for path in sorted(PACKAGE.rglob('*.py'))
             if path.relative_to(PACKAGE).as_posix() not in ALLOWED
             for line, name in touched(path.read_text(encoding='utf-8'), private)]
    assert not found, '\n'.join(found)


def test_the_names_of_the_file_say_what_a_runner_does(tmp_path):
    runner = Runner.from_cfg(config(tmp_path, 1, search=False,
                                    prune=dict(interval=1, reactivation=None)))
    assert not internals.is_training(runner) and internals.training_data(runner) is not None
    assert not internals.is_resumed(runner) and internals.start_file(runner) is None
    internals.resume_from(runner, 'epoch_1.pth')
    assert internals.is_resumed(runner) and internals.start_file(runner) == 'epoch_1.pth'
    internals.resume_from(runner, None)
    assert not internals.is_resumed(runner) and internals.start_file(runner) is None
    runner.train()
    assert internals.is_training(runner) and runner.epoch == 1
    internals.add_epoch(runner.train_loop)
    assert runner.epoch == 2
    assert [internals.steps_of(scheduler) for scheduler in runner.param_schedulers or []] == [
        scheduler._global_step for scheduler in runner.param_schedulers or []]
    assert list(internals.visualizer_backends(runner.visualizer)) == list(
        runner.visualizer._vis_backends.values())
