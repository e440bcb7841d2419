"""Do label maps have the size of their images, and one number a pixel?"""

import numpy as np
from PIL import Image

from .sources import Source, data_error

#: Kinds of pictures, as Pillow calls them, that hold colours rather than labels.
COLOURS = ('RGB', 'RGBA', 'LA', 'CMYK', 'YCbCr', 'LAB', 'HSV')
_ORIENTATION, _TURNED = 0x0112, (5, 6, 7, 8)


def check_label_maps(source: Source, most: int = 100) -> None:
    """Refuse label maps of another size than their images, or with colours.

    Only the headers of at most ``most`` pairs are read, evenly spaced over the data set. What
    Pillow cannot open, and data sets with a loader of their own, are passed over.

    Raises:
        DataError: Naming the file.
    """
    if source.task != 'mmseg' or source.is_remote or not _loads_plainly(source):
        return
    source.dataset.full_init()
    count = len(source.dataset)
    for index in np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int)):
        info = source.dataset.get_data_info(int(index))
        image, labels = _header(info['img_path']), _header(info.get('seg_map_path'))
        key, path = f'{source.key}.data_prefix.seg_map_path', info.get('seg_map_path')
        if labels is not None and labels[1] in COLOURS:
            raise data_error(key, path, f'this label map holds colours ({labels[1]}), and labels '
                             'are one number a pixel', 'convert the label maps to train ids, '
                             'pictures of one channel')
        if image is not None and labels is not None and image[0] != labels[0]:
            size = ' x '.join(map(str, labels[0]))
            raise data_error(
                key, path, f'this label map is {size} pixels wide and high, and its image '
                f'{info["img_path"]} {" x ".join(map(str, image[0]))}',
                'give each image the label map that was drawn for it, at its size')


def _loads_plainly(source: Source) -> bool:
    """Whether label maps are read by mmsegmentation's own step."""
    kinds = [str(step.get('type')) for step in source.cfg.get('pipeline', ())
             if isinstance(step, dict)]
    return (bool(source.dataset.data_prefix.get('seg_map_path'))
            and any(kind in ('LoadAnnotations', 'mmseg.LoadAnnotations') for kind in kinds))


def _header(path: str | None) -> tuple[tuple[int, int], str] | None:
    """Return width and height as they are loaded, and the kind of picture; None if unreadable."""
    try:
        with Image.open(path) as picture:
            turned = picture.getexif().get(_ORIENTATION) in _TURNED
            return picture.size[::-1] if turned else picture.size, picture.mode
    except (OSError, ValueError, AttributeError, SyntaxError, Image.DecompressionBombError):
        return None
