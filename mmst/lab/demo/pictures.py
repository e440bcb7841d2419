"""Draws a demo's picture: image, labels, predictions of S+P and of the ticket."""
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from torch import nn

from ..gallery import Column, prediction, segmentation_gallery

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


def title_of(pruned: Mapping[str, Any]) -> str:
    """Return the title above the pictures of S+P, with the figures that its record has."""
    sparsity, score = pruned.get('sparsity'), pruned.get('metrics', {}).get('mIoU')
    figures = [f'{sparsity:.0%} sparse'] if sparsity is not None else []
    return ', '.join(['S+P', *figures, *([f'mIoU {score:.1f}'] if score is not None else [])])


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
