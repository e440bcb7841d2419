"""Defines the effect of torch's functions on labels of channels."""
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from .couplings import Couplings
from .planes import Plane, combine, compacted, merged, varying

aten = torch.ops.aten
#: Tensor to its planes.
PlanesOf = Callable[[Any], Sequence[Plane]]
Rule = Callable[..., list[Plane]]


def channel_plane(planes: Sequence[Plane], dims: int, at: int, number: int,
                  couplings: Couplings) -> Tensor:
    """Labels along dimension ``at``, (number,), zeros where there are none; other planes stay."""
    found = torch.zeros(number, dtype=torch.long)
    for plane in planes:
        if varying(plane) == {at}:
            found = plane.flatten()
        else:
            couplings.keep(plane)
    return found


def convolution(couplings: Couplings, planes_of: PlanesOf, x: Tensor, weight: Tensor,
                bias: Tensor | None, stride: Any, padding: Any, dilation: Any, transposed: bool,
                output_padding: Any, groups: int) -> list[Plane]:
    at = x.dim() - weight.dim() + 1
    channels = x.shape[at]
    source = channel_plane(planes_of(x), x.dim(), at, channels, couplings)
    sides: list[Tensor] = [torch.zeros(size, dtype=torch.long) for size in weight.shape[:2]]
    for plane in planes_of(weight):
        where = varying(plane)
        if where == {0} or where == {1}:
            sides[min(where)] = plane.flatten()
        else:
            couplings.keep(plane)
    first, second = sides
    if groups == 1:
        into, out = (first, second) if transposed else (second, first)
        couplings.join(source, into)
    elif transposed:
        couplings.join(source, first)
        out = first.repeat_interleave(weight.shape[1])
        if groups != channels:
            couplings.keep(torch.cat([source, first]))
            out = torch.zeros_like(out)
        couplings.keep(second)
    else:
        couplings.keep(second)
        inside, outside = source.view(groups, -1), first.view(groups, -1)
        couplings.unite(inside, 1)
        couplings.unite(outside, 1)
        couplings.join(inside[:, 0], outside[:, 0])
        out = first
    if bias is not None:
        couplings.join(out, channel_plane(planes_of(bias), 1, 0, len(out), couplings))
    return _along(out, x.dim(), at)


def batch_norm(couplings: Couplings, planes_of: PlanesOf, x: Tensor, *rest: Any) -> list[Plane]:
    labels = channel_plane(planes_of(x), x.dim(), 1, x.shape[1], couplings)
    for tensor in rest[:4]:
        if isinstance(tensor, Tensor):
            couplings.join(labels, channel_plane(planes_of(tensor), 1, 0, len(labels), couplings))
    return _along(labels, x.dim(), 1)


def group_norm(couplings: Couplings, planes_of: PlanesOf, x: Tensor,
               weight: Tensor | None, bias: Tensor | None, n: int, c: int, hw: int, groups: int,
               eps: float) -> list[Plane]:
    labels = channel_plane(planes_of(x), x.dim(), 1, x.shape[1], couplings)
    couplings.unite(labels.view(groups, -1), 1)
    for tensor in (weight, bias):
        if tensor is not None:
            couplings.join(labels, channel_plane(planes_of(tensor), 1, 0, len(labels), couplings))
    if groups == 1:
        couplings.keep(labels)
    return _along(labels, x.dim(), 1)


def layer_norm(couplings: Couplings, planes_of: PlanesOf, x: Tensor, shape: Sequence[int],
               weight: Tensor | None = None, bias: Tensor | None = None,
               *_: Any) -> list[Plane]:
    """Keep channels that are normalised together: the others' means depend on each."""
    found: list[Plane] = []
    for plane in planes_of(x):
        inside = any(d >= x.dim() - len(shape) for d in varying(plane))
        (couplings.keep if inside else found.append)(plane)
    for tensor in (weight, bias):
        for plane in planes_of(tensor):
            couplings.keep(plane)
    return found


def product(couplings: Couplings, one: Sequence[Plane], other: Sequence[Plane],
            dims: int) -> list[Plane]:
    """Return the planes of (…, n, k) times (…, k, m), both with ``dims`` dimensions."""
    row, inner = dims - 2, dims - 1
    # The second one is looked at as (…, m, k): its inner dimension is then the last one, too.
    sides = [list(one), [p.transpose(-1, -2) for p in other]]
    out: list[list[Plane]] = [[], []]
    for i, planes in enumerate(sides):
        for plane in planes:
            where = varying(plane)
            partners = [p for p in sides[1 - i] if inner in varying(p)]
            if inner in where:
                if row in where or not partners:
                    couplings.keep(plane)
                for partner in partners:
                    if row not in varying(partner):
                        couplings.join(plane, partner)
                if where - {inner, row}:
                    couplings.unite(plane, inner)
                    out[i].append(plane.narrow(inner, 0, 1).narrow(row, 0, 1))
            else:
                out[i].append(plane)
    out[1] = [p.transpose(-1, -2) for p in out[1]]
    batch = set(range(row))
    for i, planes in enumerate(out):
        for plane in planes:
            if varying(plane) & batch:
                partners = [p for p in out[1 - i] if varying(p) & varying(plane) & batch]
                for partner in partners:
                    couplings.join(plane, partner)
                if not partners:
                    couplings.keep(plane)
    return merged([*out[0], *out[1]])


def matrix_product(couplings: Couplings, planes_of: PlanesOf, one: Tensor,
                   other: Tensor) -> list[Plane]:
    return product(couplings, planes_of(one), planes_of(other), one.dim())


def added_product(couplings: Couplings, planes_of: PlanesOf, added: Tensor, one: Tensor,
                  other: Tensor, **_: Any) -> list[Plane]:
    planes = matrix_product(couplings, planes_of, one, other)
    shape = torch.Size([*one.shape[:-1], other.shape[-1]])
    return combine([(added.shape, planes_of(added)), (shape, planes)], couplings)


def attention(couplings: Couplings, planes_of: PlanesOf, query: Tensor, key: Tensor,
              value: Tensor, *rest: Any, attn_mask: Tensor | None = None,
              **_: Any) -> list[Plane]:
    turned = [p.transpose(-1, -2) for p in planes_of(key)]
    scores = product(couplings, planes_of(query), turned, query.dim())
    mask = attn_mask if attn_mask is not None else next(
        (r for r in rest if isinstance(r, Tensor)), None)
    if mask is not None:
        shape = torch.Size([*query.shape[:-1], key.shape[-2]])
        scores = combine([(shape, scores), (mask.shape, planes_of(mask))], couplings)
    return product(couplings, scores, planes_of(value), query.dim())


def pooled(couplings: Couplings, planes_of: PlanesOf, x: Tensor, *rest: Any,
           **_: Any) -> list[Plane]:
    """Whatever mixes or resizes height and width alone."""
    for tensor in rest:
        for plane in planes_of(tensor):
            couplings.keep(plane)
    found: list[Plane] = []
    spatial = set(range(x.dim() - 2, x.dim()))
    for plane in planes_of(x):
        (couplings.keep if varying(plane) & spatial else found.append)(plane)
    return found


def reduced(couplings: Couplings, planes_of: PlanesOf, x: Tensor, dim: Any = None,
            keepdim: bool = False, *, total: bool = False, **_: Any) -> list[Plane]:
    """A sum does not need what is 0; a mean changes with the number that it is taken over."""
    dims = range(x.dim()) if dim is None or dim == [] else [dim] if isinstance(dim, int) else dim
    gone = {d % x.dim() for d in dims} if x.dim() else set()
    found = []
    for plane in planes_of(x):
        inside = varying(plane) & gone
        if inside and not (varying(plane) - gone or total):
            couplings.keep(plane)
        for d in inside if varying(plane) - gone else ():
            couplings.unite(plane, d)
        for d in gone:
            plane = plane.narrow(d, 0, 1)
        found.append(plane if keepdim else plane[tuple(
            0 if d in gone else slice(None) for d in range(x.dim()))])
    return [plane for plane in found if varying(plane)]


def normalised(couplings: Couplings, planes_of: PlanesOf, x: Tensor, dim: int,
               *_: Any) -> list[Plane]:
    """Join all that softmax and the like normalise together."""
    at = dim % max(x.dim(), 1)
    for plane in planes_of(x):
        if at in varying(plane):
            if varying(plane) == {at}:
                couplings.keep(plane)
            couplings.unite(plane, at)
    return list(planes_of(x))


def padded(couplings: Couplings, planes_of: PlanesOf, x: Tensor, pad: Sequence[int],
           *_: Any) -> list[Plane]:
    found = []
    for plane in planes_of(x):
        own = list(pad)
        for i in range(len(pad) // 2):
            if plane.shape[x.dim() - 1 - i] == 1:
                own[2 * i] = own[2 * i + 1] = 0
        found.append(torch.constant_pad_nd(plane, own))
    return found


def concatenated(couplings: Couplings, planes_of: PlanesOf, tensors: Sequence[Tensor],
                 dim: int = 0) -> list[Plane]:
    tensors = [t for t in tensors if t.dim() > 1 or t.numel()]
    dims = tensors[0].dim()
    at = dim % dims
    along, across = [], []
    for tensor in tensors:
        own = [p for p in planes_of(tensor) if at in varying(p)]
        for extra in own[1:]:
            couplings.keep(extra)
        along.append(own[0] if own else torch.zeros((1, ) * dims, dtype=torch.long))
        others = [p for p in planes_of(tensor) if at not in varying(p)]
        # Along `at` they are all alike: compared as if of one size there.
        shape = [1 if d == at else size for d, size in enumerate(tensor.shape)]
        across.append((torch.Size(shape), others))
    shape = torch.broadcast_shapes(*[
        [1 if d == at else size for d, size in enumerate(plane.shape)] for plane in along])
    parts = [plane.expand([tensor.shape[at] if d == at else shape[d] for d in range(dims)])
             for tensor, plane in zip(tensors, along, strict=True)]
    joint = compacted(torch.cat(parts, at))
    return [*([joint] if varying(joint) else []), *combine(across, couplings)]


def moved(couplings: Couplings, planes_of: PlanesOf, func: Callable[..., Any], x: Tensor,
          args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> list[list[Plane]]:
    """Run functions that move entries on the labels; return the planes of each result."""
    found: list[list[Plane]] = []
    if getattr(func, '_overloadpacket', None) in (aten.view, aten._unsafe_view):
        func = torch.reshape  # labels may lie in memory otherwise
    for plane in planes_of(x):
        results = func(plane.expand(x.shape), *args, **kwargs)
        results = list(results) if isinstance(results, (tuple, list)) else [results]
        found = found or [[] for _ in results]
        planes = [compacted(result) for result in results]
        for own, new in zip(found, planes, strict=True):
            if len(varying(new)) > len(varying(plane)):
                couplings.rectangle(new.squeeze())
            if varying(new):
                own.append(new)
            if getattr(func, '_overloadpacket', None) is aten.slice:
                _equal_parts(couplings, plane, new)
        if len(planes) > 1 and len({p.shape for p in planes}) == 1 and varying(planes[0]):
            # Equal parts, of which every one has to keep the size of the others.
            couplings.rectangle(torch.stack(planes).squeeze())
    return found


def _equal_parts(couplings: Couplings, plane: Plane, part: Plane) -> None:
    """A slice that is a half, a third, … will be so of what is left: all parts go together."""
    for dim in varying(plane):
        whole, size = plane.shape[dim], part.shape[dim]
        if 1 < size < whole and whole % size == 0:
            parts = plane.transpose(dim, 0).reshape(whole // size, size, -1)
            couplings.rectangle(parts.squeeze(-1))


def _along(labels: Tensor, dims: int, at: int) -> list[Plane]:
    shape = [1] * dims
    shape[at] = len(labels)
    return [labels.view(shape)] if len(labels) > 1 and bool(labels.any()) else []


def _packets(*names: str) -> list[Any]:
    return [getattr(aten, name) for name in names if hasattr(aten, name)]


def _sum(*args: Any, **kwargs: Any) -> list[Plane]:
    kwargs.pop('dtype', None)
    return reduced(*args, total=True, **kwargs)


RULES: dict[Any, Rule] = {
    **dict.fromkeys(_packets('convolution', '_convolution'), convolution),
    **dict.fromkeys(_packets(
        'native_batch_norm', '_native_batch_norm_legit', '_native_batch_norm_legit_no_training',
        'cudnn_batch_norm', '_native_batch_norm_legit_functional', 'batch_norm'), batch_norm),
    **dict.fromkeys(_packets('native_group_norm'), group_norm),
    **dict.fromkeys(_packets('native_layer_norm'), layer_norm),
    **dict.fromkeys(_packets('mm', 'bmm'), matrix_product),
    **dict.fromkeys(_packets('addmm', 'baddbmm'), added_product),
    **dict.fromkeys(_packets(
        '_scaled_dot_product_flash_attention_for_cpu', '_scaled_dot_product_flash_attention',
        '_scaled_dot_product_efficient_attention'), attention),
    **dict.fromkeys(_packets(
        'avg_pool2d', 'max_pool2d_with_indices', 'max_pool2d', '_adaptive_avg_pool2d',
        'adaptive_avg_pool2d', 'adaptive_max_pool2d', 'upsample_nearest2d', 'upsample_bilinear2d',
        'upsample_bicubic2d', '_upsample_bilinear2d_aa', '_upsample_nearest_exact2d',
        'reflection_pad2d', 'replication_pad2d', 'grid_sampler_2d'), pooled),
    **dict.fromkeys(_packets('mean', 'amax', 'amin', 'max', 'min', 'var_mean', 'std_mean', 'var',
                             'std', 'argmax', 'any', 'all'), reduced),
    aten.sum: _sum,
    **dict.fromkeys(_packets('_softmax', '_log_softmax', 'softmax', 'cumsum', 'sort'), normalised),
    aten.constant_pad_nd: padded,
    aten.cat: concatenated,
}
#: Functions whose result has the entries of their first argument, at other places.
MOVES = set(_packets(
    'view', '_unsafe_view', 'reshape', 'permute', 'transpose', 't', 'expand', 'slice', 'select',
    'split', 'split_with_sizes', 'chunk', 'unbind', 'squeeze', 'unsqueeze', 'roll', 'flip',
    'index_select', 'index', 'repeat', 'unfold', 'pixel_shuffle', 'pixel_unshuffle',
    'channel_shuffle', 'native_channel_shuffle', 'diagonal', 'alias', 'rot90'))
#: Functions whose result has the entries of their first argument, at the same places.
COPIES = set(_packets('clone', 'detach', '_to_copy', 'contiguous', 'lift_fresh', 'to',
                      'dropout', 'native_dropout'))
#: Elementwise functions that torch does not tag as such.
ELEMENTWISE = set(_packets(*[f'{name}{mark}' for mark in ('', '_') for name in (
    'hardswish', 'hardsigmoid', 'hardtanh', 'relu6', 'leaky_relu', 'elu', 'gelu', 'silu', 'mish',
    'softplus', 'threshold', '_prelu_kernel', 'log_sigmoid_forward', 'celu', 'selu', 'clamp')]))
