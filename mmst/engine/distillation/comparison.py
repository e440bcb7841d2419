"""Compares the logits of a pruned network with its teacher's, in a training pass."""
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import torch
from mmengine.runner import Runner
from torch import Tensor, nn

from ...errors import blaming, config_error
from ..run.batches import training_precision
from .logits import Logits, ignored_class, labels_of, logits_of
from .losses import divergence, heat_map_error, resize, share_counted

_TEACHER, _MODULE = 'DistillationHook.teacher', 'DistillationHook.module'


@dataclass(frozen=True)
class Comparison:
    """Computes the loss of distillation.

    Attributes:
        path (str): The network's layer of logits.
        teacher_path (str): The teacher's.
        kind (str): ``'kl'``: divergence of classes, of which one is right; ``'binary'``: of each
            class by itself; ``'mse'``: squared error of heat maps.
        weight (float): Factor of the loss.
        temperature (float): Divides the logits.
        setting (Any): The user's teacher, for messages.
    """
    path: str
    teacher_path: str
    kind: str
    weight: float
    temperature: float
    setting: Any

    def loss(self, model: nn.Module, teacher: nn.Module, student: Any, args: tuple[Any, ...],
             data: Mapping[str, Any]) -> Tensor:
        """Return the loss of a training pass.

        Args:
            model (nn.Module): The network in training.
            teacher (nn.Module): The network to learn from.
            student (Tensor): The network's logits in this pass.
            args (tuple): Of the pass, which the teacher gets, too.
            data (Mapping): Its keyword arguments, without ``mode``.

        Raises:
            ConfigError: The teacher fails, or the outputs are no logits of the same classes.
        """
        with blaming(_TEACHER, self.setting, 'a pass of the teacher',
                     'give a teacher that takes the same images'):
            wanted = logits_of(teacher, self.teacher_path, args, data)
        check_logits(student, wanted, self.path, self.kind)
        wanted = resize(wanted, student)
        labels = labels_of(data) if student.dim() == 4 else None
        counted = None if labels is None else share_counted(
            labels, ignored_class(model), student.shape[2:])
        if self.kind == 'mse':
            return self.weight * heat_map_error(student, wanted, counted)
        return self.weight * divergence(student, wanted, self.temperature, counted,
                                        binary=self.kind == 'binary')


def rehearse_comparison(runner: Runner, comparison: Comparison, teacher: nn.Module,
                        batch: Any) -> None:
    """Compare one batch's logits with a teacher's, on a throw-away runner.

    Raises:
        ConfigError: The layer gives no logits, or the teacher does not fit.
    """
    model = runner.model
    teacher.to(next(model.parameters()).device)
    watched = Logits(model, comparison.path)
    with torch.no_grad(), training_precision(runner), closing(watched):
        data = model.data_preprocessor(batch, True)
        args, kwargs = ((), data) if isinstance(data, dict) else (tuple(data), {})
        losses = model(*args, **kwargs, mode='loss')
        if watched.calls != 1 or not isinstance(losses, dict):
            raise config_error(_MODULE, comparison.path, f'it is called {watched.calls} times in a '
                               'training pass', 'name a layer that is called once')
        comparison.loss(model, teacher, watched.take(), args, kwargs)


def check_logits(student: Any, teacher: Any, path: str, kind: str) -> None:
    """Refuse outputs that are no logits of the same classes.

    Raises:
        ConfigError: Naming the layer.
    """
    dims = (4, ) if kind == 'mse' else (2, 4)
    for output in (student, teacher):
        if not isinstance(output, Tensor) or output.dim() not in dims or not output.shape[1]:
            found = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
            wanted = '(N, key points, H, W)' if kind == 'mse' else (
                '(N, classes) or (N, classes, H, W)')
            raise config_error(_MODULE, path, f'its output is {found}, and the loss compares '
                               f'{wanted}', 'name the layer that gives the logits')
    if student.shape[:2] != teacher.shape[:2] or student.dim() != teacher.dim():
        raise config_error(_TEACHER, path, 'the teacher gives '
                           f'{tuple(teacher.shape)}, and the network {tuple(student.shape)}',
                           'give a teacher of the same classes')


def check_layers(student: nn.Module, teacher: nn.Module) -> None:
    """Refuse a teacher whose layer of logits has other classes.

    Raises:
        ConfigError: Naming the teacher.
    """
    sizes = [getattr(layer, 'out_channels', getattr(layer, 'out_features', None))
             for layer in (student, teacher)]
    if None not in sizes and sizes[0] != sizes[1]:
        raise config_error(_TEACHER, f'{sizes[1]} classes',
                           f'the network has {sizes[0]}', 'give a teacher of the same classes')
