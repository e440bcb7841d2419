"""Finds the layer that gives a network's logits, and takes them from its passes."""
from collections.abc import Mapping
from contextlib import closing
from typing import Any

import torch
from torch import Tensor, nn

from ...errors import config_error

#: Layers of logits of the toolboxes' heads: part, its layer, the loss that compares its outputs,
#: and the class of heads of which that holds: others have layers of the same names, too, whose
#: outputs are coordinates or hidden maps.
_HEADS = (('decode_head', 'conv_seg', 'kl', 'BaseDecodeHead'), ('head', 'fc', 'kl', 'ClsHead'),
          ('head', 'fc', 'binary', 'MultiLabelClsHead'),
          ('head', 'final_layer', 'mse', 'HeatmapHead'))


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
    if path is None:
        for part, layer, _, kind in _HEADS:
            if f'{part}.{layer}' in known and _is_a(known[part], kind):
                return f'{part}.{layer}'
    elif isinstance(path, str) and path in known and path:
        return path
    layers = ', '.join(f'{part}.{layer} of a {kind}' for part, layer, _, kind in _HEADS)
    problem = f'{type(model).__name__} has ' + (
        'no such module' if path is not None else f'none of {layers}')
    raise config_error(key, path, problem, 'name the layer that gives the logits, as '
                       'model.named_modules() does')


def loss_of_logits(model: nn.Module, path: str) -> str:
    """Return the kind of :class:`~mmst.engine.distillation.comparison.Comparison` that suits a
    network's layer of logits.
    """
    head = model.get_submodule(path.rpartition('.')[0])
    own = [getattr(head, name, None) for name in ('loss_module', 'loss_decode')]
    losses = [part for loss in own if isinstance(loss, nn.Module) for part in loss.modules()]
    by_itself = [loss.use_sigmoid for loss in losses if hasattr(loss, 'use_sigmoid')]
    if by_itself and all(by_itself):  # a Dice loss may stand beside a softmax
        return 'binary'
    return next((loss for part, layer, loss, kind in _HEADS
                 if path == f'{part}.{layer}' and _is_a(head, kind)), 'kl')


def _is_a(module: nn.Module, kind: str) -> bool:
    return any(base.__name__ == kind for base in type(module).__mro__)


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
