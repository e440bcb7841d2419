"""Says which rule each of torch's functions follows."""
from typing import Any

import torch

from .convolutions import convolution
from .moves import concatenate, pad_planes
from .norms import batch_norm, group_norm, layer_norm, normalise
from .pixels import shuffle, unshuffle
from .products import add_product, attention, matrix_product
from .reductions import add, pool, reduce
from .rule import Rule

aten = torch.ops.aten


def _packets(*names: str) -> list[Any]:
    return [getattr(aten, name) for name in names if hasattr(aten, name)]


RULES: dict[Any, Rule] = {
    **dict.fromkeys(_packets('convolution', '_convolution'), convolution),
    **dict.fromkeys(_packets(
        'native_batch_norm', '_native_batch_norm_legit', '_native_batch_norm_legit_no_training',
        'cudnn_batch_norm', '_native_batch_norm_legit_functional', 'batch_norm'), batch_norm),
    **dict.fromkeys(_packets('native_group_norm'), group_norm),
    **dict.fromkeys(_packets('native_layer_norm'), layer_norm),
    **dict.fromkeys(_packets('mm', 'bmm'), matrix_product),
    **dict.fromkeys(_packets('addmm', 'baddbmm'), add_product),
    **dict.fromkeys(_packets(
        '_scaled_dot_product_flash_attention_for_cpu', '_scaled_dot_product_flash_attention',
        '_scaled_dot_product_efficient_attention'), attention),
    **dict.fromkeys(_packets(
        'avg_pool2d', 'max_pool2d_with_indices', 'max_pool2d', '_adaptive_avg_pool2d',
        'adaptive_avg_pool2d', 'adaptive_max_pool2d', 'upsample_nearest2d', 'upsample_bilinear2d',
        'upsample_bicubic2d', '_upsample_bilinear2d_aa', '_upsample_nearest_exact2d',
        'reflection_pad2d', 'replication_pad2d', 'grid_sampler_2d'), pool),
    **dict.fromkeys(_packets('mean', 'amax', 'amin', 'max', 'min', 'var_mean', 'std_mean', 'var',
                             'std', 'argmax', 'any', 'all'), reduce),
    aten.sum: add,
    **dict.fromkeys(_packets('_softmax', '_log_softmax', 'softmax', 'cumsum', 'sort'), normalise),
    aten.constant_pad_nd: pad_planes,
    aten.cat: concatenate,
    aten.pixel_shuffle: shuffle,
    aten.pixel_unshuffle: unshuffle,
}
#: Functions whose result has the entries of their first argument, at other places.
MOVES = set(_packets(
    'view', '_unsafe_view', 'reshape', 'permute', 'transpose', 't', 'expand', 'slice', 'select',
    'split', 'split_with_sizes', 'chunk', 'unbind', 'squeeze', 'unsqueeze', 'roll', 'flip',
    'index_select', 'index', 'repeat', 'unfold',
    'channel_shuffle', 'native_channel_shuffle', 'diagonal', 'alias', 'rot90'))
#: Functions whose result has the entries of their first argument, at the same places.
COPIES = set(_packets('clone', 'detach', '_to_copy', 'contiguous', 'lift_fresh', 'to',
                      'dropout', 'native_dropout', 'empty_like', 'zeros_like', 'ones_like',
                      'full_like', 'rand_like', 'randn_like'))
#: Elementwise functions that torch does not tag as such.
ELEMENTWISE = set(_packets(*[f'{name}{mark}' for mark in ('', '_') for name in (
    'hardswish', 'hardsigmoid', 'hardtanh', 'relu6', 'leaky_relu', 'elu', 'gelu', 'silu', 'mish',
    'softplus', 'threshold', '_prelu_kernel', 'log_sigmoid_forward', 'celu', 'selu', 'clamp',
    'copy', 'bernoulli', 'uniform', 'normal')]))
