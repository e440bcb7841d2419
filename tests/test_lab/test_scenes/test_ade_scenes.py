"""Generated scenes: ADE20K's files and numbers, dozens of classes, none given away by colour."""
import numpy as np
import pytest
from mmengine.registry import init_default_scope

from mmst.lab.scenes import generate
from mmst.lab.scenes.ade_scenes import CLASSES

SIZE = (96, 96)


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp('data') / 'ade'
    return generate('ade20k', folder, SIZE, train=80, val=40).path / 'ADEChallengeData2016'


def load(root, split):
    """Images and labels (0 to 149, 255 is other) through mmseg's own dataset class."""
    from mmseg.datasets import ADE20KDataset
    init_default_scope('mmseg')
    dataset = ADE20KDataset(
        data_root=str(root),
        data_prefix=dict(img_path=f'images/{split}', seg_map_path=f'annotations/{split}'),
        pipeline=[dict(type='LoadImageFromFile'),
                  dict(type='LoadAnnotations', reduce_zero_label=True)])
    items = [dataset[index] for index in range(len(dataset))]
    return (np.stack([item['img'] for item in items]),
            np.stack([item['gt_seg_map'] for item in items]), dataset.metainfo['classes'])


def test_mmseg_loads_images_and_labels_with_dozens_of_classes(root):
    for split, count in (('training', 80), ('validation', 40)):
        images, labels, _ = load(root, split)
        assert images.shape == (count, *SIZE, 3)
        assert labels.shape == (count, *SIZE)
        found = set(np.unique(labels)) - {255}
        assert found <= set(CLASSES.values())
        assert len(found) > 50


def test_class_numbers_are_those_of_the_data_set(root):
    names = [name.strip() for name in load(root, 'validation')[2]]
    assert len(names) == 150
    assert all(names[number] == name for name, number in CLASSES.items())


def test_every_class_of_the_table_is_drawn(root):
    assert set(np.unique(load(root, 'training')[1])) - {255} == set(CLASSES.values())


def test_colour_alone_does_not_tell_the_classes(root):
    train, labels, _ = load(root, 'training')
    val, wanted, _ = load(root, 'validation')

    def bins(images):
        return (images.astype(int) * 12 // 256) @ [144, 12, 1]

    known = labels < 150
    counts = np.zeros((12**3, 150))
    np.add.at(counts, (bins(train)[known], labels[known]), 1)
    predicted = counts.argmax(1)[bins(val)]
    scores = []
    for number in set(np.unique(wanted)) - {255}:
        hit = (predicted == number) & (wanted == number)
        either = ((predicted == number) | (wanted == number)) & (wanted < 150)
        scores.append(hit.sum() / either.sum())
    assert np.mean(scores) < 0.05


def test_images_are_jpeg_and_numbered_from_one(root):
    names = sorted(path.name for path in (root / 'images' / 'training').iterdir())
    assert names[0] == 'ADE_train_00000001.jpg' and len(names) == 80
    assert (root / 'images' / 'training' / names[0]).read_bytes()[:2] == b'\xff\xd8'
    assert (root / 'annotations' / 'validation' / 'ADE_val_00000001.png').is_file()
