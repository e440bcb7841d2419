"""Writes a Transformer's two layers."""
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from .builder import GraphBuilder


def write_mixer(to: GraphBuilder, x: str, tensors: Mapping[str, Tensor], settings: Mapping) -> str:
    """Write encoder and decoder as :class:`~mmst.deploy.compact.token_mixer.TokenMixer` has them.

    Args:
        to (GraphBuilder): Takes the nodes.
        x (str): Name of the tokens, (N, tokens, height, width).
        tensors (Mapping[str, Tensor]): Weights by name; those of parts that are gone are missing.
        settings (Mapping): ``tokens``, ``encoder_rows``, ``decoder_rows`` and ``scale``.

    Returns:
        str: Name of the tokens, (N, len(decoder_rows), height * width).
    """
    scale, dim = settings['scale'], len(tensors['encoder.norm1.weight'])
    tokens = to.add('Reshape', x, to.constant([0, settings['tokens'], dim]))
    encoder, decoder = (_below(tensors, f'{layer}.') for layer in ('encoder', 'decoder'))
    every = list(range(settings['tokens']))
    chosen = _rows(to, tokens, settings['encoder_rows'], every)
    read = None
    if 'attention.out.weight' in encoder:
        read = _self_attention(to, chosen, tokens, encoder, scale)
    memory = _layer(to, chosen, read, encoder)
    read = None
    if 'attention.out.weight' in decoder:
        read = _cross_attention(to, tensors['queries'], memory, decoder, scale)
    chosen = _rows(to, memory, settings['decoder_rows'], range(len(settings['encoder_rows'])))
    return _layer(to, chosen, read, decoder)


def _layer(to: GraphBuilder, x: str, read: str | None, weights: Mapping[str, Tensor]) -> str:
    """Add the output of the attention, normalise, feed forward, normalise."""
    if read is not None:
        x = to.add('Add', x, read)
    x = to.layer_norm(x, weights['norm1.weight'], weights['norm1.bias'])
    if 'feedforward.0.weight' in weights:
        wide = to.add('Relu', to.matmul(x, weights['feedforward.0.weight']))
        x = to.add('Add', x, to.matmul(wide, weights['feedforward.3.weight']))
    return to.layer_norm(x, weights['norm2.weight'], weights['norm2.bias'])


def _self_attention(to: GraphBuilder, chosen: str, tokens: str, weights: Mapping[str, Tensor],
                    scale: float) -> str:
    """Let the chosen tokens read all of them: one product gives queries, keys and values."""
    parts = [weights[f'attention.{part}.weight'] for part in ('query', 'key', 'value')]
    parts[0] = parts[0] * scale
    if chosen == tokens:
        query, key, value = _together(to, tokens, parts)
    else:
        query = to.matmul(chosen, parts[0])
        key, value = _together(to, tokens, parts[1:])
    return to.matmul(_attend(to, query, key, value), weights['attention.out.weight'])


def _cross_attention(to: GraphBuilder, queries: Tensor, memory: str, weights: Mapping[str, Tensor],
                     scale: float) -> str:
    """Let the learned queries read ``memory``. Their products with the keys' weights are constants.
    """
    query, key, value, out = (weights[f'attention.{part}.weight']
                              for part in ('query', 'key', 'value', 'out'))
    folded = (queries.double() @ query.double().t() @ key.double() * scale)[None]
    name = to.constant(folded, 'queries')
    if to.attention:  # the operator wants a batch
        shape = to.once('Concat', to.batch(), to.constant(list(folded.shape[1:])), axis=0)
        name = to.add('Expand', name, shape)
    return to.matmul(_attend(to, name, memory, to.matmul(memory, value)), out)


def _attend(to: GraphBuilder, query: str, key: str, value: str) -> str:
    """Compute attention; the scale is in the queries."""
    if to.attention:
        return to.add('Attention', query, key, value, q_num_heads=1, kv_num_heads=1, scale=1.)
    scores = to.add('MatMul', query, to.add('Transpose', key, perm=[0, 2, 1]))
    return to.add('MatMul', to.add('Softmax', scores, axis=-1), value)


def _together(to: GraphBuilder, x: str, weights: Sequence[Tensor]) -> list[str]:
    lengths = to.constant([len(weight) for weight in weights])
    return to.node('Split', to.matmul(x, torch.cat(list(weights))), lengths, axis=2,
                   outputs=len(weights))


def _rows(to: GraphBuilder, x: str, rows: Sequence[int], every: Sequence[int]) -> str:
    return x if list(rows) == list(every) else to.take(x, rows, len(every))


def _below(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name[len(prefix):]: t for name, t in tensors.items() if name.startswith(prefix)}
