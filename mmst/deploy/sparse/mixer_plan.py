"""Lays both layers of a compacted network's Transformer out for the kernel."""
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from ..compact.token_mixer import MixerLayer, TokenMixer
from .library import Layer, Transformer, make_structure
from .planes import ALIGNMENT
from .rows import SparseRows
from .transformer_plan import DIM


def takes_mixer(module: TokenMixer, tokens: int) -> bool:
    """Return whether the kernel runs a mixer: a decoder reads all tokens where it reads any.

    All tokens are computed, those too that nothing reads.
    """
    rows = [module.encoder_rows[row] for row in module.decoder_rows]
    read_all = sorted(module.encoder_rows) == list(range(tokens))
    return (len(set(rows)) == len(rows) and module.encoder.norm1.normalized_shape == (DIM, )
            and (module.decoder.attention is None or read_all))


@torch.no_grad()
def token_mixer(module: TokenMixer, tokens: int) -> Transformer:
    """Return the structure of a mixer for the kernel.

    Inner dimensions that are gone are rows without weights, which cost nothing.
    """
    padded = -(-tokens // ALIGNMENT) * ALIGNMENT
    targets = [module.encoder_rows[row] for row in module.decoder_rows]
    queries = np.zeros((DIM, padded))
    attention = module.decoder.attention
    if attention is not None:
        projected = (attention.query.weight.double()
                     @ cast(Tensor, module.queries).double().T * attention.scale)
        queries[:len(projected), targets] = projected.numpy()
    return make_structure(
        Transformer, tokens=tokens, padded=padded, inputs=0, outputs=len(targets),
        targets=np.array(targets, np.int32), queries=queries,
        encoder=_layer(module.encoder, padded), decoder=_layer(module.decoder, padded))


def _layer(module: MixerLayer, padded: int) -> Layer:
    attention, feedforward = module.attention, module.feedforward
    weights: dict[str, Tensor] = {}
    if attention is not None:
        inner = dict(query=attention.query.weight * attention.scale,
                     key=attention.key.weight, value=attention.value.weight)
        weights = {name: nn.functional.pad(w, (0, 0, 0, DIM - len(w)))
                   for name, w in inner.items()}
        weights['out'] = attention.out.weight
    if feedforward is not None:
        widen, narrow = (cast(nn.Linear, feedforward[i]) for i in (0, 3))
        weights.update(widen=widen.weight, narrow=narrow.weight)
    norms: dict[str, float | np.ndarray] = {}
    for i, norm in enumerate((module.norm1, module.norm2), 1):
        norms.update({f'scale{i}': norm.weight.detach().numpy(), f'eps{i}': norm.eps,
                      f'shift{i}': norm.bias.detach().numpy()})
    return make_structure(
        Layer, attends=attention is not None, feeds=feedforward is not None,
        feedforward=len(weights['widen']) if 'widen' in weights else 0,
        **{name: SparseRows.of(w.detach()).with_offsets(padded) for name, w in weights.items()},
        **norms)
