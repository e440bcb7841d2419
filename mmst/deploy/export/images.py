"""Makes images to check an exported network with."""
import os.path as osp
from pathlib import Path

import numpy as np
import torch
from mmengine.utils import scandir
from torch import Tensor

from ...errors import DataError
from ...tickets import Ticket
from .deployed import preprocessing

ENDINGS = ('.jpg', '.jpeg', '.png', '.bmp', '.webp')


def sample_images(ticket: Ticket, input_shape: tuple[int, int], folder: str | None = None,
                  count: int = 2, channels: int = 3) -> Tensor:
    """Return images (count, channels, height, width): a folder's first, or noise, each time the
    same.

    They are resized and normalised as the ticket's network takes them.

    Raises:
        DataError: The folder has no images, or images have other channels than the network's.
    """
    pixels = (_noise(count, channels, *input_shape) if folder is None else
              _read(folder, count, channels, *input_shape))
    return normalise(pixels, preprocessing(ticket))


def normalise(batch: Tensor, settings, mean: float = 127.5, std: float = 64.) -> Tensor:
    """Return pixels (N, C, H, W), blue first, as a network wants them.

    ``mean`` and ``std`` are those of networks whose settings name none.
    """
    if swaps_colours(settings, batch.shape[1]):
        batch = batch.flip(1)
    shift, scale = _shift_and_scale(batch, settings, mean, std)
    return ((batch - shift) / scale).contiguous()


def pixels_of(images: Tensor, settings) -> Tensor:
    """Return the uint8 pixels, blue first, that are closest to normalised images (N, C, H, W)."""
    shift, scale = _shift_and_scale(images, settings, 0., 1.)
    pixels = (images * scale + shift).round().clamp(0, 255).to(torch.uint8)
    return (pixels.flip(1) if swaps_colours(settings, pixels.shape[1]) else pixels).contiguous()


def swaps_colours(settings, channels: int = 3) -> bool:
    """Return whether a network takes red first; only three channels are colours to be turned."""
    keys = ('bgr_to_rgb', 'rgb_to_bgr', 'to_rgb')
    return channels == 3 and any(settings.get(key) for key in keys)


def _shift_and_scale(batch: Tensor, settings, *defaults: float) -> list[Tensor]:
    return [torch.tensor(settings.get(key) or [default] * batch.shape[1]).float().view(-1, 1, 1)
            for key, default in zip(('mean', 'std'), defaults, strict=True)]


def _noise(count: int, channels: int, height: int, width: int) -> Tensor:
    """Return pixels of any value, each by itself: they reach more of a network than a picture does.
    """
    generator = torch.Generator().manual_seed(0)
    return torch.randint(256, (count, channels, height, width), generator=generator).float()


def _read(folder: str, count: int, channels: int, height: int, width: int) -> Tensor:
    import cv2
    if channels not in (1, 3):
        raise DataError(f'--images = {folder!r}: pictures are grey or of three colours, and the '
                        f'network takes {channels} channels. Remedy: omit --images.')
    paths = _find(folder)
    form = cv2.IMREAD_COLOR if channels == 3 else cv2.IMREAD_GRAYSCALE
    pictures = [cv2.imread(str(paths[i % len(paths)]), form) for i in range(count)]
    if any(picture is None for picture in pictures):
        raise DataError(f'--images = {folder!r}: an image cannot be read. Remedy: give a folder of '
                        'whole images.')
    small = [cv2.resize(p, (width, height), interpolation=cv2.INTER_AREA) for p in pictures]
    stacked = np.stack(small).reshape(count, height, width, channels)
    return torch.from_numpy(stacked).permute(0, 3, 1, 2).float()


def _find(folder: str) -> list[Path]:
    found = sorted(scandir(folder, ENDINGS, recursive=True, case_sensitive=False)) \
        if osp.isdir(folder) else []
    if not found:
        raise DataError(f'--images = {folder!r}: no images there. Remedy: give a folder with '
                        'images of the kind that the network has seen.')
    return [Path(folder, name) for name in found]
