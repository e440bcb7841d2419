"""Data sets of classification and pose against the config, without a run."""
import json
import shutil
from pathlib import Path

import pytest
from mmengine.config import Config

from mmst.engine.data import check_data, data_sets
from mmst.errors import ConfigError, DataError
from mmst.lab.scenes import generate
from mmst.openmmlab.toolbox import check_toolbox, missing_toolbox


def check(cfg, *splits):
    cfg = Config(cfg)
    check_toolbox(cfg)
    check_data(cfg, splits or ('train', ))


def refusal(cfg, *splits):
    with pytest.raises(DataError) as caught:
        check(cfg, *splits)
    assert 'Remedy: ' in str(caught.value) and '\n' not in str(caught.value)
    return str(caught.value)


# ------------------------------------------------------------------------------ classification


@pytest.fixture(scope='module')
def images(tmp_path_factory):
    """A generated data set in ImageNet's format; its number of classes differs from ImageNet's."""
    return generate('imagenet', tmp_path_factory.mktemp('cls') / 'imagenet', (32, 32), 30, 20).path


@pytest.fixture
def own_images(images, tmp_path):
    return Path(shutil.copytree(images, tmp_path / 'own'))


def classes_of(root, split='train'):
    return sorted(path for path in (root / split).iterdir() if path.is_dir())


def classification(root, num_classes, **dataset):
    dataset = {**dict(type='CustomDataset', data_prefix='train', with_label=True, pipeline=[]),
               **dataset}
    return dict(default_scope='mmpretrain', model=dict(head=dict(num_classes=num_classes)),
                train_dataloader=dict(dataset=dict(dataset, data_root=str(root))))


def test_classification_data_that_fit_pass(images):
    check(classification(images, len(classes_of(images))))


def test_another_class_count_than_there_are_folders_is_refused(images):
    count = len(classes_of(images))
    message = refusal(classification(images, 1000))
    assert 'model.head.num_classes = 1000' in message and f'{count} classes' in message


@pytest.mark.parametrize('ann_file', ['', 'meta/train.txt'])
def test_empty_class_folder_is_refused_with_its_name(own_images, ann_file):
    folder = classes_of(own_images)[1]
    for path in folder.iterdir():
        path.unlink()
    message = refusal(
        classification(own_images, len(classes_of(own_images)), ann_file=ann_file))
    assert folder.name in message and 'train_dataloader.dataset' in message


def test_class_folder_without_images_is_refused(own_images):
    folder = classes_of(own_images)[0]
    for path in folder.iterdir():
        path.rename(path.with_suffix('.txt'))
    assert repr(folder.name) in refusal(classification(own_images, 10))


def test_folder_without_class_folders_is_refused(tmp_path):
    (tmp_path / 'train').mkdir()
    (tmp_path / 'train' / 'a.jpg').write_bytes(b'x')
    assert 'Found 0 files in subfolders' in refusal(classification(tmp_path, 10))


def test_missing_split_is_refused_with_its_key(images):
    message = refusal(classification(images, 10, data_prefix='training'))
    assert 'train_dataloader.dataset.data_prefix' in message and 'training' in message


def test_imagenet_class_on_other_folders_is_refused_with_what_to_use(own_images):
    shutil.rmtree(own_images / 'meta', ignore_errors=True)
    message = refusal(
        classification(own_images, 1000, type='ImageNet', split='train', data_prefix=''))
    assert "train_dataloader.dataset.type = 'ImageNet'" in message and 'CustomDataset' in message
    assert 'number of subfolders' in message


@pytest.mark.parametrize('line, said', [
    ('b.jpg 10', 'model.head.num_classes = 10'),
    ('b.jpg cat', 'train_dataloader.dataset.ann_file'), ('', 'train_dataloader.dataset.ann_file')])
def test_annotation_file_with_other_classes_is_refused(own_images, line, said):
    for name in 'abc':
        (own_images / 'train' / f'{name}.jpg').touch()
    (own_images / 'list.txt').write_text(f'a.jpg 3\n{line}\nc.jpg 9\n')
    assert said in refusal(classification(own_images, 10, ann_file='list.txt'))


def test_annotation_file_of_classes_is_looked_for(images):
    message = refusal(classification(images, 10, ann_file='meta/none.txt'))
    assert 'train_dataloader.dataset.ann_file' in message


# ---------------------------------------------------------------------------------------- pose


@pytest.fixture(scope='module')
def people(tmp_path_factory):
    """A generated data set in COCO's format."""
    return generate('coco', tmp_path_factory.mktemp('pose') / 'coco', (96, 128), 4, 3).path


@pytest.fixture
def own_people(people, tmp_path):
    return Path(shutil.copytree(people, tmp_path / 'own'))


ANNOTATIONS = 'annotations/person_keypoints_val2017.json'


def pose(root, channels=17, **dataset):
    dataset = {**dict(type='CocoDataset', data_root=str(root), data_mode='topdown',
                      ann_file=ANNOTATIONS, data_prefix=dict(img='val2017/'), test_mode=True,
                      pipeline=[]), **dataset}
    return dict(default_scope='mmpose', model=dict(head=dict(out_channels=channels)),
                val_dataloader=dict(dataset=dataset),
                val_evaluator=dict(type='CocoMetric', ann_file=f'{root}/{ANNOTATIONS}'))


def rewrite(root, change):
    path = root / ANNOTATIONS
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def test_pose_data_that_fit_pass(people):
    check(pose(people), 'val')


def test_another_number_of_key_points_than_outputs_is_refused(people):
    message = refusal(pose(people, 16), 'val')
    assert 'model.head.out_channels = 16' in message and '17 key points' in message


def test_coco_file_without_key_points_is_refused(own_people):
    def without(content):
        for person in content['annotations']:
            person.pop('keypoints')

    rewrite(own_people, without)
    message = refusal(pose(own_people), 'val')
    assert 'val_dataloader.dataset.ann_file' in message and 'key points' in message


def test_people_with_another_number_of_key_points_are_refused(own_people):
    def shorten(content):
        for person in content['annotations']:
            person['keypoints'] = person['keypoints'][:48]

    rewrite(own_people, shorten)
    assert '16 key points' in refusal(pose(own_people), 'val')


@pytest.mark.parametrize('text', ['{"images": [', '{"images": [], "annotations": []}', '{}'])
def test_broken_or_empty_coco_file_is_refused(own_people, text):
    (own_people / ANNOTATIONS).write_text(text)
    assert 'val_dataloader.dataset.ann_file' in refusal(pose(own_people), 'val')


def test_missing_files_of_coco_are_refused_with_their_keys(people):
    assert 'val_dataloader.dataset.ann_file' in refusal(pose(people, ann_file='none.json'), 'val')
    message = refusal(pose(people, bbox_file='none.json'), 'val')
    assert "val_dataloader.dataset.bbox_file = 'none.json'" in message


# ------------------------------------------------------------------------------------ in general


def test_data_sets_inside_wrappers_are_found_with_their_keys(images, tmp_path):
    inner = classification(images, 10)['train_dataloader']['dataset']
    lost = dict(inner, data_root=str(tmp_path / 'lost'))
    cfg = classification(images, len(classes_of(images)))
    cfg['train_dataloader']['dataset'] = dict(
        type='RepeatDataset', times=2, dataset=dict(type='ConcatDataset', datasets=[inner, lost]))
    assert 'train_dataloader.dataset.dataset.datasets[1].data_root' in refusal(cfg)


def test_files_on_a_server_are_left_to_the_toolbox(images):
    cfg = classification('s3://bucket/imagenet', 10)
    check(cfg)
    cfg = classification('/nowhere', 10, backend_args=dict(backend='petrel'))
    check(cfg)


def test_loader_that_is_switched_off_has_no_data():
    cfg = Config(dict(val_dataloader=None, test_dataloader=dict(dataset=None)))
    check_data(cfg, ('val', 'test'))
    assert not list(data_sets('test_dataloader.dataset', cfg.test_dataloader.dataset))


@pytest.mark.parametrize('scope, command', [
    ('mmseg', 'pip install mmsegmentation'), ('mmpretrain', 'pip install mmpretrain'),
    ('mmpose', 'pip install --no-deps mmpose')])
def test_missing_toolbox_names_the_command_that_installs_it(monkeypatch, scope, command):
    monkeypatch.setitem(__import__('sys').modules, scope, None)
    with pytest.raises(ConfigError, match=f'default_scope = {scope!r}.*{command}'):
        check_toolbox(Config(dict(default_scope=scope)))


def test_base_config_of_a_missing_toolbox_names_the_command_too():
    error = ModuleNotFoundError('mmpose is not installed, please install mmpose manually')
    assert 'pip install --no-deps mmpose' in str(missing_toolbox(error))
    assert missing_toolbox(ModuleNotFoundError('No module named numba')) is None
    assert missing_toolbox(ValueError('mmseg')) is None
