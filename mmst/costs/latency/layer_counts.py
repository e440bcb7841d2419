"""Counts the sparse engine's work that depends on several weights of a stem or a neck at once."""
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

#: True where a weight is kept.
Kept = npt.NDArray[np.bool_]


def live_phases(kernels: Kept, stride: int) -> npt.NDArray[np.int64]:
    """Return how many phases, even or odd rows and columns, the taps of each channel read.

    Args:
        kernels (ndarray): (channels, k, k) bool.
        stride (int): 1, with a single phase, or 2.
    """
    size = kernels.shape[-1]
    phase = (np.arange(size) - size // 2) % stride
    phases = np.zeros(len(kernels), np.int64)
    for i in range(stride):
        for j in range(stride):
            phases += kernels[:, phase == i][:, :, phase == j].any((1, 2))
    return phases


def stem_counts(first: Kept, second: Kept) -> dict[str, float]:
    """Return the counts of two convolutions of stride 2 that are computed in one pass.

    The engine computes a channel between the two for each phase, even or odd rows and columns, that
    a tap of the second reads; weights of the first count once for each.

    Args:
        first (ndarray): (between, inputs, k, k) bool.
        second (ndarray): (outputs, between, k, k) bool.
    """
    phases = live_phases(second.any(0), 2)
    weights = first.sum((1, 2, 3))
    live = weights > 0
    return dict(inner=float(phases[live].sum()), first=float((phases * weights).sum()),
                second=float(second.sum((0, 2, 3))[live].sum()),
                read=float(first.any((0, 2, 3)).sum()))


class CoarseInputs:
    """Counts the channels that a neck enlarges: of each coarser input a sum for each hidden channel
    and each output that reads it.

    Args:
        expand (ndarray): (hidden, channels) bool, all False in hidden channels without work.
        residual (ndarray): (outputs, channels / groups) bool; of an identity without outputs.
        in_channels (Sequence[int]): Of the inputs, the finest first.
    """

    def __init__(self, expand: Kept, residual: Kept, in_channels: Sequence[int]):
        starts = np.cumsum(in_channels)[:-1]
        parts = np.split(expand, starts, 1)[1:]
        self.hidden = np.stack([part.any(1) for part in parts], 1) if parts else np.zeros(
            (len(expand), 0), bool)
        self.outputs = np.array([part.any(1).sum() for part in np.split(
            _join_groups(residual, sum(in_channels)), starts, 1)[1:]])

    def __call__(self, channels: npt.NDArray[np.int64] | None) -> dict[str, float]:
        """Return the counts with the hidden channels of an index alone."""
        chosen = self.hidden if channels is None else self.hidden[channels]
        each = chosen.sum(0) + self.outputs
        return dict(enlarged=float(each.sum()), inputs=float((each > 0).sum()))


def _join_groups(kept: Kept, inputs: int) -> Kept:
    """Return the weights of a grouped 1x1 convolution as those of one with a single group."""
    own = kept.shape[1]
    whole = np.zeros((len(kept), inputs), bool)
    for group, rows in enumerate(np.array_split(np.arange(len(kept)), inputs // own)):
        whole[rows, group * own:(group + 1) * own] = kept[rows]
    return whole
