"""Lists the steps of a sparse network: which layer reads which map, and writes which."""
from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn

from ...errors import TicketError
from ..sparse.modules import SparseFusion
from ..sparse.sparse_block import SparseSearchBlock
from ..sparse.sparse_neck import SparseDenseNeck
from ..sparse.sparse_stem import SparseStem
from .blob import Blob
from .layers import write_block, write_coarse, write_conv, write_stem

#: Kinds of steps, as in ``source/network.h``.
STEM, CONV, BLOCK, NECK, FINISH, FREE = range(1, 7)
#: Maps that may be there at once.
MOST_MAPS = 64


class Program:
    """Collects steps; a map is a number, which is taken again once nothing reads the map."""

    def __init__(self):
        self.blob, self.count, self.taken = Blob(), 0, set[int]()

    def network(self, backbone: Any, neck: SparseDenseNeck, classifier: nn.Module) -> int:
        """Append a whole network; returns its last map."""
        branches = [self._step(STEM, self._new(), -1, write_stem, _stem(backbone))]
        for fusion, parallel in zip(backbone.fusions, backbone.parallels, strict=True):
            branches = self._fusion(fusion, branches)
            branches = [self._row(blocks, x)
                        for blocks, x in zip(parallel, branches, strict=True)]
        x = self._neck(neck, branches)
        return self._step(CONV, self._new(), x, write_conv, classifier)

    def _new(self) -> int:
        found = next(i for i in range(MOST_MAPS + 1) if i not in self.taken)
        if found == MOST_MAPS:
            raise TicketError(f'the network keeps more than {MOST_MAPS} maps at once, which the C '
                              'library cannot. Remedy: export it as onnx.')
        self.taken.add(found)
        return found

    def _step(self, kind: int, out: int, read: int, write: Any = None, layer: Any = None,
              flag: bool = False) -> int:
        self.blob.numbers(kind, out, read, flag)
        self.count += 1
        if write:
            write(self.blob, layer)
        return out

    def _free(self, *maps: int) -> None:
        for number in maps:
            self._step(FREE, number, -1)
            self.taken.remove(number)

    def _block(self, block: Any, x: int, out: int | None = None) -> int:
        """Append a block; its result is added to ``out`` where that is given."""
        if not isinstance(block, SparseSearchBlock):
            raise _refusal(block)
        if block.overwrites:
            out = x
        added = out is not None
        return self._step(BLOCK, out if added else self._new(), x, write_block, block, added)

    def _row(self, blocks: Sequence[nn.Module], x: int) -> int:
        for block in blocks:
            y = self._block(block, x)
            if y != x:
                self._free(x)
            x = y
        return x

    def _fusion(self, fusion: Any, inputs: Sequence[int]) -> list[int]:
        if not isinstance(fusion, SparseFusion):
            raise _refusal(fusion)
        outputs = [self._fused(i, blocks, inputs) for i, blocks in enumerate(fusion.blocks)]
        self._free(*inputs)
        if fusion.new_branch is not None:
            outputs.append(self._block(fusion.new_branch, outputs[-1]))
        return outputs

    def _fused(self, i: int, blocks: Mapping[str, nn.Module], inputs: Sequence[int]) -> int:
        total, lower = self._block(blocks[str(i)], inputs[i]), -1
        if str(i - 1) in blocks:
            self._block(blocks[str(i - 1)], inputs[i - 1], total)
        if str(i + 1) in blocks:
            lower = self._block(blocks[str(i + 1)], inputs[i + 1])
        self._step(FINISH, total, lower, flag=True)
        if lower >= 0:
            self._free(lower)
        return total

    def _neck(self, neck: SparseDenseNeck, inputs: Sequence[int]) -> int:
        own = neck.sampled[neck.sampled < neck.counts[0]]
        out = self._step(NECK, self._new(), inputs[0])
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
        self._free(*inputs)
        return out


def _stem(backbone: Any) -> SparseStem:
    if not isinstance(backbone.stem, SparseStem):
        raise _refusal(backbone.stem)
    return backbone.stem


def _refusal(part: nn.Module) -> TicketError:
    return TicketError(f'the C library has no {type(part).__name__} of this form. Remedy: export '
                       'it as onnx.')
