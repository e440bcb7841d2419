"""Answers questions about tensors of millions of entries in one pass."""
import operator
from collections.abc import Callable, Mapping, Sequence
from math import sqrt
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch._utils import _unflatten_dense_tensors

#: Entries from which on :func:`_kth_lowest` looks at a sample, and how many that has.
SAMPLED, SAMPLE = 1_000_000, 20_000


def count_true(mask: Tensor) -> int:
    """Count the True entries; on a CPU NumPy takes a fraction of torch's time."""
    if _is_on_host(mask):
        return int(np.count_nonzero(mask.detach().numpy()))
    return int(mask.sum())


def positions(mask: Tensor) -> Tensor:
    """Return where a 1-D mask is True, ascending; on a CPU NumPy takes a third of torch's time."""
    if _is_on_host(mask):
        return torch.from_numpy(np.flatnonzero(mask.detach().numpy()))
    return torch.nonzero(mask).flatten()


def true_first(mask: Tensor) -> Tensor:
    """Return positions of a 1-D mask that begin with those where it is True, ascending.

    On a CPU there are no others; a GPU is not asked for their number.
    """
    if _is_on_host(mask):
        return positions(mask)
    return mask.logical_not().to(torch.uint8).argsort(stable=True)


def non_negative_and_counts(tensors: Mapping[str, Sequence[Tensor]], masks: Sequence[Tensor]
                            ) -> tuple[dict[str, bool], list[int]]:
    """Say of which lists no tensor has an entry below 0 or NaN, and count True entries of masks.

    Args:
        tensors (Mapping[str, Sequence[Tensor]]): None is empty.
        masks (Sequence[Tensor]): At least one, on the device of the others: a GPU is asked once.
    """
    if _is_on_host(masks[0]):
        return ({key: all(float(value.min()) >= 0 for value in values)
                 for key, values in tensors.items()}, [count_true(mask) for mask in masks])
    lowest = [torch.stack([value.min().float() for value in values]).min()
              for values in tensors.values()]
    numbers = torch.stack([*((low >= 0).long() for low in lowest),
                           *(mask.sum() for mask in masks)]).tolist()
    return ({key: bool(one) for key, one in zip(tensors, numbers, strict=False)},
            numbers[len(lowest):])


def join(tensors: Sequence[Tensor]) -> Tensor:
    """Return all entries of tensors one after the other, 1-D; a view where they lie like that.

    Args:
        tensors (Sequence[Tensor]): On one device, of one precision; at least one.
    """
    first, end = tensors[0], tensors[0].data_ptr()
    for tensor in tensors:
        if (tensor.data_ptr() != end or not tensor.is_contiguous() or not tensor.numel()
                or tensor.dtype != first.dtype):
            return torch.cat([tensor.flatten() for tensor in tensors])
        end += tensor.nbytes
    total = (end - first.data_ptr()) // first.element_size()
    if first.untyped_storage().nbytes() < first.storage_offset() * first.element_size() + (
            end - first.data_ptr()):  # neighbours by chance
        return torch.cat([tensor.flatten() for tensor in tensors])
    return first.detach().as_strided((total, ), (1, ))


def in_one(function: Callable[[Tensor], Tensor], tensors: Sequence[Tensor],
           in_place: Callable[[Tensor], Tensor] | None = None) -> list[Tensor]:
    """Apply an elementwise function to many tensors in one call; results are views of one tensor.

    Args:
        function (Callable): Maps a 1-D tensor to one as long.
        tensors (Sequence[Tensor]): Of one precision; those on several devices are taken one by one.
        in_place (Callable, optional): Does so in place; it is used where the tensors were copied to
            one, as memory of its own would cost more than the function does. Defaults to None.
    """
    if len({tensor.device for tensor in tensors}) != 1:
        return [function(tensor.flatten()).view(tensor.shape) for tensor in tensors]
    flat = join(tensors)
    copied = in_place is not None and flat.data_ptr() != tensors[0].data_ptr()
    return split_like((in_place if copied else function)(flat), tensors)  # type: ignore[misc]


def split_like(flat: Tensor, like: Sequence[Tensor]) -> list[Tensor]:
    """Return the parts of a 1-D tensor in the sizes and shapes of other tensors."""
    return list(_unflatten_dense_tensors(flat, like))  # a call; a split and views would be many


def all_finite(values: Tensor) -> bool:
    """Say whether all entries are finite: extremes are NaN where an entry is."""
    if not values.numel():
        return True
    if not values.is_floating_point():
        return bool(values.isfinite().all())
    return bool(torch.stack(torch.aminmax(values.detach())).isfinite().all())


def all_of_all_finite(tensors: Sequence[Tensor]) -> bool:
    """Say whether all entries of all tensors are finite; a GPU is asked once for each precision."""
    alike: dict[tuple[torch.dtype, torch.device], list[Tensor]] = {}
    for values in tensors:
        alike.setdefault((values.dtype, values.device), []).append(values)
    return all(all_finite(join(values)) for values in alike.values())


def lowest(values: Tensor, count: int) -> Tensor:
    """Return a bool tensor that marks exactly ``count`` lowest entries of a 1-D tensor; ties by
    index.

    Of millions of entries only those between two bounds are sorted, which a sample sets: a few in a
    hundred. It is exact: where the threshold does not lie between them, all are sorted.
    """
    if count <= 0:
        return torch.zeros_like(values, dtype=torch.bool)
    chosen, places = _bounds(values, count) if values.numel() >= SAMPLED else (None, None)
    if chosen is None:
        return _lowest(values, count)
    chosen[places] = _lowest(values[places], count - count_true(chosen))
    return chosen


def _bounds(values: Tensor, count: int) -> tuple[Tensor, Tensor] | tuple[None, None]:
    """Return which entries are surely among the lowest, and the places of those that may be."""
    sample = values[::values.numel() // SAMPLE].sort().values
    at = count / values.numel() * len(sample)
    margin = 4 * sqrt(at * max(len(sample) - at, 1) / len(sample)) + 2
    low, high = (sample[min(max(int(at + side), 0), len(sample) - 1)]
                 for side in (-margin, margin))
    below = _compare(values, operator.lt, low)
    places = positions(_compare(values, operator.le, high).logical_xor_(below))
    inside = 0 < count - count_true(below) <= len(places)
    return (below, places) if inside else (None, None)


def _compare(values: Tensor, compare: Callable[[Any, Any], Any], bound: Tensor) -> Tensor:
    """Compare all entries to a number; on a CPU NumPy takes a third of torch's time."""
    if _numpy_sorts(values):
        return torch.from_numpy(compare(values.detach().numpy(), bound.numpy()))
    found: Tensor = compare(values, bound)
    return found


def _lowest(values: Tensor, count: int) -> Tensor:
    threshold = _kth_lowest(values, count)
    chosen = values < threshold
    chosen[positions(values == threshold)[:count - count_true(chosen)]] = True
    return chosen


def _kth_lowest(values: Tensor, k: int) -> Tensor:
    if _numpy_sorts(values):
        # torch.kthvalue takes several times as long for ten million numbers.
        return torch.from_numpy(np.partition(values.detach().numpy(), k - 1))[k - 1]
    return values.kthvalue(k).values


def _numpy_sorts(values: Tensor) -> bool:
    return _is_on_host(values) and values.dtype in (torch.float32, torch.float64)


def _is_on_host(tensor: Tensor) -> bool:
    """Return whether NumPy may look at it, and nobody waits for its values."""
    return tensor.device.type == 'cpu'
