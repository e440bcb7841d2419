"""Generated street scenes: Cityscapes' files, all classes, and no class given away by colour."""
import numpy as np
import pytest
from mmengine.registry import init_default_scope

from mmst.lab.scenes import generate
from mmst.lab.scenes.street_classes import CLASSES, LABEL_IDS

SIZE = (96, 192)


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp('data') / 'cityscapes'
    return generate('cityscapes', folder, SIZE, train=60, val=24).path


def load(root, split):
    """Images and labels of a split through mmseg's own dataset class."""
    from mmseg.datasets import CityscapesDataset
    init_default_scope('mmseg')
    dataset = CityscapesDataset(
        data_root=str(root),
        data_prefix=dict(img_path=f'leftImg8bit/{split}', seg_map_path=f'gtFine/{split}'),
        pipeline=[dict(type='LoadImageFromFile'), dict(type='LoadAnnotations')])
    items = [dataset[index] for index in range(len(dataset))]
    return (np.stack([item['img'] for item in items]),
            np.stack([item['gt_seg_map'] for item in items]), dataset.metainfo['classes'])


def mean_iou(predicted, labels):
    known = labels < 19
    matrix = np.bincount(labels[known].astype(int) * 19 + predicted[known], minlength=361)
    matrix = matrix.reshape(19, 19)
    joined = matrix.sum(0) + matrix.sum(1) - np.diag(matrix)
    return (np.diag(matrix) / np.maximum(joined, 1)).mean()


@pytest.mark.by_turns(3)
def test_mmseg_loads_images_and_labels_and_all_classes_occur_in_both_splits(root):
    for split, count in (('train', 60), ('val', 24)):
        images, labels, classes = load(root, split)
        assert images.shape == (count, *SIZE, 3) and images.dtype == np.uint8
        assert labels.shape == (count, *SIZE)
        assert set(np.unique(labels)) - {255} == set(range(19))
        assert tuple(classes) == CLASSES


def test_no_class_is_too_rare_to_be_learned(root):
    labels = load(root, 'train')[1]
    shares = np.bincount(labels.ravel(), minlength=256)[:19] / labels.size
    assert shares.min() > 0.003, dict(zip(CLASSES, shares.round(4), strict=True))
    assert shares.max() < 0.35
    assert min((labels == index).any((1, 2)).mean() for index in range(19)) > 0.2


@pytest.mark.parametrize('balanced', [False, True])
def test_colour_alone_does_not_tell_the_classes(root, balanced):
    train, labels, _ = load(root, 'train')
    val, wanted, _ = load(root, 'val')

    def bins(images):
        return (images.astype(int) * 12 // 256) @ [144, 12, 1]

    known = labels < 19
    counts = np.zeros((12**3, 19))
    np.add.at(counts, (bins(train)[known], labels[known]), 1)
    if balanced:
        counts /= counts.sum(0)
    assert mean_iou(counts.argmax(1)[bins(val)], wanted) < 0.10


def test_position_alone_does_not_tell_the_classes(root):
    labels, wanted = load(root, 'train')[1], load(root, 'val')[1]
    counts = np.stack([(labels == index).sum(0) for index in range(19)])
    predicted = np.broadcast_to(counts.argmax(0), wanted.shape)
    assert mean_iou(predicted, wanted) < 0.20


def test_label_ids_and_train_ids_agree(root):
    import cv2
    of_train = np.full(256, 255)
    of_train[list(LABEL_IDS)] = range(19)
    for path in sorted(root.rglob('*_labelIds.png'))[:8]:
        ids = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        trained = cv2.imread(str(path).replace('labelIds', 'labelTrainIds'),
                             cv2.IMREAD_UNCHANGED)
        assert ids.ndim == 2 and ids.max() <= 33
        assert (of_train[ids] == trained).all()
