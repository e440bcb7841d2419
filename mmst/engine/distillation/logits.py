"""Finds the layer that gives a network's logits, and takes them from its passes."""
from collections.abc import Mapping
from contextlib import closing
from typing import Any

import torch
from torch import Tensor, nn

from ...errors import config_error

#: mmpretrain's base of heads that give an image several classes, or none.
_MULTI_LABEL = 'MultiLabelClsHead'
#: Layers of the toolboxes' heads, and the loss that compares their outputs.
LAYERS = {'decode_head.conv_seg': 'kl', 'head.fc': 'kl', 'head.final_layer': 'mse'}


def find_layer(model: nn.Module, path: str | None, key: str) -> str:
    """Return the path of the layer whose output the loss is computed from.

    Args:
        model (nn.Module): A whole network.
        path (str, optional): The one that the user names.
        key (str): Of that setting, for the message.

    Raises:
        ConfigError: The network has no such layer, or none of those of the toolboxes' heads.
    """
    known = dict(model.named_modules())
    found = [path] if path is not None else list(LAYERS)
    for name in found:
        if isinstance(name, str) and name and name in known:
            return name
    problem = (f'{type(model).__name__} has no such module' if path is not None else
               f'{type(model).__name__} has none of {", ".join(LAYERS)}')
    raise config_error(key, path, problem, 'name the layer that gives the logits, as '
                       'model.named_modules() does')


def loss_of_logits(model: nn.Module, path: str) -> str:
    """Return the kind of :class:`~mmst.engine.distillation.comparison.Comparison` that suits a
    network's layer of logits.
    """
    head = getattr(model, 'head', None)
    if any(kind.__name__ == _MULTI_LABEL for kind in type(head).__mro__):
        return 'binary'
    return LAYERS.get(path, 'kl')


class Logits:
    """Keeps the last output of a layer while it watches, and how often the layer was called."""

    def __init__(self, model: nn.Module, path: str):
        self.value: Any = None
        self.calls = 0
        self._handle = model.get_submodule(path).register_forward_hook(self._take)

    def take(self) -> Any:
        """Return the output of the pass that has ended, and forget it."""
        value, self.value, self.calls = self.value, None, 0
        return value

    def close(self) -> None:
        """Watch no more."""
        self._handle.remove()
        self.value = None

    def _take(self, module: nn.Module, inputs: Any, output: Any) -> None:
        self.value = output
        self.calls += 1


@torch.no_grad()
def logits_of(teacher: nn.Module, path: str, args: tuple[Any, ...],
              kwargs: Mapping[str, Any]) -> Any:
    """Return the teacher's output of the layer for the inputs of a training pass.

    It computes no loss and no auxiliary head: mode ``'tensor'`` of OpenMMLab's models.
    """
    with closing(Logits(teacher, path)) as watched:
        teacher(*args, **dict(kwargs, mode='tensor'))
        return watched.take()


def ignored_class(model: nn.Module) -> int:
    """Return the class of labels that count nowhere; mmsegmentation's is 255 by default."""
    index = getattr(getattr(model, 'decode_head', None), 'ignore_index', 255)
    return index if isinstance(index, int) else 255


def labels_of(data: Mapping[str, Any]) -> Tensor | None:
    """Return the labels of pixels in the inputs of mmsegmentation's models, of shape (N, H, W)."""
    samples = data.get('data_samples')
    found = [sample.gt_sem_seg.data for sample in samples or ()
             if getattr(sample, 'gt_sem_seg', None) is not None]
    return torch.cat(found) if found and len(found) == len(samples or ()) else None
