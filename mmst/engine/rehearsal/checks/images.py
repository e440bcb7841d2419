"""Compares the images that a data set uses with all that lie in its folder."""
import logging
import os
from collections import Counter
from collections.abc import Iterator
from itertools import islice

from mmengine.logging import print_log

from .sources import Source, data_error

#: Endings of pictures, in small letters.
ENDINGS = ('.bmp', '.gif', '.jpeg', '.jpg', '.png', '.ppm', '.tif', '.tiff', '.webp')
#: Files that are looked at: a folder of millions would take minutes.
MOST = 50_000


def check_images(source: Source) -> None:
    """Refuse a data set that uses none of a folder's images; warn where it uses some of them.

    Data sets that are listed in a file are passed over, and those of other toolboxes than
    mmsegmentation and mmpretrain.

    Raises:
        DataError: Naming ``….img_suffix`` or ``….extensions``, with the endings that there are.
    """
    found = _folder_and_endings(source)
    if found is None:
        return
    key, folder, used_endings, folds_case = found
    used, beside = 0, Counter()
    for name in islice(_files(folder), MOST):
        if (name.lower() if folds_case else name).endswith(tuple(used_endings)):
            used += 1
        elif name.lower().endswith(ENDINGS):
            beside[os.path.splitext(name)[1]] += 1
    if not beside:
        return
    listed = ', '.join(f'{count} in {ending!r}' for ending, count in beside.most_common(3))
    value = used_endings[0] if len(used_endings) == 1 else list(used_endings)
    problem = (f'{used} images in {folder} end so and are used; {sum(beside.values())} others lie '
               f'next to them ({listed})')
    remedy = 'set it to the ending of your files, capitals included, or rename them'
    if not used:
        raise data_error(key, value, problem, remedy)
    print_log(f'{key} = {value!r}: {problem}. Remedy: {remedy}, if those belong to the data.',
              'current', logging.WARNING)


def _folder_and_endings(source: Source) -> tuple[str, str, list[str], bool] | None:
    """Return the key of the endings, folder, endings, and whether capitals do not matter."""
    dataset = source.dataset
    if dataset is None or source.is_remote or getattr(dataset, 'ann_file', None):
        return None
    if source.task == 'mmseg' and isinstance(getattr(dataset, 'img_suffix', None), str):
        folder = dataset.data_prefix.get('img_path')
        return (f'{source.key}.img_suffix', folder, [dataset.img_suffix], False) if folder else None
    if source.task == 'mmpretrain' and getattr(dataset, 'extensions', None):
        endings = [ending.lower() for ending in dataset.extensions]
        return f'{source.key}.extensions', dataset.img_prefix, endings, True
    return None


def _files(folder: str) -> Iterator[str]:
    for _, _, names in os.walk(folder, followlinks=True):
        yield from names
