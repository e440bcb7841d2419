"""Lays a folded search block out for one size of feature map."""

import numpy as np
import torch

from .constants import constant_share, place_in_proxy, rim_of
from .fold import FoldedMixConv
from .library import Block, make_structure
from .planes import ALIGNMENT, Layout, size_after
from .rows import SparseRows

#: Floats of a hidden channel that are worked on at once, and of a chunk's channels before and after
#: their depthwise convolution: so that the former stay in the first level of a cache, the latter in
#: the second. A chunk has a few channels at least.
TILE, CHUNK, LEAST = 2048, 131072, 8
#: Constants of planes up to this size are stored whole.
SMALL_PLANE = 2048


class BlockPlan:
    """Holds the kernel's description of a block.

    Args:
        live (FoldedMixConv): Hidden channels that an input reaches.
        constant (FoldedMixConv): Those that are constant; their bias is the block's.
        residual (ndarray): (out_channels, in_channels) matrix of the residual.
        size (Tuple[int, int]): Height and width of the input.
        gap (int): Of the layout.
        threads (int): Enough tiles are cut for each to have one.
    """

    def __init__(self, live: FoldedMixConv, constant: FoldedMixConv, residual: np.ndarray,
                 size: tuple[int, int], gap: int, threads: int = 1):
        stride = live.stride
        self.out_layout = layout = Layout(*size_after(size, stride), gap)
        phases = 4 if stride == 2 else 1
        expand, reduced = SparseRows.of(live.expand), SparseRows.of(residual)
        self.channels = np.arange(live.expand.shape[1], dtype=np.int32)
        if stride == 2:
            self.channels = np.union1d(expand.columns(), reduced.columns()).astype(np.int32)
        place = np.zeros(live.expand.shape[1], np.int64)
        place[self.channels] = np.arange(len(self.channels)) * phases * layout.plane
        tile = _tile(layout.plane, threads)
        taps, phase_of, shift = _taps(live, layout)
        margin = -(-int(np.abs(shift).max(initial=0)) // ALIGNMENT) * ALIGNMENT
        channel = phases * (tile + 2 * margin) + tile
        chunk = max(1, min(len(live.expand), max(LEAST, CHUNK // channel)))
        chunks = -(-len(live.expand) // chunk)
        low, high, phase_bits = _reach(taps, phase_of, shift, chunk)
        self.block = make_structure(
            Block, hidden=len(live.expand), outputs=len(live.project), chunk=chunk, chunks=chunks,
            phases=phases, length=layout.plane, tile=tile, margin=margin, width=layout.width,
            stride=layout.stride, residual=reduced.with_offsets(place),
            expand=expand.with_offsets(place),
            taps=taps.with_offsets(phase_of * (tile + 2 * margin) + shift),
            project=_by_chunks(live.project.numpy(), chunk, chunks).with_offsets(tile),
            expand_bias=live.expand_bias.numpy(), depthwise_bias=live.depthwise_bias.numpy(),
            low=low, high=high, live_phases=phase_bits,
            **dict(zip(('rows', 'columns'), phase_sizes(size, stride), strict=True)),
            **_constants(constant, size, layout))
        self.nonzeros = (*tuple(map(len, (reduced, expand, taps))), int((live.project != 0).sum()))


def _tile(plane: int, threads: int) -> int:
    share = -(-plane // max(threads, -(-plane // TILE)))
    return -(-share // ALIGNMENT) * ALIGNMENT


def _taps(folded: FoldedMixConv, layout: Layout) -> tuple[SparseRows, np.ndarray, np.ndarray]:
    """Return live taps of each channel; of each tap its phase and its offset in that phase's plane.
    """
    size = folded.taps.shape[-1]
    step = np.arange(size) - size // 2
    phase = step % folded.stride
    move = (step - phase) // folded.stride
    phases = (phase[:, None] * 2 + phase[None]).ravel()
    shift = (move[:, None] * layout.stride + move[None]).ravel()
    return SparseRows.of(folded.taps.flatten(1)), phases, shift


def _reach(taps: SparseRows, phase_of: np.ndarray, shift: np.ndarray,
           chunk: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the lowest and highest offset of each chunk's taps; the phases that a channel reads,
    as bits.
    """
    if not len(taps):
        none = np.zeros(len(taps.start) - 1, np.int32)
        return none, none, none
    first = taps.start[:-1]  # every live channel has a tap
    shifts, bits = shift[taps.column], 1 << phase_of[taps.column]
    return (np.minimum.reduceat(shifts, first[::chunk]),
            np.maximum.reduceat(shifts, first[::chunk]), np.bitwise_or.reduceat(bits, first))


def _by_chunks(project: np.ndarray, chunk: int, chunks: int) -> SparseRows:
    """Return the projection's columns in chunks, one below the other, (chunks * out, chunk)."""
    out, hidden = project.shape
    padded = np.zeros((out, chunks * chunk), project.dtype)
    padded[:, :hidden] = project
    return SparseRows.of(padded.reshape(out, chunks, chunk).swapaxes(0, 1).reshape(-1, chunk))


def phase_sizes(size: tuple[int, int], stride: int) -> np.ndarray:
    """Return how many rows, and columns, of an image have each phase under a stride, (2, phases).
    """
    first = np.indices((stride, stride)).reshape(2, -1)
    return -(-(np.array(size)[:, None] - first) // stride)


def _constants(constant: FoldedMixConv, size: tuple[int, int], layout: Layout) -> dict:
    """Return every output's constant: a number, and whole planes or rims where it is not one."""
    share = constant_share(constant.to_single(), *size)
    rows, columns = (place_in_proxy(length, constant) for length in size)
    rim = rim_of(constant)
    middle = share[:, rows[len(rows) // 2], columns[len(columns) // 2]]
    found = dict(bias=middle.numpy())
    if bool((share == middle[:, None, None]).all()):
        return found
    if layout.plane <= SMALL_PLANE or min(layout.height, layout.width) < 2 * rim + 1:
        planes = share.new_zeros(len(share), layout.plane)
        inside = planes[:, :layout.height * layout.stride].unflatten(1, (-1, layout.stride))
        inside[..., :layout.width] = share[:, rows][:, :, columns]
        return dict(found, constants=planes.numpy())
    kept = torch.cat([columns[:rim], columns[rim:rim + 1], columns[len(columns) - rim:]])
    values = share[:, :, kept] - middle[:, None, None]
    beyond = rows.new_full((layout.plane // layout.stride + 2 - len(rows), ), -1)
    return dict(found, rim=rim, rim_rows=values.shape[1], rim_values=values.numpy(),
                rim_class=torch.cat([rows, beyond]).numpy())
