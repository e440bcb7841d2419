"""Runs fusion modules and classification necks around sparse blocks."""
from collections.abc import Mapping, Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from ...models.hrnas.classification_neck import ClassificationNeck
from ...models.hrnas.fusion_module import FusionModule
from .engine_settings import EngineSettings
from .library import functions
from .nodes import Mean
from .planes import as_map, in_planes, pointer
from .sparse_block import SparseSearchBlock


def finish(total: Tensor, half: Tensor | None, relu: bool, settings: EngineSettings) -> Tensor:
    """Add to ``total`` a half, enlarged twice (nearest) where it is given, then apply ReLU; in
    place.
    """
    source = as_map(half) if half is not None else None
    functions().finish(pointer(source) if source else None, as_map(total), relu, settings.threads)
    return total


class SparseFusion(nn.Module):
    """Lets the blocks of a fusion module add to one map a branch; they are sparse already."""

    def __init__(self, module: FusionModule, settings: EngineSettings):
        super().__init__()
        self.blocks: Sequence[Mapping[str, nn.Module]] = module.blocks
        self.new_branch: nn.Module | None = module.new_branch
        self.settings = settings

    def forward(self, inputs: Sequence[Tensor]) -> list[Tensor]:
        inputs = [in_planes(x, self.settings.gap) for x in inputs]
        outputs = [self._fuse(i, inputs) for i in range(len(self.blocks))]
        if self.new_branch is not None:
            outputs.append(self.new_branch(outputs[-1]))
        return outputs

    def _fuse(self, i: int, inputs: Sequence[Tensor]) -> Tensor:
        blocks, lower = self.blocks[i], None
        total = in_planes(blocks[str(i)](inputs[i]), self.settings.gap)
        if str(i - 1) in blocks:
            total = _add(blocks[str(i - 1)], inputs[i - 1], total)
        if str(i + 1) in blocks:
            lower = blocks[str(i + 1)](inputs[i + 1])
            size = total.shape[-2:]
            if tuple(size) != (2 * lower.shape[-2], 2 * lower.shape[-1]):
                x = F.interpolate(lower, scale_factor=2, mode='nearest')
                total += F.interpolate(x, size, mode='bilinear', align_corners=False)
                lower = None
            else:
                lower = in_planes(lower, self.settings.gap)
        return finish(total, lower, True, self.settings)


def _add(block: nn.Module, x: Tensor, total: Tensor) -> Tensor:
    if isinstance(block, SparseSearchBlock):
        return block(x, total)
    return total.add_(block(x))


class SparseClassificationNeck(nn.Module):
    """Lets the blocks of a neck for classification add to one map a branch."""

    def __init__(self, module: ClassificationNeck, settings: EngineSettings):
        super().__init__()
        self.settings = settings
        self.widen: Sequence[nn.Module] = module.widen
        self.downsample: Sequence[nn.Module] = module.downsample
        self.final = module.final
        self.pool = None if module.pool is None else Mean(settings)

    def forward(self, inputs: Sequence[Tensor]) -> tuple[Tensor]:
        total = self.widen[0](inputs[0])
        for downsample, widen, x in zip(self.downsample, self.widen[1:], inputs[1:], strict=True):
            total = _add(widen, x, in_planes(downsample(total), self.settings.gap))
        out = self.final(total)
        return (out if self.pool is None else self.pool([out], (1, 1)).flatten(1), )
