"""OpenMMLab's packages without compiled ops and without pkg_resources, and configs by name."""
import importlib
import os
import subprocess
import sys
from importlib.machinery import ModuleSpec
from importlib.util import find_spec

import pytest
import torch
from mmengine.config import Config
from mmengine.utils.dl_utils import mmcv_full_available

import mmst
from mmst.errors import ConfigError
from mmst.openmmlab import compat, config_package

# ---------------------------------------------------------------------- mmcv without compiled ops

without_compiled_ops = pytest.mark.skipif(mmcv_full_available(), reason='mmcv is compiled')


@without_compiled_ops
def test_placeholder_op_raises_only_when_called():
    from mmcv.ops import nms
    with pytest.raises(RuntimeError, match=r"'nms' needs the compiled operations.*Remedy"):
        nms(torch.zeros(1, 4), torch.zeros(1), 0.5)


@without_compiled_ops
def test_placeholder_does_not_claim_to_be_a_full_mmcv():
    from mmcv.utils import collect_env
    assert not mmcv_full_available()
    assert collect_env()['MMCV Compiler'] == 'n/a'


def test_real_extension_is_left_alone(monkeypatch):
    real = type(sys)('mmcv._ext')
    real.__spec__ = ModuleSpec('mmcv._ext', loader=None)
    monkeypatch.setitem(sys.modules, 'mmcv._ext', real)
    compat.prepare_openmmlab()
    assert sys.modules['mmcv._ext'] is real


def run_python(code):
    return subprocess.run([sys.executable, '-W', 'ignore', '-c', code], check=True,
                          capture_output=True, text=True).stdout


def test_installed_toolboxes_import_after_mmst():
    toolboxes = [name for name in ('mmseg', 'mmpose', 'mmpretrain', 'mmdet') if find_spec(name)]
    code = 'import mmst\n' + ''.join(f'import {name}.models\n' for name in toolboxes)
    assert 'fine' in run_python(code + 'print("fine")')


def test_import_of_mmst_imports_no_toolbox():
    loaded = run_python('import sys, mmst; print(*sys.modules)').split()
    toolboxes = {'mmseg', 'mmpose', 'mmpretrain', 'mmdet', 'torchvision', 'matplotlib.pyplot'}
    # mmengine's own imports are not ours to change.
    by_mmengine = set(run_python('import sys, mmengine.runner; print(*sys.modules)').split())
    assert not toolboxes & set(loaded) - by_mmengine
    assert not [name for name in loaded if name.startswith('mmst.models')]


def test_missing_mmcv_is_named_with_remedy():
    code = ('import importlib.util as u, mmengine\nfind = u.find_spec\n'
            'u.find_spec = lambda name, *a: None if name == "mmcv" else find(name, *a)\n'
            'try: import mmst\nexcept ImportError as error: print(error)')
    assert 'pip install mmcv-lite' in run_python(code)


# ------------------------------------------------------------------------- configs by name


def test_cfg_names_the_nearest_config(tmp_path, monkeypatch):
    monkeypatch.setattr(config_package, 'PACKAGE_DIR', str(tmp_path))
    folder = tmp_path / '.mim' / 'configs'
    folder.mkdir(parents=True)
    (folder / 'st_hrnas.py').touch()
    assert mmst.cfg('st_hrnas.py') == str(folder / 'st_hrnas.py')
    with pytest.raises(ConfigError, match=r"config = 'st_hrns.py': .* for example st_hrnas.py"):
        mmst.cfg('st_hrns.py')


def test_config_by_name_means_the_same_as_by_path(tmp_path, monkeypatch):
    monkeypatch.setattr(config_package, 'PACKAGE_DIR', str(tmp_path))
    folder = tmp_path / '.mim' / 'configs'
    folder.mkdir(parents=True)
    (folder / 'base.py').write_text("model = dict(type='EncoderDecoder', head=dict(type='A'))\n")
    child = tmp_path / 'child.py'
    # Not the scope mmst, in which EncoderDecoder would not be found.
    for base in ('mmst::base.py', str(folder / 'base.py')):
        child.write_text(f'_base_ = {base!r}\nmodel = dict(depth=1)\n')
        assert Config.fromfile(child).model == dict(
            type='EncoderDecoder', head=dict(type='A'), depth=1)
    child.write_text("_base_ = 'mmst::bas.py'\n")
    with pytest.raises(ConfigError, match=r'for example base.py'):
        Config.fromfile(child)


def test_names_of_other_packages_are_left_to_mmengine():
    path, scope = Config._get_cfg_path('mmengine.py', '/folder/child.py')
    assert (path, scope) == ('/folder/mmengine.py', None)
    resolve = importlib.import_module('mmengine.hub.hub')._get_package_and_cfg_path
    assert resolve('mmseg::_base_/a.py') == ('mmsegmentation', '_base_/a.py')
    assert resolve('mmst::a.py') == ('mmst', 'a.py')
    with pytest.raises(ValueError):
        resolve('mmseg::a.py')


def test_packages_are_found_without_pkg_resources():
    assert config_package._get_installed_path('mmst') == os.path.dirname(mmst.__file__)
    assert config_package._is_installed('mmst')
    assert not config_package._is_installed('mmrazor')
    with pytest.raises(ModuleNotFoundError, match='mmrazor'):
        config_package._get_installed_path('mmrazor')


def test_bases_of_other_packages_are_found_without_pkg_resources(tmp_path):
    if not find_spec('mmseg'):
        pytest.skip('mmseg is not installed')
    child = tmp_path / 'child.py'
    child.write_text("_base_ = 'mmseg::_base_/default_runtime.py'\n")
    code = ('import importlib.util as u, sys\nfind = u.find_spec\n'
            'u.find_spec = lambda name, *a: None if name == "pkg_resources" else find(name, *a)\n'
            'sys.modules["pkg_resources"] = None\nimport mmst\n'
            'from mmengine.config import Config\n'
            f'print(Config.fromfile({str(child)!r}).default_scope)')
    assert run_python(code).split()[-1] == 'mmseg'


def test_the_hub_builds_a_model_in_the_scope_of_its_toolbox():
    from mmengine.hub import get_model
    network = get_model('mmst::demo/st_hrnas_cityscapes_p90_demo.py')
    assert type(network).__module__.startswith('mmseg.')
    assert type(network.backbone).__name__ == 'HRNASSupernet'
