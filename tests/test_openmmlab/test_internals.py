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
#: The one file.
INTERNALS = 'openmmlab/internals.py'
#: Attributes that this project's classes give themselves and that have a name of mmengine's by
#: chance: no base class of theirs has them.
BY_CHANCE = {'engine/hooks/seed_hook.py': {'_seed'}, 'engine/hooks/timeline_hook.py': {'_run'},
             'kernels/module_state.py': {'_children', '_hooks'},
             'pruning/criteria/obc.py': {'_inputs'}}


def is_private(name):
    return isinstance(name, str) and name.startswith('_') and not name.startswith('__')


def trees(folder):
    for path in sorted(folder.rglob('*.py')):
        yield path.relative_to(folder).as_posix(), ast.parse(path.read_text(encoding='utf-8'))


def defined(tree):
    """Private names that a file gives functions, methods, and attributes of objects."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            yield node.name
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr
        elif isinstance(node, ast.ClassDef):
            yield from (target.id for item in node.body if isinstance(item, ast.Assign)
                        for target in item.targets if isinstance(target, ast.Name))


def imports_mmengine(tree):
    return any(isinstance(node, ast.ImportFrom) and (node.module or '').startswith('mm')
               for node in ast.walk(tree))


def overriding(tree):
    """Calls of ``super()``, within methods of the same name, of what a subclass overrides."""
    return {id(inner) for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)
            for inner in ast.walk(node) if isinstance(inner, ast.Attribute)
            and inner.attr == node.name and ast.unparse(inner.value) == 'super()'}


def touched(tree, private):
    """Lines and expressions that ask for one of the private names.

    An object that asks itself counts in files that import OpenMMLab's packages: elsewhere it has no
    base class of theirs.
    """
    allowed, theirs = overriding(tree), imports_mmengine(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or '').startswith('mm') and \
                not (node.module or '').startswith('mmst'):
            yield from ((node.lineno, name.name, ast.unparse(node)) for name in node.names
                        if is_private(name.name))
        if isinstance(node, ast.Attribute) and node.attr in private and id(node) not in allowed:
            if theirs or ast.unparse(node.value) not in ('self', 'cls'):
                yield node.lineno, node.attr, ast.unparse(node)
        elif (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
                and node.func.id in ('getattr', 'setattr', 'hasattr', 'delattr')
                and len(node.args) > 1):
            word = node.args[1]
            if isinstance(word, ast.JoinedStr):  # f'_{split}_dataloader'
                word = word.values[0]
            name = getattr(word, 'value', None)
            if name in private or name == '_':
                yield node.lineno, name, ast.unparse(node)


@pytest.fixture(scope='module')
def private():
    """mmengine's private names, but for those that torch has or another object of this project."""
    found = {name for _, tree in trees(Path(mmengine.__file__).parent) for name in defined(tree)}
    own = {'_outputs', '_flatten'}  # of the sparse engine's and compact networks
    return {name for name in found if is_private(name)} - {
        *dir(nn.Module()), *dir(torch.Tensor), '_metadata', '_ConvNd', *own} | {'_ext', '_config'}


@pytest.mark.parametrize('source, names', [
    ('runner._resume', ['_resume']), ('a.b._epoch', ['_epoch']),
    ('getattr(runner, "_hooks")', ['_hooks']), ("getattr(a, f'_{b}_dataloader')", ['_']),
    ('from mmengine.optim import _ParamScheduler', ['_ParamScheduler']),
    ('from mmst.costs import _rows', []), ('module._load_checkpoint(path)', ['_load_checkpoint']),
    ('self._rank', []), ('from mmengine import X\nself._rank', ['_rank']), ('model._modules', []),
    ('from mmengine import X\ndef _log_env(self): super()._log_env()', []),
    ('from mmengine import X\ndef other(self): super()._log_env()', ['_log_env'])])
def test_private_names_are_found(private, source, names):
    assert [name for _, name, _ in touched(ast.parse(source), private)] == names


def test_one_file_touches_them(private):
    found = [f'{path}:{line} {text}' for path, tree in trees(PACKAGE) if path != INTERNALS
             for line, name, text in touched(tree, private - BY_CHANCE.get(path, set()))]
    assert not found, '\n'.join(found)


def test_the_names_of_the_file_say_what_a_runner_does(tmp_path):
    runner = Runner.from_cfg(config(tmp_path, 1, search=False,
                                    prune=dict(interval=1, reactivation=None)))
    assert not internals.is_training(runner) and internals.loader_of(runner) is not None
    assert not internals.is_resumed(runner) and internals.file_to_load(runner) is None
    internals.resume_from(runner, 'epoch_1.pth')
    assert internals.is_resumed(runner) and internals.file_to_load(runner) == 'epoch_1.pth'
    internals.resume_from(runner, None)
    assert not internals.is_resumed(runner) and internals.file_to_load(runner) is None
    runner.train()
    assert internals.is_training(runner) and runner.epoch == 1
    internals.add_epoch(runner.train_loop)
    assert runner.epoch == 2
    assert [internals.steps_of(scheduler) for scheduler in runner.param_schedulers or []] == [
        scheduler._global_step for scheduler in runner.param_schedulers or []]
    assert list(internals.visualizer_backends(runner.visualizer)) == list(
        runner.visualizer._vis_backends.values())
