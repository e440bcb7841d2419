"""Classes of the head that no label of the evaluated data has."""
from types import SimpleNamespace

import kills
import pytest
import torch
from mmengine.registry import DATASETS
from mmengine.runner import Runner
from mmengine.structures import BaseDataElement, PixelData

from mmst.engine.hooks.labels_hook import LabelsHook, classes_in, missing


@DATASETS.register_module()
class LabelledImages(kills.TinyImages):
    """Images of the toy run whose classes are four."""
    metainfo = dict(classes=('a', 'b', 'c', 'never'))


def evaluate(monkeypatch, tmp_path, labels):
    """Warnings and summary of a run whose predictions carry labels."""
    monkeypatch.chdir(tmp_path)
    cfg = kills.settings(1, workers=0, val=1, search=False, checkpoint=dict(interval=1),
                         prune=dict(interval=1, reactivation=None))
    cfg.val_dataloader.dataset.type = 'LabelledImages'
    runner, hook = Runner.from_cfg(cfg), LabelsHook()
    runner.register_hook(hook)
    carry = SimpleNamespace(after_val_iter=hook.after_val_iter)
    monkeypatch.setattr(hook, 'after_val_iter', lambda r, batch_idx, **_: (
        carry.after_val_iter(r, batch_idx, None, [sample(labels)])))
    warnings = []
    monkeypatch.setattr(runner.logger, 'warning', lambda text, *_, **__: warnings.append(text))
    runner.train()
    return [text for text in warnings if 'label in the evaluated' in text], hook


def sample(labels):
    return BaseDataElement(gt_sem_seg=PixelData(data=torch.tensor([labels])[None]))


def test_they_are_named_once_and_in_the_summary(monkeypatch, tmp_path):
    (warning, ), _hook = evaluate(monkeypatch, tmp_path, [0, 1, 2, 255])
    assert warning.startswith('1 of 4 classes') and 'never' in warning and 'Remedy: ' in warning
    assert '"classes_without_label": ["never"]' in ' '.join(
        (tmp_path / kills.WORK / 'ticket.json').read_text().split()).replace('[ ', '[').replace(
            ' ]', ']')


@pytest.mark.parametrize('labels, names', [([0, 1, 2, 3], []), ([3, 300], ['a', 'b', 'c'])])
def test_only_those_without_a_label(labels, names):
    assert missing(('a', 'b', 'c', 'never'), {*labels}) == names


def test_labels_come_from_maps_and_from_class_numbers():
    assert classes_in(sample([2, 0, 2])) == [0, 2]
    assert classes_in(BaseDataElement(gt_label=torch.tensor([7]))) == [7]
    assert classes_in(torch.zeros(3)) == [] and missing(('a', ), set()) == []
