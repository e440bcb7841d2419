"""Makes of a head's scores what its toolbox predicts from them."""
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from ..errors import TicketError
from ..openmmlab.internals import classifier_of

HW = tuple[int, int]


def find_answer(model: nn.Module, scope: str | None) -> Callable[[Tensor, HW], NDArray[Any]]:
    """Return what makes of scores (1, classes, …) and a picture's height and width a label map
    (H, W), or the scores of classes (classes, ).

    The toolbox's own code decides: heads of one channel compare a sigmoid with their threshold, the
    others take the largest score; classes exclude one another, or each has a chance of its own.

    Args:
        model (nn.Module): The toolbox's model.
        scope (str, optional): The toolbox.

    Raises:
        TicketError: The task needs more than a picture.
    """
    if labels_pixels(model):
        return partial(_label, model)
    classify = classifier_of(model) if scope == 'mmpretrain' else None
    if classify is None:
        raise TicketError(f'tickets of {scope} need more than a picture. Remedy: give '
                          'predictor.network to the toolbox\'s inferencer.')
    return lambda scores, size: classify(scores).numpy()


def labels_pixels(model: nn.Module) -> bool:
    """Return whether the network gives each pixel a class."""
    return hasattr(getattr(model, 'decode_head', None), 'align_corners')


def slides(model: nn.Module) -> bool:
    """Return whether mmseg moves a window over pictures (``test_cfg.mode='slide'``)."""
    settings = getattr(model, 'test_cfg', None)
    return (labels_pixels(model) and isinstance(settings, Mapping)
            and settings.get('mode') == 'slide')


def _label(model: Any, scores: Tensor, size: HW) -> NDArray[Any]:
    full = functional.interpolate(scores, size, mode='bilinear',
                                  align_corners=model.decode_head.align_corners)
    found = model.postprocess_result(full)[0].pred_sem_seg.data[0]
    return found.long().numpy()  # of a threshold: 0. and 1.
