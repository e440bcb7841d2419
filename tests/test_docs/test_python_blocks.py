"""Python in README and docs runs; configs there can be read, and what they name exists."""
import ast
import contextlib
import os
import shutil

import pytest
import torch
from calm_tables import measure_by
from doc_examples import example
from doc_pages import ROOT, blocks
from mmengine.config import Config
from mmengine.registry import HOOKS, Registry
from view_tickets import view_ticket, write_view_config

from mmst import registry
from mmst.cli.main import main

PYTHON = [block for block in blocks('python') if not block.included]


def is_config(block):
    """Configs are assignments and nothing else."""
    return all(isinstance(node, ast.Assign) for node in ast.parse(as_python(block)).body)


def as_python(block):
    return block.text.replace('{{', '(').replace('}}', ')')


CONFIGS = [block for block in PYTHON if is_config(block)]
PAGES = sorted({block.page for block in PYTHON if block not in CONFIGS})


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """A working directory with what the pages speak of: a finished demo, its config, a table."""
    folder = tmp_path_factory.mktemp('docs')
    path = write_view_config('cityscapes', folder)
    shutil.move(path, folder / 'demo_config.py')
    (folder / 'work_dirs/demo').mkdir(parents=True)
    view_ticket('cityscapes', 0, 0.9).save(folder / 'work_dirs/demo/ticket.pth')
    measure_by(lambda *words: main(['profile', *words]), str(folder / 'work_dirs/demo/ticket.pth'),
               '--shape', '64', '128', '--device', 'torch', '--networks', '12', '--checked', '1',
               '--out', str(folder / 'table.json'))
    return folder


@contextlib.contextmanager
def working_in(folder):
    before = os.getcwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


@pytest.mark.parametrize('page', PAGES)
def test_the_blocks_of_a_page_run_one_after_the_other(page, folder):
    names = dict(images=torch.randn(1, 3, 64, 128))
    with working_in(folder):
        for block in PYTHON:
            if block.page == page and block not in CONFIGS:
                exec(compile(block.text, str(block), 'exec'), names)
    assert len(names) > 2


def kinds(settings):
    """All ``type='mmst.…'`` of a config."""
    if isinstance(settings, dict):
        if str(settings.get('type', '')).startswith('mmst.'):
            yield settings['type']
        for value in settings.values():
            yield from kinds(value)
    elif isinstance(settings, (list, tuple)):
        for value in settings:
            yield from kinds(value)


@pytest.mark.parametrize('block', CONFIGS, ids=str)
def test_configs_can_be_read_and_name_what_exists(block, tmp_path):
    path = tmp_path / 'config.py'
    path.write_text(block.text)
    cfg = Config.fromfile(path, import_custom_modules=False)
    load_examples()
    own = [found for found in vars(registry).values() if isinstance(found, Registry)
           and found.scope == 'mmst']
    for kind in kinds(cfg.to_dict()):
        assert any(found.get(kind) for found in own), f'{block}: {kind}'


@pytest.mark.parametrize('block', CONFIGS, ids=str)
def test_hooks_of_configs_take_their_settings(block, tmp_path):
    path = tmp_path / 'config.py'
    path.write_text(block.text)
    load_examples()
    hooks = Config.fromfile(path, import_custom_modules=False).get('default_hooks', {})
    for hook in hooks.values():
        if hook and str(hook.get('type', '')).startswith('mmst.'):
            HOOKS.build(dict(hook))


@pytest.mark.parametrize('block', [b for b in CONFIGS if '_base_' in b.text], ids=str)
def test_configs_that_inherit_change_nothing_by_mistake(block, tmp_path):
    """A key that the base does not have is most likely a misspelt one."""
    path = tmp_path / 'config.py'
    path.write_text(block.text)
    load_examples()
    cfg = Config.fromfile(path)
    base = Config.fromfile(ROOT / 'configs' / block.text.split("'")[1].removeprefix('mmst::'))
    own = {name.id for node in ast.parse(as_python(block)).body for name in node.targets}
    helpers = {'classes', 'data', 'epochs', '_base_', 'custom_imports'}
    assert own - helpers <= set(base), own - helpers - set(base)
    for name in ('default_hooks', 'train_dataloader', 'val_dataloader'):
        assert set(cfg[name]) == set(base[name]), name


def load_examples():
    for name in ('criterion', 'schedule', 'search_block', 'task'):
        example(name)
