"""Counts the images of a folder that a data set uses, and the others."""
import logging
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from itertools import islice
from typing import Any

from mmengine.dataset import BaseDataset
from mmengine.logging import print_log
from PIL import Image

from ...errors import DataError
from ...files import may_never_end

#: Endings of pictures, in small letters.
ENDINGS = ('.bmp', '.gif', '.jpeg', '.jpg', '.png', '.ppm', '.tif', '.tiff', '.webp')
#: Files that are looked at: a folder of millions would take minutes.
MOST = 50_000


def check_endings(key: str, dataset: BaseDataset) -> None:
    """Refuse a data set that uses none of a folder's images; warn where it uses some of them.

    Data sets that are listed in a file are passed over, and those of other toolboxes than
    mmsegmentation and mmpretrain.

    Raises:
        DataError: Naming ``….img_suffix`` or ``….extensions``, with the endings that there are.
    """
    setting = next((name for name in ('img_suffix', 'extensions') if hasattr(dataset, name)), None)
    folder = dataset.data_prefix.get('img_path') or getattr(dataset, 'img_prefix', None)
    if setting is None or not folder or dataset.ann_file:
        return
    endings = getattr(dataset, setting)
    used, unused = 0, Counter[str]()
    names = (name for *_, names in os.walk(folder, followlinks=True) for name in names)
    for name in islice(names, MOST):
        if (name if setting == 'img_suffix' else name.lower()).endswith(endings):
            used += 1
        elif name.lower().endswith(ENDINGS):
            unused[os.path.splitext(name)[1]] += 1
    if unused:
        listed = ', '.join(f'{count} in {ending!r}' for ending, count in unused.most_common(3))
        message = (f'{key}.{setting} = {endings!r}: {used} images in {folder} end so and are used; '
                   f'{sum(unused.values())} others lie there, too ({listed}). Remedy: set it to '
                   'the ending of your files, capitals included, or rename them')
        if not used:
            raise DataError(f'{message}.')
        print_log(f'{message}, if those belong to the data.', 'current', logging.WARNING)


def check_pictures(infos: Iterable[Mapping[str, Any]]) -> None:
    """Refuse images that are damaged from their beginning on; they would stop a run in its middle.

    In the place of an image or a label map may lie a pipe, for which the run would wait for good.

    Raises:
        OSError: Naming the file.
    """
    for info in infos:
        path, labels = info.get('img_path'), info.get('seg_map_path')
        if isinstance(path, str) and '://' not in path and not is_picture(path):
            raise OSError(f'{path!r} is damaged, or no picture. Remedy: copy it again')
        if isinstance(labels, str) and may_never_end(labels):
            raise OSError(f'{labels!r} is a pipe or a device. Remedy: copy it again')


def is_picture(path: str) -> bool:
    """Return whether a file begins as pictures do; of unusual kinds only that it is not empty."""
    if may_never_end(path):
        return False
    if not path.lower().endswith(('.bmp', '.jpeg', '.jpg', '.png')):
        return os.path.getsize(path) > 0
    with suppress(OSError, ValueError, SyntaxError), Image.open(path):
        return True
    return False
