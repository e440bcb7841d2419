"""The configs of docs/your_data.md read data that lie as the page says."""
import json
import os
import re

import numpy as np
import pytest
from doc_pages import ROOT, blocks
from mmengine.config import Config
from mmengine.registry import DATASETS, init_default_scope
from PIL import Image

from mmst.engine.data import check_data
from mmst.engine.run.command_line import complete


def texts():
    """The page's configs by the folder of their data; the one without is about the schedule."""
    for block in blocks('python'):
        if block.page == 'docs/your_data.md':
            text = (ROOT / block.included).read_text() if block.included else block.text
            data = re.search(r'data/\w+', text)
            yield data[0] if data else 'schedule', text


BLOCKS = dict(texts())
CLASSES = {'data/plants': 3, 'data/flowers': 17, 'data/gym': 17}


def write(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """Two images of plants, of flowers and of people in a gym."""
    folder, rng = tmp_path_factory.mktemp('yours') / 'data', np.random.default_rng(0)
    people = []
    for i, split in enumerate(('train', 'val')):
        image = rng.integers(0, 255, (600, 1100, 3), dtype=np.uint8)
        write(folder / f'plants/images/{split}/a.jpg', image)
        write(folder / f'plants/labels/{split}/a.png',
              rng.integers(0, 3, image.shape[:2], dtype=np.uint8))
        for flower in range(17):
            write(folder / f'flowers/{split}/{flower}/a.jpg', image)
        write(folder / f'gym/images/{i}.jpg', image)
        points = [v for k in range(17) for v in (400 + 9 * k, 200 + 9 * k, 2)]
        people = [dict(id=i, image_id=i, category_id=1, iscrowd=0, area=40000, num_keypoints=17,
                       bbox=[380, 180, 200, 200], keypoints=points)]
        names = [f'k{k}' for k in range(17)]
        (folder / f'gym/{split}.json').write_text(json.dumps(dict(
            images=[dict(id=i, file_name=f'{i}.jpg', height=600, width=1100)], annotations=people,
            categories=[dict(id=1, name='person', keypoints=names, skeleton=[])])))
    before = os.getcwd()
    os.chdir(folder.parent)
    yield folder.parent
    os.chdir(before)


@pytest.mark.by_turns(5)
@pytest.mark.parametrize('data', CLASSES)
def test_data_are_found_checked_and_loaded(data, folder, tmp_path):
    (tmp_path / 'config.py').write_text(BLOCKS[data])
    cfg = Config.fromfile(tmp_path / 'config.py')
    cfg = complete(cfg)
    init_default_scope(cfg.default_scope)
    check_data(cfg, ('train', 'val'))
    for split in ('train', 'val'):
        dataset = DATASETS.build(cfg[f'{split}_dataloader'].dataset)
        sample = dataset[0]
        assert sample['inputs'].ndim == 3 and len(dataset) >= 1
    head = cfg.model.get('head') or cfg.model.decode_head
    assert head.get('num_classes', 17) == CLASSES[data]


def test_the_shorter_schedule_reaches_its_target_when_the_page_says(tmp_path):
    from mmst.pruning.schedules import Progressive
    (tmp_path / 'config.py').write_text(BLOCKS['schedule'])
    cfg = Config.fromfile(tmp_path / 'config.py')
    prune = cfg.default_hooks.prune
    first = next(k for k in range(1, 99) if Progressive(prune.sparsity).at(k) == prune.sparsity)
    assert (first, first * prune.interval, cfg.train_cfg.max_epochs) == (8, 40, 90)
