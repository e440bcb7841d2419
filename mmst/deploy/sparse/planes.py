"""Lays feature maps out for the kernel: planes with a gap after each row."""
import ctypes
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ...errors import TrainingError, config_error
from .library import Map

#: Planes are whole vectors long and start at whole vectors, the widest processor's.
ALIGNMENT = 16


@dataclass(frozen=True)
class Layout:
    """Says where the values of an (N, C, height, width) map lie.

    Attributes:
        height, width (int): Of the map.
        gap (int): Floats after each row; at least the reach of the largest kernel.
    """
    height: int
    width: int
    gap: int

    @property
    def stride(self) -> int:
        """Return floats from one row to the next."""
        return self.width + self.gap

    @property
    def plane(self) -> int:
        """Return floats from one channel to the next."""
        return -(-self.height * self.stride // ALIGNMENT) * ALIGNMENT


def new_map(images: int, channels: int, layout: Layout, zeros: bool = False) -> Tensor:
    """Return an (N, C, H, W) tensor in planes; with ``zeros`` it and its gaps are 0."""
    make = torch.zeros if zeros else torch.empty
    plane = layout.plane
    size = (images, channels, layout.height, layout.width)
    strides = (channels * plane, plane, layout.stride, 1)
    # Neither torch's default type nor its default device.
    flat = make(images * channels * plane, dtype=torch.float32, device='cpu')
    return flat.as_strided(size, strides)


def in_planes(x: Tensor, gap: int) -> Tensor:
    """Return ``x`` itself where it lies in planes already, else a copy."""
    images, channels, height, width = x.shape
    layout = Layout(height, width, gap)
    plane = layout.plane
    end = x.storage_offset() + images * channels * plane
    if (x.stride() == (channels * plane, plane, layout.stride, 1) and x.dtype == torch.float32
            and x.data_ptr() % (4 * ALIGNMENT) == 0 and end * 4 <= x.untyped_storage().nbytes()):
        return x
    return new_map(images, channels, layout, zeros=True).copy_(x)


def as_map(x: Tensor) -> Map:
    """Describe a tensor with contiguous rows to the kernel.

    Raises:
        TrainingError: The kernel cannot read it, and never gets such an address.
    """
    if x.dtype is not torch.float32 or not x.is_cpu or x.layout is not torch.strided:
        raise TrainingError(f'the sparse kernel was given a {x.dtype} map on {x.device}. Remedy: '
                            'give float32 images on the CPU; leave its modules there.')
    images, channels, height, width = x.shape
    image, plane, row, _ = x.stride()
    return Map(x.data_ptr(), image, plane, height, width, row, images, channels)


def check_channels(x: Tensor, channels: int) -> None:
    """Refuse a map of which the kernel would read more, or less, than is there.

    Raises:
        ConfigError: With its shape and type.
    """
    if (x.dim() != 4 or x.shape[1] != channels or min(x.shape) < 1
            or not x.is_floating_point()):
        raise config_error('images.shape', tuple(x.shape), f'{x.dtype} maps of {channels} channels '
                           f'are wanted, (N, {channels}, H, W)', 'give images as in training')


def with_rows(x: Tensor) -> Tensor:
    """Return ``x`` as float32 with contiguous rows; copied only if need be."""
    x = x.float()
    return x if x.stride(3) == 1 and x.stride(2) < 2**31 else x.contiguous().as_strided(
        x.shape, (x[0].numel(), x[0, 0].numel(), x.shape[3], 1))


def pointer(structure: ctypes.Structure) -> int:
    """Return the address of a structure, for arguments that may be null."""
    return ctypes.addressof(structure)


def size_after(size: Sequence[int], stride: int) -> tuple[int, int]:
    """Return the height and width after a stride."""
    return -(-size[0] // stride), -(-size[1] // stride)
