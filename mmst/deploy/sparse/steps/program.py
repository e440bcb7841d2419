"""Lists the steps of a sparse network: which layer reads which map, and writes which."""
from collections.abc import Mapping, Sequence
from typing import Any, cast

from torch import nn

from ....errors import TicketError
from ..modules import SparseClassificationNeck, SparseFusion
from ..sparse_block import SparseSearchBlock
from ..sparse_conv import SparseConv
from ..sparse_neck import SparseDenseNeck
from ..sparse_stem import SparseStem
from .blob import LAYERS, OPERATIONS, Blob
from .layers import write_block, write_coarse, write_conv, write_stem

#: Kinds of steps, as in ``kernel/shape.h``.
(STEM, CONV, BLOCK, NECK, FINISH, FREE, MEAN, GATHER, ADD, SHIFT, RESIZE, VALUES, ONES, MIXER,
 IMAGE) = range(1, 16)
#: Maps that may be there at once.
MOST_MAPS = 64


class Program:
    """Collects steps; a map is a number, which is taken again once nothing reads the map."""

    def __init__(self, int8: bool = False):
        self.blob, self.count, self.taken = Blob(int8), 0, set[int]()
        self.version = LAYERS
        #: The layer of each step; None of one that has none.
        self.layers: list[Any] = []

    def network(self, backbone: Any, neck: nn.Module) -> int:
        """Append a backbone and a neck; returns the last map."""
        branches = [self.step(STEM, self.new(), -1, write_stem, _stem(backbone))]
        for fusion, parallel in zip(backbone.fusions, backbone.parallels, strict=True):
            branches = self._fusion(fusion, branches)
            branches = [self._row(blocks, x)
                        for blocks, x in zip(parallel, branches, strict=True)]
        if isinstance(neck, SparseDenseNeck):
            out = self.neck(neck, branches)
            self.free(*branches)
            return out
        return self._classification_neck(cast(SparseClassificationNeck, neck), branches)

    def classifier(self, layer: SparseConv, x: int) -> int:
        """Append the last layer; returns its map."""
        return self.step(CONV, self.new(), x, write_conv, layer)

    def block(self, block: Any, x: int, out: int | None = None) -> int:
        """Append a block; its result is added to ``out`` where that is given."""
        if not isinstance(block, SparseSearchBlock):
            raise refusal(block)
        if block.overwrites:
            out = x
        return self.step(BLOCK, self.new() if out is None else out, x, write_block, block,
                         out is not None)

    def neck(self, neck: SparseDenseNeck, inputs: Sequence[int], out: int | None = None) -> int:
        """Append a neck; its result is added to ``out`` where that is given."""
        own = neck.sampled[neck.sampled < neck.counts[0]]
        result = self.step(NECK, self.new() if out is None else out, inputs[0],
                           layer=neck, flag=out is not None)
        self.blob.numbers(len(neck.coarser), sum(neck.counts[1:]))
        write_block(self.blob, neck.block)
        self.blob.numbers(len(own))
        self.blob.integers(own)
        start = neck.counts[0]
        for coarse, source, count in zip(neck.coarser, inputs[1:], neck.counts[1:], strict=True):
            inside = (neck.sampled >= start) & (neck.sampled < start + count)
            self.blob.numbers(source)
            write_coarse(self.blob, coarse, count, neck.sampled[inside] - start)
            start += count
        return result

    def new(self) -> int:
        """Return a map that is not taken."""
        found = next(i for i in range(MOST_MAPS + 1) if i not in self.taken)
        if found == MOST_MAPS:
            raise TicketError(f'the network keeps more than {MOST_MAPS} maps at once, which the C '
                              'library cannot. Remedy: export it as onnx.')
        self.taken.add(found)
        return found

    def step(self, kind: int, out: int, read: int, write: Any = None, layer: Any = None,
             flag: bool = False) -> int:
        """Append a step and the content that ``write(blob, layer)`` writes; returns ``out``."""
        if kind > FREE:
            self.version = OPERATIONS
        self.blob.numbers(kind, out, read, flag)
        self.count += 1
        self.layers.append(layer)
        if write:
            write(self.blob, layer)
        return out

    def free(self, *maps: int) -> None:
        """Let maps be taken again."""
        for number in maps:
            self.step(FREE, number, -1)
            self.taken.remove(number)

    def _row(self, blocks: Sequence[nn.Module], x: int) -> int:
        for block in blocks:
            y = self.block(block, x)
            if y != x:
                self.free(x)
            x = y
        return x

    def _fusion(self, fusion: Any, inputs: Sequence[int]) -> list[int]:
        if not isinstance(fusion, SparseFusion):
            raise refusal(fusion)
        outputs = [self._fuse(i, blocks, inputs) for i, blocks in enumerate(fusion.blocks)]
        self.free(*inputs)
        if fusion.new_branch is not None:
            outputs.append(self.block(fusion.new_branch, outputs[-1]))
        return outputs

    def _fuse(self, i: int, blocks: Mapping[str, nn.Module], inputs: Sequence[int]) -> int:
        total, lower = self.block(blocks[str(i)], inputs[i]), -1
        if str(i - 1) in blocks:
            self.block(blocks[str(i - 1)], inputs[i - 1], total)
        if str(i + 1) in blocks:
            lower = self.block(blocks[str(i + 1)], inputs[i + 1])
        self.step(FINISH, total, lower, flag=True)
        if lower >= 0:
            self.free(lower)
        return total

    def _classification_neck(self, neck: SparseClassificationNeck, inputs: Sequence[int]) -> int:
        total = self.block(neck.widen[0], inputs[0])
        for downsample, widen, x in zip(neck.downsample, neck.widen[1:], inputs[1:], strict=True):
            below = self.block(downsample, total)
            self.free(total)
            total = self.block(widen, x, below)
        if not isinstance(neck.final, SparseConv):
            raise refusal(neck.final)
        final = self.step(CONV, self.new(), total, write_conv, neck.final)
        self.free(total, *inputs)
        out = self.step(MEAN, self.new(), final)
        self.free(final)
        return out


def _stem(backbone: Any) -> SparseStem:
    if not isinstance(backbone.stem, SparseStem):
        raise refusal(backbone.stem)
    return backbone.stem


def refusal(part: nn.Module) -> TicketError:
    """Return the error for a part that the library has not."""
    return TicketError(f'the C library has no {type(part).__name__} of this form. Remedy: export '
                       'it as onnx.')
