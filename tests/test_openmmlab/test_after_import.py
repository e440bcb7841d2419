"""``import mmst`` changes OpenMMLab's packages as soon as they are imported, not before."""
import subprocess
import sys

import pytest

from mmst.openmmlab.after_import import after_import

#: Modules that a training run needs and ``import mmst`` does not; mmcv and the hub bring the rest.
HEAVY = ('mmengine.runner', 'mmengine.hub', 'mmengine.hooks', 'mmengine.model', 'mmengine.optim',
         'mmengine.visualization', 'torch.distributed.fsdp', 'torch.distributed.tensor',
         'torchvision', 'mmcv', 'cv2', 'matplotlib', 'mmst.engine', 'mmst.search',
         'mmst.pruning', 'mmst.models', 'mmst.kernels', 'mmst.costs', 'mmst.deploy', 'mmst.tickets',
         'mmst.lab')


def imported_by(*statements):
    """The modules that are there after some statements in a fresh interpreter."""
    code = '\n'.join([*statements, 'import sys', 'print(*sys.modules)'])
    return set(subprocess.run([sys.executable, '-W', 'ignore', '-c', code], check=True,
                              capture_output=True, text=True).stdout.splitlines()[-1].split())


def test_import_of_mmst_adds_nothing_heavy_to_torch_and_mmengine():
    before = imported_by('import torch, mmengine')
    added = imported_by('import torch, mmengine', 'import mmst') - before
    assert 'mmst.openmmlab.compat' in added
    assert not added & set(HEAVY)


def test_import_of_mmst_alone_and_its_help_need_neither_torch_nor_mmengine():
    for statements in (['import mmst'], ['from mmst.cli.main import main', 'main(["--help"])']):
        assert not {'torch', 'mmengine', 'numpy', *HEAVY} & imported_by(*statements)


PROBE = '''
from mmengine.runner.checkpoint import CheckpointLoader
from mmengine.runner import checkpoint
import mmengine.hub.hub, mmcv.ops, torch
from mmengine.config import Config
from mmst.openmmlab import safe_checkpoints as ours, config_package
assert CheckpointLoader._schemes[''] is checkpoint.load_from_local is ours.load_from_local
assert checkpoint.load_from_http is ours.load_from_url
assert config_package.is_ours(mmengine.hub.hub.get_config)
assert config_package.is_ours(Config._get_cfg_path)
from mmengine.logging import HistoryBuffer
assert HistoryBuffer in torch.serialization.get_safe_globals()
'''


@pytest.mark.by_turns(4)
@pytest.mark.parametrize('order', [
    'import mmst', 'import mmengine.runner, mmengine.hub, mmcv\nimport mmst',
    'import mmst.registry', 'import mmst, mmengine.hub, mmcv'])
def test_all_is_prepared_in_whichever_order_the_packages_are_imported(order):
    assert 'mmst.openmmlab.safe_checkpoints' in imported_by(order, PROBE)


def test_torch_alone_reads_checkpoints_of_mmengine_once_mmst_is_imported():
    """As before the preparations waited: nobody names mmengine here."""
    found = imported_by('import mmst, torch', 'names = torch.serialization.get_safe_globals()',
                        'assert any(name.__name__ == "HistoryBuffer" for name in names)')
    assert 'mmengine' in found


@pytest.fixture
def module(tmp_path, monkeypatch):
    """A module that counts how often it is loaded."""
    (tmp_path / 'probe_of_after_import.py').write_text('value = 1\n')
    monkeypatch.syspath_prepend(tmp_path)
    yield 'probe_of_after_import'
    sys.modules.pop('probe_of_after_import', None)


def test_the_action_follows_the_import_and_the_module_is_as_without_it(module):
    import importlib
    import inspect
    seen = []
    after_import(module, lambda m: seen.append(m.value))
    assert not seen
    loaded = importlib.import_module(module)
    assert seen == [1] and 'value = 1' in inspect.getsource(loaded)
    assert type(loaded.__loader__).__name__ == type(loaded.__spec__.loader).__name__
    assert type(loaded.__loader__).__module__.startswith('_frozen_importlib')
    importlib.reload(loaded)
    assert seen == [1, 1]


def test_of_a_module_that_is_there_the_action_is_called_at_once(module):
    import importlib
    importlib.import_module(module)
    seen = []
    after_import(module, seen.append)
    assert [m.__name__ for m in seen] == [module]


def test_an_error_of_the_action_is_the_imports(module):
    import importlib

    def refuse(_):
        raise ImportError('no. Remedy: none')

    after_import(module, refuse)
    with pytest.raises(ImportError, match='Remedy'):
        importlib.import_module(module)
    assert module not in sys.modules
