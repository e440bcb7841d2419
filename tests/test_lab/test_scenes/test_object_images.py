"""Generated objects: ImageNet's folders and lists, and no class given away by colour."""
import numpy as np
import pytest
from mmengine.registry import init_default_scope

from mmst.lab.scenes import generate
from mmst.lab.scenes.object_images import FEW, FOLDERS, OBJECTS

SIZE = (64, 64)


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp('data') / 'imagenet'
    return generate('imagenet', folder, SIZE, train=300, val=100).path


def load(root, split, **kwargs):
    from mmpretrain.datasets import ImageNet
    init_default_scope('mmpretrain')
    return ImageNet(data_root=str(root), split=split, pipeline=[dict(type='LoadImageFromFile')],
                    **kwargs)


@pytest.mark.parametrize('split, count', [('train', 300), ('val', 100)])
def test_mmpretrain_loads_all_images_with_ten_even_classes(root, split, count):
    dataset = load(root, split)
    items = [dataset[index] for index in range(len(dataset))]
    assert len(items) == count
    assert {item['img'].shape for item in items} == {(*SIZE, 3)}
    labels = np.bincount([item['gt_label'] for item in items], minlength=len(OBJECTS))
    assert labels.tolist() == [count // 10] * 10


def test_folders_without_a_list_give_the_same_labels(root):
    from mmpretrain.datasets import CustomDataset
    init_default_scope('mmpretrain')
    plain = CustomDataset(data_root=str(root), data_prefix='val')
    listed = load(root, 'val', metainfo=dict(classes=[item[0] for item in OBJECTS]))
    assert plain.metainfo['classes'] == FOLDERS
    labels = [{item['img_path'].rsplit('/', 1)[1]: item['gt_label'] for item in data}
              for data in (plain, listed)]
    assert labels[0] == labels[1] and len(labels[0]) == 100


def test_class_without_an_image_keeps_its_number(tmp_path):
    root = generate('imagenet', tmp_path / 'data', SIZE, train=3, val=1).path
    assert sorted(path.name for path in (root / 'train').iterdir()) == sorted(FOLDERS)
    assert [item['gt_label'] for item in load(root, 'train')] == [0, 1, 2]


def test_colour_alone_does_not_tell_the_vehicles(root):
    def histograms(split):
        items = [item for item in load(root, split) if item['gt_label'] < 5]
        bins = [np.bincount((item['img'].astype(int) // 52 @ [25, 5, 1]).ravel(), minlength=125)
                for item in items]
        return np.sqrt(np.array(bins)), np.array([item['gt_label'] for item in items])

    (known, labels), (asked, wanted) = histograms('train'), histograms('val')
    nearest = np.argsort(np.square(asked[:, None] - known[None]).sum(2), 1)[:, :5]
    voted = [np.bincount(labels[row], minlength=5).argmax() for row in nearest]
    assert np.mean(np.array(voted) == wanted) < 0.5


def test_few_objects_are_six_even_classes_of_which_two_have_the_same_surroundings(tmp_path):
    root = generate('few_objects', tmp_path / 'data', SIZE, train=12, val=6).path
    names = [OBJECTS[kind][0] for kind in FEW]
    assert names == ['car', 'bicycle', 'chair', 'sofa', 'house', 'animal']
    surroundings = [OBJECTS[kind][-1] for kind in FEW]
    assert all(first is second for first, second in
               zip(surroundings[::2], surroundings[1::2], strict=True))
    for split, each in (('train', 2), ('val', 1)):
        labels = [item['gt_label'] for item in load(root, split)]
        assert np.bincount(labels).tolist() == [each] * len(FEW)
