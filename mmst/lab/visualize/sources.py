"""Finds images and videos by their paths."""
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from mmengine.utils import scandir

from ...errors import DataError

IMAGES = ('.jpg', '.jpeg', '.png', '.bmp', '.webp', '.tif', '.tiff', '.ppm')
VIDEOS = ('.mp4', '.avi', '.mov', '.mkv', '.webm')


def find_sources(paths: Sequence[str]) -> tuple[list[Path], list[Path]]:
    """Return the image files and video files; folders are looked through, their files sorted by
    name.

    Raises:
        DataError: A path that is not there, that is neither, or a folder without any.
    """
    images: list[Path] = []
    videos: list[Path] = []
    for path in map(Path, paths):
        found = _in_folder(path) if path.is_dir() else [path]
        for file in found:
            if not file.is_file():
                raise DataError(f'--images {file}: no such file. Remedy: give images, folders of '
                                'images, or videos.')
            kind = file.suffix.lower()
            if kind not in IMAGES + VIDEOS:
                raise DataError(f'--images {file}: neither an image ({", ".join(IMAGES)}) nor a '
                                f'video ({", ".join(VIDEOS)}). Remedy: convert it.')
            (videos if kind in VIDEOS else images).append(file)
    return images, videos


def read_image(path: Path) -> np.ndarray:
    """Return the image, (H, W, 3) uint8, blue first.

    Raises:
        DataError: The file cannot be read as an image.
    """
    # Not cv2.imread, which reports errors on stderr only.
    image = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR) \
        if path.stat().st_size else None
    if image is None:
        raise DataError(f'--images {path}: cannot be read as an image. Remedy: copy it again, or '
                        'omit it.')
    return image


def read_video(path: Path) -> Any:
    """Return mmcv's reader of the frames.

    Raises:
        DataError: The file cannot be read as a video.
    """
    from mmcv import VideoReader
    reader = VideoReader(str(path))
    if not reader.opened or not len(reader) or reader.width < 1:
        raise DataError(f'--images {path}: cannot be read as a video. Remedy: convert it to '
                        'H.264 or MPEG-4 in an .mp4 file.')
    return reader


def _in_folder(folder: Path) -> list[Path]:
    found = sorted(scandir(str(folder), IMAGES + VIDEOS, recursive=True, case_sensitive=False))
    if not found:
        raise DataError(f'--images {folder}: no images and no videos there. Remedy: give a folder '
                        'that has some.')
    return [folder / name for name in found]
