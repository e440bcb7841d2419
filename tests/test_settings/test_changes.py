"""Configs are changed in copies: the one that is given stays as it is."""
import ast
import copy
from pathlib import Path

import pytest
from mmengine.config import Config

import mmst
from mmst.engine.hooks.prune_hook import PruneHook
from mmst.engine.run.command_line import complete
from mmst.engine.run.launcher import with_wrapper
from mmst.engine.run.retrain import retraining_config
from mmst.settings.changes import (
    change,
    change_part,
    with_defaults,
    with_hook_settings,
    with_options,
    with_run_length,
    without,
    without_hooks,
    without_switched_off,
)
from mmst.settings.kinds import kind_name
from mmst.settings.length import run_length


@pytest.fixture
def cfg():
    """A config of a run; it is still the same after the test."""
    cfg = Config(dict(
        launcher='pytorch', default_scope='mmpretrain', work_dir='work', retrain=dict(epochs=5),
        train_cfg=dict(by_epoch=True, max_epochs=8, val_interval=4, val_begin=1),
        train_dataloader=dict(num_workers=0, pin_memory=False),
        param_scheduler=[dict(type='PolyLR', end=8)],
        default_hooks=dict(logger=None, stop=None, prune=dict(type='mmst.PruneHook', sparsity=0.5),
                           ticket=dict(type='mmst.TicketHook', input_shape=(8, 8))),
        custom_hooks=[dict(type='EMAHook'), dict(type=PruneHook, sparsity=0.9)]))
    before = copy.deepcopy(cfg.to_dict())
    yield cfg
    assert cfg.to_dict() == before


def test_settings_are_replaced_or_added(cfg):
    found = change(cfg, work_dir='other', new=dict(a=1))
    assert found.work_dir == 'other' and found.new.a == 1
    found = change_part(cfg, 'train_cfg', max_epochs=2)
    assert found.train_cfg == dict(cfg.train_cfg, max_epochs=2)
    assert change_part(cfg, 'auto_scale_lr', enable=True).auto_scale_lr.enable is True
    found = with_defaults(cfg, 'train_dataloader', pin_memory=True, batch_size=2)
    assert found.train_dataloader == dict(num_workers=0, pin_memory=False, batch_size=2)
    assert 'retrain' not in without(cfg, 'retrain')
    found = with_options(cfg, {'default_hooks.prune.sparsity': 0.7})
    assert found.default_hooks.prune.sparsity == 0.7


def test_hooks_are_removed_from_both_lists(cfg):
    found = without_hooks(cfg, lambda hook: kind_name(hook) == 'PruneHook')
    assert sorted(found.default_hooks) == ['logger', 'stop', 'ticket']
    assert [kind_name(hook) for hook in found.custom_hooks] == ['EMAHook']
    assert sorted(without_switched_off(found).default_hooks) == ['logger', 'ticket']  # mmengine's


def test_the_settings_of_a_hook_are_changed_if_there_is_such_a_hook(cfg):
    found = with_hook_settings(cfg, 'TicketHook', input_shape=(4, 4))
    assert found.default_hooks.ticket.input_shape == (4, 4)
    assert with_hook_settings(cfg, 'SearchHook', interval=3).to_dict() == cfg.to_dict()


def test_the_length_is_changed_in_its_unit(cfg):
    found = with_run_length(cfg, 2, 'epochs', fresh=True)
    assert run_length(found) == (2, 'epochs')
    assert (found.train_cfg.val_interval, found.train_cfg.val_begin) == (2, 1)
    cfg = Config(dict(train_cfg=dict(type='IterBasedTrainLoop', max_iters=80, val_interval=40)))
    found = with_run_length(cfg, 20, 'iterations', fresh=False)
    assert run_length(found) == (20, 'iterations')
    assert found.train_cfg.val_interval == 40


def test_runs_and_retrainings_leave_their_config_as_it_is(cfg):
    assert complete(cfg).train_dataloader.persistent_workers is False
    assert retraining_config(cfg, ticket='ticket.pth').param_scheduler[0].end == 5
    assert with_wrapper(cfg).launcher == 'pytorch'


CHANGING = ('update', 'pop', 'setdefault', 'merge_from_dict', 'clear')


def root_of(node):
    """The name at which ``cfg.a['b'].c`` begins."""
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


def changes_in_place(function):
    """Lines at which a function changes its argument ``cfg`` without having copied it."""
    names = {arg.arg for arg in function.args.args} & {'cfg'}
    copied = [node.lineno for node in ast.walk(function) if isinstance(node, ast.Assign)
              and ast.unparse(node.targets[0]) in names]
    for node in ast.walk(function):
        targets = []
        if isinstance(node, (ast.Assign, ast.Delete)):
            targets = node.targets
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            targets = [node.func] if node.func.attr in CHANGING else []
        for target in targets:
            if not isinstance(target, ast.Name) and root_of(target) in names and not any(
                    line < node.lineno for line in copied):
                yield node.lineno


def test_no_function_changes_the_config_that_it_is_given():
    root = Path(mmst.__file__).parent
    found = [f'{path.relative_to(root)}:{line}' for path in sorted(root.rglob('*.py'))
             if '.mim' not in path.parts
             for node in ast.walk(ast.parse(path.read_text()))
             if isinstance(node, ast.FunctionDef) for line in changes_in_place(node)]
    assert not found


@pytest.mark.parametrize('text, lines', [
    ('def f(cfg):\n  cfg.a = 1', [2]), ('def f(cfg):\n  cfg.a["b"].c = 1', [2]),
    ('def f(cfg):\n  cfg.update(a=1)', [2]), ('def f(cfg):\n  del cfg.hooks["a"]', [2]),
    ('def f(cfg):\n  cfg = copy(cfg)\n  cfg.a = 1', []), ('def f(other):\n  other.a = 1', [])])
def test_changes_in_place_are_found(text, lines):
    assert list(changes_in_place(ast.parse(text).body[0])) == lines


def test_configs_are_changed_in_one_file():
    """Others do not even change a copy of one by hand."""
    root = Path(mmst.__file__).parent
    found = []
    for path in sorted(root.rglob('*.py')):
        if '.mim' in path.parts or path == root / 'settings' / 'changes.py':
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            targets = getattr(node, 'targets', []) if isinstance(
                node, (ast.Assign, ast.Delete)) else []
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                targets = [node.func] if node.func.attr in CHANGING else []
            found += [f'{path.relative_to(root)}:{node.lineno}' for target in targets
                      if not isinstance(target, ast.Name) and root_of(target) == 'cfg']
    assert not found
