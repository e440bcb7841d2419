"""Images to check an exported network with."""
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from mmengine.utils import scandir
from torch import Tensor

from ...errors import DataError
from ...lab.scenes import generate
from ...tickets import Ticket
from .deployed import preprocessing

ENDINGS = ('.jpg', '.jpeg', '.png', '.bmp', '.webp')


def sample_images(ticket: Ticket, input_shape: tuple[int, int], folder: str | None = None,
                  count: int = 2) -> Tensor:
    """(count, 3, height, width) of a folder's first images, or of generated street scenes.

    They are resized and normalised as the ticket's network takes them.

    Raises:
        DataError: The folder has no images.
    """
    import cv2
    with tempfile.TemporaryDirectory() as made:
        files = _find(folder) if folder else _draw(Path(made), count)
        pictures = [cv2.imread(str(files[i % len(files)])) for i in range(count)]
    if any(picture is None for picture in pictures):
        raise DataError(f'--images = {folder!r}: an image cannot be read. Remedy: give a folder of '
                        'whole images.')
    height, width = input_shape
    small = [cv2.resize(p, (width, height), interpolation=cv2.INTER_AREA) for p in pictures]
    batch = torch.from_numpy(np.stack(small)).permute(0, 3, 1, 2).float()
    return normalise(batch, preprocessing(ticket))


def normalise(batch: Tensor, settings) -> Tensor:
    """Pixels (N, 3, H, W), blue first, as a network wants them."""
    if any(settings.get(key) for key in ('bgr_to_rgb', 'to_rgb')):
        batch = batch.flip(1)
    mean, std = (torch.tensor(settings.get(key) or [default] * 3).float().view(-1, 1, 1)
                 for key, default in (('mean', 127.5), ('std', 64.)))
    return ((batch - mean) / std).contiguous()


def _find(folder: str) -> list[Path]:
    found = sorted(scandir(folder, ENDINGS, recursive=True, case_sensitive=False)) \
        if Path(folder).is_dir() else []
    if not found:
        raise DataError(f'--images = {folder!r}: no images there. Remedy: give a folder with '
                        'images of the kind that the network has seen.')
    return [Path(folder, name) for name in found]


def _draw(folder: Path, count: int) -> Sequence[Path]:
    generate('cityscapes', folder / 'scenes', (64, 128), 1, count)
    return sorted((folder / 'scenes').rglob('*leftImg8bit.png'))[-count:]
