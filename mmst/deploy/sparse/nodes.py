"""Runs operations of a compacted network by the kernel: of its maps' channels, sums and sizes."""
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from ...models.hrnas.fusion_module import upsample_to
from ..compact.operations.operation import size_at
from ..compact.token_mixer import TokenMixer
from .engine_settings import EngineSettings
from .library import Map, functions
from .mixer_plan import token_mixer
from .planes import Layout, as_map, new_map, with_rows

#: Height and width of a map, or how often the image's are halved.
Size = int | Sequence[int]


class GraphNode(nn.Module):
    """Computes one operation of its input maps.

    Shape:
        (N, C, H, W) maps, N alike or 1, and the height and width of the image, to such a map.
    """

    def __init__(self, settings: EngineSettings):
        super().__init__()
        self.settings = settings

    def forward(self, inputs: Sequence[Tensor], size: tuple[int, int]) -> Tensor:
        raise NotImplementedError

    def _new(self, images: int, channels: int, size: Sequence[int]) -> Tensor:
        return new_map(images, channels, Layout(size[0], size[1], self.settings.gap))


class Gather(GraphNode):
    """Takes channels of several maps, in any order.

    Args:
        sources (Sequence[int]): The input of each channel, -1 for a channel of zeros.
        channels (Sequence[int]): Its channel there.
        settings (EngineSettings): Shared by the modules of a network.
    """

    def __init__(self, sources: Sequence[int], channels: Sequence[int], settings: EngineSettings):
        super().__init__(settings)
        self.sources = np.asarray(sources, np.int32)
        self.channels = np.asarray(channels, np.int32)

    def forward(self, inputs: Sequence[Tensor], size: tuple[int, int]) -> Tensor:
        images = max(len(x) for x in inputs)
        maps = [with_rows(x).expand(images, -1, -1, -1) for x in inputs]
        out = self._new(images, len(self.sources), maps[0].shape[2:])
        functions().gather_channels(
            (Map * len(maps))(*map(as_map, maps)), self.sources.ctypes.data,
            self.channels.ctypes.data, as_map(out), self.settings.threads)
        return out


class Sum(GraphNode):
    """Adds maps, from the left to the right; the result is never one of them."""

    def forward(self, inputs: Sequence[Tensor], size: tuple[int, int]) -> Tensor:
        total = inputs[0]
        if len(inputs) == 1:
            return self._new(total.shape[0], total.shape[1], total.shape[2:]).copy_(total)
        for x in inputs[1:]:
            total = add(total, x, self.settings)
        return total


class Shift(GraphNode):
    """Adds a number to each channel, or applies ReLU.

    Args:
        settings (EngineSettings): Shared by the modules of a network.
        bias (Tensor, optional): A number for each channel.
        relu (bool): Whether a ReLU ends it.
    """

    def __init__(self, settings: EngineSettings, bias: Tensor | None = None, relu: bool = False):
        super().__init__(settings)
        self.relu = relu
        self.bias = None if bias is None else bias.detach().float().numpy().copy()

    def forward(self, inputs: Sequence[Tensor], size: tuple[int, int]) -> Tensor:
        x = with_rows(inputs[0])
        out = self._new(x.shape[0], x.shape[1], x.shape[2:])
        functions().shift(as_map(x), None if self.bias is None else self.bias.ctypes.data,
                          self.relu, as_map(out), self.settings.threads)
        return out


class Resize(GraphNode):
    """Resizes a map (bilinear).

    Args:
        size (int | Sequence[int]): Of the result.
        settings (EngineSettings): Shared by the modules of a network.
    """

    def __init__(self, size: Size, settings: EngineSettings):
        super().__init__(settings)
        self.size = size

    def forward(self, inputs: Sequence[Tensor], size: tuple[int, int]) -> Tensor:
        x = inputs[0]
        wanted = size_at(size, self.size) if isinstance(self.size, int) else tuple(self.size)
        if tuple(x.shape[-2:]) == wanted:
            return x
        x, out = with_rows(x), self._new(x.shape[0], x.shape[1], wanted)
        functions().resize(as_map(x), as_map(out), self.settings.threads)
        return out


class LevelNode(GraphNode):
    """Computes an operation whose result has the size of a level.

    Args:
        level (int): How often the image's height and width are halved in the result.
        settings (EngineSettings): Shared by the modules of a network.
    """

    def __init__(self, level: int, settings: EngineSettings):
        super().__init__(settings)
        self.level = level


class Double(LevelNode):
    """Enlarges a map to twice its size (nearest), then to its level's where that is not the same.
    """

    def forward(self, inputs: Sequence[Tensor], size: tuple[int, int]) -> Tensor:
        x, wanted = inputs[0], size_at(size, self.level)
        if wanted != (2 * x.shape[-2], 2 * x.shape[-1]):
            with self.settings.torch_aside():
                return upsample_to(x, torch.Size(wanted))
        x, out = with_rows(x), self._new(x.shape[0], x.shape[1], wanted)
        functions().enlarge(as_map(x), as_map(out), self.settings.threads)
        return out


class Mean(GraphNode):
    """Averages each channel."""

    def forward(self, inputs: Sequence[Tensor], size: tuple[int, int]) -> Tensor:
        x = with_rows(inputs[0])
        out = self._new(x.shape[0], x.shape[1], (1, 1))
        functions().mean(as_map(x), as_map(out), self.settings.threads)
        return out


class Ones(LevelNode):
    """Makes a channel of ones."""

    def forward(self, inputs: Sequence[Tensor], size: tuple[int, int]) -> Tensor:
        return self._new(1, 1, size_at(size, self.level)).fill_(1)


class Values(GraphNode):
    """Gives a map of fixed values.

    Args:
        values (Tensor): (1, C, H, W).
        settings (EngineSettings): Shared by the modules of a network.
    """

    def __init__(self, values: Tensor, settings: EngineSettings):
        super().__init__(settings)
        self.values = values.float()

    def forward(self, inputs: Sequence[Tensor], size: tuple[int, int]) -> Tensor:
        return self.values


class Mixer(GraphNode):
    """Computes both layers of a Transformer on tokens.

    Args:
        module (TokenMixer): One that :func:`~.mixer_plan.takes_mixer` takes.
        tokens (int): Channels of its input.
        settings (EngineSettings): Shared by the modules of a network.
    """

    def __init__(self, module: TokenMixer, tokens: int, settings: EngineSettings):
        super().__init__(settings)
        self.structure = token_mixer(module, tokens)

    def forward(self, inputs: Sequence[Tensor], size: tuple[int, int]) -> Tensor:
        x = with_rows(inputs[0])
        out = self._new(x.shape[0], self.structure.outputs, x.shape[2:])
        functions().mixer(self.structure, as_map(x), as_map(out), self.settings.threads)
        return out


def add(a: Tensor, b: Tensor, settings: EngineSettings, in_place: bool = False) -> Tensor:
    """Return the sum of two maps; ``in_place`` it is written over the first."""
    images = max(len(a), len(b))
    a, b = (with_rows(x).expand(images, -1, -1, -1) for x in (a, b))
    out = a if in_place else new_map(images, a.shape[1],
                                     Layout(a.shape[2], a.shape[3], settings.gap))
    functions().add(as_map(a), as_map(b), as_map(out), settings.threads)
    return out
