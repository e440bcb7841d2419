"""Checks settings that a config has twice, and that have to agree."""
from collections.abc import Mapping
from typing import Any

from mmengine.runner import Runner

from ...errors import config_error
from ...settings.kinds import kind_name
from ..explain import Places

#: Of a codec of key points: sizes as (width, height).
_SIZES = ('input_size', 'heatmap_size')


def check_classes(runner: Runner) -> None:
    """Refuse an evaluation that numbers the same classes otherwise than the training.

    Data sets of mmsegmentation number them in the order of ``metainfo.classes``.

    Raises:
        ConfigError: Naming the evaluation's.
    """
    train, val = (_classes(loader) for loader in (
        runner.train_dataloader, getattr(runner.val_loop, 'dataloader', None)))
    if train != val and sorted(train) == sorted(val):
        raise config_error('val_dataloader.dataset.metainfo.classes', val, 'training has the same '
                           'classes in another order, so that each would count as another',
                           'give both data sets the classes in one order')


def check_codecs(places: Places) -> None:
    """Refuse a head that decodes key points at another size than they are encoded at.

    Raises:
        ConfigError: Naming the head's size.
    """
    decoder = places.parts.get('model.head.decoder')
    if not isinstance(decoder, Mapping):
        return
    encoders = {key: part for key, part in places.parts.items() if isinstance(part, Mapping)
                and key.startswith('train_dataloader.') and key.endswith('.encoder')}
    for key, encoder in encoders.items():
        for size in _SIZES if kind_name(encoder) == kind_name(decoder) else ():
            own, other = decoder.get(size), encoder.get(size)
            if own is not None and other is not None and tuple(own) != tuple(other):
                raise config_error(f'model.head.decoder.{size}', own, f'{key} has {other}, and key '
                                   'points would be found elsewhere', 'use one codec for both')


def _classes(loader: Any) -> list[str]:
    known = (getattr(getattr(loader, 'dataset', None), 'metainfo', None) or {}).get('classes')
    return list(map(str, known)) if isinstance(known, (list, tuple)) else []
