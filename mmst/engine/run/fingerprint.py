"""Checks by checksums that all processes of a run hold the same network."""
import zlib
from collections import Counter
from collections.abc import Iterable
from itertools import chain

import torch
from mmengine import dist
from mmengine.runner import Runner
from torch import Tensor

from .runner_views import models, unwrap

#: Entries that are compared, in the order in which a difference is reported.
PARTS = ('shapes', 'masks', 'BN statistics', 'weights')

Named = dict[str, int]


def fingerprint(runner: Runner, statistics: bool = True) -> dict[str, Named]:
    """Return the checksum of each tensor of a run, for each of ``PARTS``.

    The averaged copy is included. Every bit counts, and the cost is far below that of a training
    step: a sample of the weights would save little and miss a drift elsewhere.

    Args:
        runner (Runner): In training.
        statistics (bool): Whether BN statistics are to agree now: between recalibrations each
            process has those of its own batches. Defaults to True.
    """
    networks = list(zip(('model', 'EMA'), models(runner), strict=True))
    weights = [(f'{kind}.{name}', p) for kind, m in networks for name, p in m.named_parameters()]
    buffers = [(f'{kind}.{name}', b) for kind, m in networks for name, b in m.named_buffers()
               if name.endswith(('running_mean', 'running_var'))]
    names = {parameter: name for name, parameter in unwrap(runner).named_parameters()}
    masks = [(names[p], kept['pruned']) for p, kept in runner.optim_wrapper.masks.items()]
    return {
        'shapes': {name: zlib.crc32(repr(tuple(t.shape)).encode())
                   for name, t in chain(weights, buffers)},
        'masks': checksums(masks),
        'BN statistics': checksums(buffers) if statistics else {},
        'weights': checksums(weights)}


def checksums(tensors: Iterable[tuple[str, Tensor]]) -> Named:
    """Return name to checksum of the tensor's bits; memory format does not matter."""
    return {name: zlib.crc32(_bits(tensor)) for name, tensor in tensors}


def _bits(tensor: Tensor) -> bytes:
    flat = tensor.detach().contiguous().flatten()
    return flat.view(torch.uint8).cpu().numpy().tobytes() if flat.numel() else b''


def find_difference(found: dict[str, Named]) -> str | None:
    """Compare across ranks; the first difference in words, or None. All ranks must call this.

    Only one number for each part travels unless there is a difference.
    """
    summary = [zlib.crc32(repr(sorted(found[part].items())).encode()) for part in PARTS]
    for part, values in zip(PARTS, zip(*dist.all_gather_object(summary), strict=True), strict=True):
        if len(set(values)) > 1:
            return _describe(part, values, dist.all_gather_object(found[part]))
    return None


def _describe(part: str, values: tuple[int, ...], everywhere: list[Named]) -> str:
    usual, count = Counter(values).most_common(1)[0]  # of equally frequent ones the first
    others = [rank for rank, value in enumerate(values) if value != usual]
    base, other = everywhere[values.index(usual)], everywhere[others[0]]
    names = [name for name in {**base, **other} if base.get(name) != other.get(name)]
    ranks = f'rank {others[0]}' if len(others) == 1 else f'ranks {", ".join(map(str, others))}'
    than = 'rank 0' if len(values) == 2 else f'{count} of {len(values)} ranks'
    more = f' and {len(names) - 1} more' if len(names) > 1 else ''
    return f'{part} of {ranks} differ from those of {than}: {names[0]}{more}'
