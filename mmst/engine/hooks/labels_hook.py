"""Warns of evaluations whose head knows classes that the data lack."""
from collections.abc import Sequence
from typing import Any

import torch
from mmengine import dist
from mmengine.hooks import Hook
from mmengine.runner import Runner

from ...registry import HOOKS
from ..run.runner_views import find_hook

#: Where summaries and the timeline name these classes.
UNLABELLED = 'classes_without_label'


@HOOKS.register_module()
class LabelsHook(Hook):
    """Warns once of classes that no label of the evaluated data has.

    A mean over classes leaves such a class out until a single pixel is predicted as one; from then
    on it counts with an IoU of 0. So scores of such a head do not compare. It looks at the
    predictions of mmsegmentation and mmpretrain; ``mmst train`` and ``mmst test`` register
    it.

    Attributes:
        without_label (list[str]): Names of these classes, after the first evaluation.
    """
    priority = 60  # before the TicketHook, which puts it on the timeline

    def __init__(self) -> None:
        self.without_label: list[str] | None = None
        self._found: set[int] = set()

    def after_val_iter(self, runner: Runner, batch_idx: int, data_batch=None, outputs=None) -> None:
        if self.without_label is None:
            for sample in outputs or ():
                self._found.update(classes_in(sample))

    after_test_iter = after_val_iter

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        self._conclude(runner, runner.val_dataloader.dataset)

    def after_test_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        self._conclude(runner, runner.test_dataloader.dataset)

    def _conclude(self, runner: Runner, dataset: Any) -> None:
        if self.without_label is not None:
            return
        found = set().union(*dist.all_gather_object(self._found))
        classes = (getattr(dataset, 'metainfo', None) or {}).get('classes') or ()
        self.without_label = missing(classes, found)
        if self.without_label:
            count = len(self.without_label)
            runner.logger.warning(
                f'{count} of {len(classes)} classes have no label in the evaluated data: '
                f'{", ".join(self.without_label[:10])}{" and others" if count > 10 else ""}. One '
                'pixel predicted as such a class counts with an IoU of 0 in mIoU, so the means of '
                'two networks do not compare. Remedy: a data set and a head of the classes that '
                'occur.')


def without_label(runner: Runner) -> dict[str, list[str]]:
    """Return the classes for a summary; nothing where each has a label, or nobody has looked."""
    hook = find_hook(runner, LabelsHook)
    return {UNLABELLED: hook.without_label} if hook is not None and hook.without_label else {}


def classes_in(sample: Any) -> list[int]:
    """Return labels that a prediction of a toolbox carries with it; none where it has none."""
    for name, part in (('gt_sem_seg', 'data'), ('gt_label', None)):
        found = getattr(sample, name, None)
        found = getattr(found, part, None) if part else found
        if torch.is_tensor(found):
            return torch.unique(found).tolist()
    return []


def missing(classes: Sequence[str], found: set[int]) -> list[str]:
    """Return the names of the classes that were not found; none where no label was seen at all."""
    return [str(name) for i, name in enumerate(classes) if i not in found] if found else []
