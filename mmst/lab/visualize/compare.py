"""Draws pictures and videos of several tickets side by side."""
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from mmengine.logging import print_log
from mmengine.utils import track_iter_progress

from ... import files
from ...errors import DataError, TrainingError
from ...settings.kept_inputs import keep_inputs
from .boxes import Boxes
from .column import Column
from .grid import grid
from .sources import read_video
from .view import Subject, View


def compare_images(view: View, columns: Sequence[Column], subjects: Sequence[Subject], path: Path,
                   width: int = 320, rows: int = 8) -> list[Path]:
    """Draw subjects below each other: the image, its annotations where there are any, each ticket.

    Args:
        view (View): Of the task.
        columns (Sequence[Column]): The tickets.
        subjects (Sequence[Subject]): One a row.
        path (Path): File to write; several are numbered.
        width (int): Pixels of a column.
        rows (int): Images a file.

    Returns:
        List[Path]: The files.
    """
    pages = [subjects[i:i + rows] for i in range(0, len(subjects), rows)]
    paths = [path if len(pages) == 1 else path.with_name(f'{path.stem}_{i + 1}{path.suffix}')
             for i in range(len(pages))]
    for file in paths:
        keep_inputs('--out', file, *(subject.name for subject in subjects))
    for page, file in zip(pages, paths, strict=True):
        drawn, shown = zip(*(picture_row(view, columns, subject) for subject in page), strict=True)
        truth = any(subject.truth is not None for subject in page)
        samples = [sample for row in shown for sample in row]
        picture = grid(_align(drawn, truth, len(columns)), _labels(columns, truth), width,
                       view.legend(samples))
        write_picture(file, picture)
        if view.remark(samples):
            print_log(view.remark(samples))
    return paths


def compare_video(view: View, columns: Sequence[Column], source: Path, path: Path,
                  width: int = 320, boxes: Boxes | None = None) -> int:
    """Draw each frame of a video next to the predictions on it, at the same speed.

    Returns:
        int: Number of frames.

    Raises:
        DataError: The video cannot be read.
        TrainingError: The file cannot be written.
    """
    frames = read_video(source)
    path.parent.mkdir(parents=True, exist_ok=True)
    writer, count = None, 0
    for number, frame in enumerate(track_iter_progress((frames, len(frames)))):
        if frame is None:  # the container promised more
            break
        found = boxes.of_frame(number) if boxes is not None else None
        row, _ = picture_row(view, columns, Subject(f'{source}:{number}', frame, found))
        picture = grid([row], _labels(columns, False), width)
        if writer is None:
            height, wide = picture.shape[:2]
            writer = open_writer(path, frames.fps, (wide, height))
        writer.write(np.ascontiguousarray(picture[..., ::-1]))
        count += 1
    if writer is None:
        raise DataError(f'--images {source}: its first frame cannot be read. Remedy: convert it to '
                        'H.264 or MPEG-4 in an .mp4 file.')
    writer.release()
    return count


def picture_row(view: View, columns: Sequence[Column], subject: Subject
                ) -> tuple[list[np.ndarray], list[Any]]:
    """Return the image, annotations and predictions as pictures, and the data samples that they
    show.
    """
    image = np.ascontiguousarray(subject.image[..., ::-1])
    samples = [view.predict(column.network, subject) for column in columns]
    pictures = [view.draw(image, sample) for sample in samples]
    if subject.truth is not None:
        pictures.insert(0, view.draw(image, subject.truth, truth=True))
        samples = [subject.truth, *samples]
    return [image, *pictures], samples


def open_writer(path: Path, fps: float, size: tuple[int, int]) -> cv2.VideoWriter:
    """Return a writer of MPEG-4 frames, blue first, of ``size`` (width, height).

    Raises:
        TrainingError: The file cannot be written.
    """
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*'mp4v'), fps or 25., size)
    if not writer.isOpened():
        raise TrainingError(f'{path} cannot be written as a video. Remedy: give a path that ends '
                            'in .mp4, in a folder that may be written.')
    return writer


def write_picture(path: Path, picture: np.ndarray) -> None:
    """Write a picture, red first, in the format that the path's ending names.

    Raises:
        TrainingError: The disk is full or does not allow it.
    """
    files.write_bytes(path, cv2.imencode(path.suffix, picture[..., ::-1])[1].tobytes())


def _labels(columns: Sequence[Column], truth: bool) -> list[str]:
    return ['image', *(['labels'] if truth else []), *(column.label for column in columns)]


def _align(rows, truth: bool, tickets: int):
    """Return the rows; those of images without annotations get an empty picture in that column."""
    return [row if not truth or len(row) == tickets + 2
            else [row[0], np.full_like(row[0], 255), *row[1:]] for row in rows]
