"""Texts that stand where a class takes numbers or flags."""
from collections.abc import Sequence

import pytest
from mmengine.dataset import DefaultSampler
from mmengine.hooks import CheckpointHook
from mmengine.optim import MultiStepLR
from torch.utils.data import DataLoader

from mmst.errors import ConfigError
from mmst.settings.words import check_words


class Base:
    """Takes a flag that says nothing of its kind."""

    def __init__(self, size: int | Sequence[int] = 1, draw=False, names: list[str] = ()):
        pass


class Child(Base):
    """Hands on what it does not know."""

    def __init__(self, ratio: 'float | None' = None, mode: int = 'auto', **others):
        pass


@pytest.mark.parametrize('kind, name, value, word', [
    (Base, 'size', '4', 'size=4'), (Base, 'size', ('4', 8), r'size\[0\]=4'),
    (Base, 'draw', 'yes', 'draw=True'), (Base, 'draw', 'False', 'draw=False'),
    (Child, 'size', 'large', 'size=1'), (Child, 'ratio', '1e-4', 'ratio=1e-4'),
    (MultiStepLR, 'milestones', '1,2', 'milestones=1,2'),
    (MultiStepLR, 'by_epoch', 'True', 'by_epoch=True'),
    (DefaultSampler, 'shuffle', 'no', 'shuffle=False'),
    (DataLoader, 'pin_memory', 'yes', 'pin_memory=True'),
    (DataLoader, 'num_workers', '2', 'num_workers=2'),
    (CheckpointHook, 'by_epoch', 'off', 'by_epoch=False')])
def test_text_for_a_number_or_a_flag_is_refused(kind, name, value, word):
    with pytest.raises(ConfigError, match=rf"^part\.{name}.* is a text\. Remedy: .*{word}\.$"):
        check_words('part', kind, {name: value})


@pytest.mark.parametrize('kind, given', [
    (Base, dict(size=4)), (Base, dict(size=(4, 8), draw=True)), (Base, dict(draw='outlines')),
    (Base, dict(names=['a', 'b'])), (Base, dict(names='true')), (Child, dict(ratio=None)),
    (Child, dict(mode='fast')), (Child, dict(other='3')), (Base, dict(size=dict(type='Any'))),
    (CheckpointHook, dict(save_best='mIoU', rule='greater', out_dir='3')),
    (DataLoader, dict(batch_size=None, multiprocessing_context='fork', pin_memory_device='cpu')),
    (lambda lr, **more: None, dict(lr='3')), (dict, dict(a='3'))])
def test_all_else_is_left_to_the_class(kind, given):
    check_words('part', kind, given)
