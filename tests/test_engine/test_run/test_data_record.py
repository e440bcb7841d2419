"""A run that goes on must see the data that it began with."""
import os
import shutil
from types import SimpleNamespace

import kills
import pytest
from mmengine.config import Config
from mmengine.dataset import BaseDataset
from mmengine.runner import Runner

from mmst.engine.run.data_record import describe_data
from mmst.errors import TrainingError
from mmst.lab.scenes import generate


class Pictures(BaseDataset):
    """The files of a folder."""

    def load_data_list(self):
        return [dict(img_path=entry.path, gt_label=3) for entry in sorted(
            os.scandir(self.data_root), key=lambda entry: entry.name) if entry.name[0] == 'p']


def described(root, **settings):
    dataset = Pictures(data_root=str(root))
    cfg = Config(dict(train_dataloader=dict(
        dataset=dict(type='Pictures', data_root=str(root), **settings))))
    return describe_data(SimpleNamespace(cfg=cfg, train_dataloader=SimpleNamespace(
        dataset=dataset)))


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / 'pictures'
    folder.mkdir()
    for i in range(5):
        (folder / f'p{i}.png').write_bytes(bytes(10 + i))
    return folder


def test_names_numbers_and_sizes_count_and_the_place_does_not(pictures, tmp_path, monkeypatch):
    whole = described(pictures)
    assert whole['samples'] == 5 and described(pictures) == whole
    moved = shutil.copytree(pictures, tmp_path / 'elsewhere')
    monkeypatch.chdir(tmp_path)
    assert described(moved) == described('elsewhere') == whole
    (moved / 'p2.png').write_bytes(bytes(99))
    assert described(moved)['digest'] != whole['digest']
    (moved / 'p2.png').unlink()
    assert described(moved)['samples'] == 4
    (moved / 'p9.png').write_bytes(bytes(12))
    assert described(moved)['samples'] == 5 and described(moved)['digest'] != whole['digest']


def test_settings_of_the_data_set_count_apart(pictures):
    one, other = described(pictures), described(pictures, indices=3)
    assert one['settings'] != other['settings'] and one['digest'] == other['digest']


def test_how_generated_data_were_made_counts(tmp_path):
    small, found = dict(size=(32, 32), train=2, val=1), []
    for seed in (0, 1):
        root = generate('cityscapes', tmp_path / str(seed), seed=seed, **small).path
        (root / 'picture').touch()
        found.append(described(root)['digest'])
    assert found[0] != found[1]


def train(resume, epochs, **changes):
    cfg = kills.settings(epochs, workers=0, val=0, search=False, prune=False, ticket=False,
                         checkpoint=dict(interval=1), **changes)
    del cfg.train_dataloader.dataset['length']
    cfg.resume = resume
    runner = Runner.from_cfg(cfg)
    runner.train()
    return runner


def test_a_run_does_not_go_on_with_other_data_under_the_same_settings(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    train(False, 1)
    with monkeypatch.context() as patch:
        patch.setattr(kills.TinyImages.__init__, '__defaults__', (12, 0.))
        with pytest.raises(TrainingError,
                           match=r'8 training samples, and now 12.*Remedy: ') as error:
            train(True, 2)
        assert '\n' not in str(error.value)
        train(False, 1)  # from the start
    with pytest.raises(TrainingError, match='12 training samples, and now 8'):
        train(True, 2)
