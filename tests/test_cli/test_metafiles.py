"""model-index.yml and the metafiles: what mim reads of the configs."""
import copy
import functools
from pathlib import Path

import pytest
import yaml
from mmengine.config import Config
from mmengine.config import utils as mmengine_config_utils
from tiny_street import load_tool

from mmst.lab.metafile import model_entry, training_data

modelindex = pytest.importorskip('modelindex')  # mmpretrain needs it, and mim
ROOT = Path(__file__).parents[2]
RUNS = {path.relative_to(ROOT).as_posix() for path in (ROOT / 'configs').rglob('*.py')
        if path.relative_to(ROOT / 'configs').parts[0] not in ('_base_', 'studies')}


@pytest.fixture(scope='module', params=['model-index.yml', 'mmst/.mim/model-index.yml'])
def index(request):
    return modelindex.load(str(ROOT / request.param))


@pytest.fixture
def each_file_once(monkeypatch):
    """mmengine reads a base again for each config, and with it all metafiles of its toolbox."""
    read = functools.lru_cache(maxsize=None)(Config._file2dict)
    monkeypatch.setattr(Config, '_file2dict', staticmethod(
        lambda *args, **kwargs: copy.deepcopy(read(*args, **kwargs))))
    look_up = functools.lru_cache(maxsize=None)(mmengine_config_utils._get_cfg_metainfo)
    monkeypatch.setattr(mmengine_config_utils, '_get_cfg_metainfo', look_up)


def test_the_files_are_what_the_configs_say(tmp_path, each_file_once):
    assert load_tool('metafiles').main(['--root', str(tmp_path)]) == 0
    written = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob('*.yml'))
    shipped = sorted(path.relative_to(ROOT) for path in (ROOT / 'configs').rglob('metafile.yml'))
    assert written == sorted([*shipped, Path('model-index.yml')])
    for name in written:
        assert (tmp_path / name).read_text() == (ROOT / name).read_text(), \
            f'{name} is out of date: python tools/metafiles.py'


def test_every_config_of_a_run_is_one_model(index):
    assert sorted(model.config for model in index.models) == sorted(RUNS)
    names = [model.name for model in index.models]
    assert len(set(names)) == len(names)


def test_models_join_their_collections_without_errors(index):
    collections = {collection.name: collection for collection in index.collections}
    assert all(model.in_collection in collections for model in index.models)
    index.check(silent=True)
    assert not index.check_errors


def test_no_results_or_weights_are_claimed():
    for path in (ROOT / 'configs').rglob('metafile.yml'):
        for model in yaml.safe_load(path.read_text())['Models']:
            assert set(model) == {'Name', 'In Collection', 'Config', 'Metadata'}


def test_an_entry_follows_the_config():
    cfg = Config.fromfile(ROOT / 'configs/transfer/imagenet_to_coco_p90.py')
    found = model_entry('x', 'configs/a.py', cfg)['Metadata']
    assert found['Training Data'] == 'COCO' and found['Epochs'] == 210
    assert found['Starts From'] == 'work_dirs/st_hrnas_imagenet_p90/ticket.pth'
    cfg.default_hooks.prune, cfg.default_hooks.search = None, None
    cfg.retrain = None
    found = model_entry('x', 'configs/a.py', cfg)['Metadata']
    assert found['Training Techniques'] == ['dense training'] and 'Target Sparsity' not in found


def test_a_config_says_itself_what_its_class_of_data_does_not():
    for path in (ROOT / 'configs').rglob('metafile.yml'):
        for model in yaml.safe_load(path.read_text())['Models']:
            cfg_text = (ROOT / model['Config']).read_text()
            printed = model['Metadata']['Training Data']
            assert ('ROOT:data/' not in cfg_text) or f"training_data = '{printed}'" in cfg_text


def test_generated_images_are_called_so():
    data = dict(type='mmseg.CityscapesDataset', data_root='data/demo/cityscapes')
    assert training_data(data) == 'generated, as Cityscapes'
    assert training_data(dict(data, data_root='data/cityscapes')) == 'Cityscapes'
