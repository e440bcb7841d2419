"""Reads boxes of people from a detector's file in COCO's format."""
from pathlib import Path

import numpy as np

from ... import files
from ...errors import DataError

PERSON, SCORE = 1, 0.3
_FORM = ('Remedy: give a list of dict(image_id=…, bbox=[x, y, width, height], score=…), as COCO\'s '
         'detection results are.')


class Boxes:
    """Holds boxes by image.

    ``image_id`` is the image's file name without its ending, or the number in it
    (COCO's ``000000000139``); of a video's frames, their number from 0.

    Detections of other categories than 1 (a person), and those that score less than 0.3, are left
    out.

    Args:
        path (str): The file.

    Raises:
        DataError: It is missing, no JSON, or of another format.
    """

    def __init__(self, path: str):
        self.path = path
        self._found: dict[str, list[list[float]]] = {}
        for entry in _read(path):
            try:
                x, y, width, height = map(float, entry['bbox'])
                key = _key(entry['image_id'])
                wanted = (entry.get('category_id', PERSON) == PERSON
                          and float(entry.get('score', 1.)) >= SCORE)
            except (KeyError, TypeError, ValueError, AttributeError):
                raise DataError(f'--boxes {path}: {str(entry)[:80]} is no detection. {_FORM}') \
                    from None
            if wanted:
                self._found.setdefault(key, []).append([x, y, x + width, y + height])

    def of_frame(self, number: int) -> np.ndarray:
        """Return boxes (N, 4) float32, x1 y1 x2 y2; none where the detector saw nobody."""
        return np.array(self._found.get(str(number), []), np.float32).reshape(-1, 4)

    def of_image(self, path: Path) -> np.ndarray:
        """Return boxes (N, 4) float32, x1 y1 x2 y2.

        Raises:
            DataError: The file has no box for the image.
        """
        if _key(path.stem) not in self._found:
            raise DataError(f'--boxes {self.path}: no box of a person for {path.name}. Remedy: '
                            f'add one with image_id = {path.stem!r}, or omit --boxes to take '
                            'whole images as boxes.')
        return np.array(self._found[_key(path.stem)], np.float32)


def _key(image_id) -> str:
    """Return an image's key: COCO writes ``139`` in one file, ``000000000139`` in the other."""
    text = str(image_id)
    return str(int(text)) if text.isdigit() else text


def _read(path: str) -> list:
    try:
        content = files.parse_json(files.read_text(path))
    except FileNotFoundError:
        raise DataError(f'--boxes {path}: no such file. {_FORM}') from None
    except (ValueError, OSError) as error:
        raise DataError(f'--boxes {path}: cannot be read ({error}). {_FORM}') from None
    if not isinstance(content, list):
        raise DataError(f'--boxes {path}: holds no list. {_FORM}')
    return content
