"""Draws a demo's picture: image, labels, predictions of S+P and of the ticket."""
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from mmengine.config import Config
from torch import nn

from ...tickets import Ticket
from ..gallery import Column, prediction, segmentation_gallery
from ..visualize import View, view_of
from ..visualize.compare import write_picture
from ..visualize.grid import grid
from .recorded import load_samples, save_samples
from .tasks import Demo

#: Validation images of the picture.
SHOWN = (2, 11, 23, 34)


def draw(ticket: nn.Module, dataset: Any, score: float, sparsity: float, recorded: Path,
         pruned: Mapping[str, Any], path: Path) -> None:
    """Draw the picture of a segmentation demo.

    Args:
        ticket (nn.Module): The ticket's network, an mmseg model.
        dataset: The validation images.
        score (float): mIoU of the ticket.
        sparsity (float): Of the ticket.
        recorded (Path): Folder of label maps that S+P has predicted, ``INDEX.png``.
        pruned (Mapping): Record of S+P; its sparsity and mIoU are written above them where it has
            them.
        path (Path): PNG file to write.
    """
    columns = [Column(f'ticket, {sparsity:.0%} sparse, mIoU {score:.1f}', prediction(ticket))]
    if all(file(recorded, index).is_file() for index in SHOWN):
        columns.insert(0, Column(title_of(pruned), lambda _, index: cv2.imread(
            str(file(recorded, index)), -1)))
    segmentation_gallery(columns, dataset, SHOWN, path)


def draw_samples(demo: Demo, cfg: Config, ticket: Ticket, summary: Mapping[str, Any],
                 recorded: Path, pruned: Mapping[str, Any], path: Path) -> None:
    """Draw the picture of a demo that classifies or finds key points.

    Args:
        demo (Demo): Says which validation images are shown.
        cfg (Config): The demo's.
        ticket (Ticket): Its ticket.
        summary (Mapping): The ticket's ``ticket.json``.
        recorded (Path): File of S+P's predictions, of :func:`save_drawn`.
        pruned (Mapping): Record of S+P, for the title.
        path (Path): PNG file to write.
    """
    view = view_of(cfg)
    subjects = dict(zip(demo.shown, view.subjects(demo.shown), strict=True))
    columns = {title_of(summary, demo.metric, 'ticket'): _predict(view, ticket, subjects)}
    found = load_samples(recorded, subjects)
    if found is not None:
        columns = {title_of(pruned, demo.metric): found, **columns}
    rows = []
    for index, subject in subjects.items():
        image = np.ascontiguousarray(subject.image[..., ::-1])
        rows.append([image, view.draw(image, subject.truth, truth=True),
                     *(view.draw(image, samples[index]) for samples in columns.values())])
    samples = [sample for column in columns.values() for sample in column.values()]
    write_picture(path, grid(rows, ['image', 'labels', *columns], demo.width,
                             view.legend(samples)))


def save_drawn(demo: Demo, cfg: Config, ticket: Ticket, path: Path) -> None:
    """Write a network's predictions for the images that :func:`draw_samples` shows."""
    view = view_of(cfg)
    subjects = dict(zip(demo.shown, view.subjects(demo.shown), strict=True))
    save_samples(_predict(view, ticket, subjects), path)


def _predict(view: View, ticket: Ticket, subjects: Mapping[int, Any]) -> dict[int, Any]:
    network = view.prepare(ticket)
    return {index: view.predict(network, subject) for index, subject in subjects.items()}


def title_of(record: Mapping[str, Any], metric: str = 'mIoU', name: str = 'S+P') -> str:
    """Return the title above a network's pictures, with the figures that its record has."""
    sparsity, score = record.get('sparsity'), record.get('metrics', {}).get(metric)
    figures = [f'{sparsity:.0%} sparse'] if sparsity is not None else []
    if score is not None:
        digits = 2 if score <= 1 else 1  # an AP is a share, other scores are percentages
        word = metric.rpartition('/')[2].replace('top1', 'top-1')
        figures.append(f'{word} {score:.{digits}f}')
    return ', '.join([name, *figures])


def save_predictions(model: nn.Module, dataset: Any, folder: Path,
                     indices: Sequence[int] = SHOWN) -> None:
    """Write the label maps that a network predicts for images of the picture."""
    folder.mkdir(parents=True, exist_ok=True)
    predict = prediction(model)
    for index in indices:
        cv2.imwrite(str(file(folder, index)), predict(dataset[index], index).astype(np.uint8))


def file(folder: Path, index: int) -> Path:
    """Return the file of an image's label map."""
    return folder / f'{index}.png'
