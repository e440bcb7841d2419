"""Finds the dead parts of a Transformer's two layers."""
from collections.abc import Sequence

import torch
from torch import Tensor

from .graph import Node, whole_numbers

LAYERS = ('encoder', 'decoder')


def reduce_mixer(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return tensors of a mixer without dead inner dimensions.

    They go in pairs: a query's with the key's, a value's with its column of the output, the
    feed-forward layers' with each other. Where no dimension of the values is left, the whole
    attention goes; queries and keys then matter no more.
    """
    found = dict(tensors)
    for layer in LAYERS:
        _reduce_attention(found, f'{layer}.attention')
        _reduce_feedforward(found, f'{layer}.feedforward')
    if 'decoder.attention.out.weight' not in found:
        found.pop('queries', None)
    return found


def tokens_needed(node: Node, wanted: Tensor) -> Tensor:
    """Return the input tokens that output tokens ``wanted`` of a mixer depend on, as a bool tensor.

    While an attention adds something, every token is a key of it.
    """
    names = ('encoder.attention.out.weight', 'decoder.attention.out.weight')
    asked = torch.zeros(node.settings['tokens'], dtype=torch.bool)
    encoder = torch.tensor(node.settings['encoder_rows'])
    if names[1] in node.tensors:
        asked[encoder] = True
    else:
        asked[encoder[torch.tensor(node.settings['decoder_rows'])[wanted]]] = True
    return torch.ones_like(asked) if names[0] in node.tensors else asked


def keep_tokens(node: Node, kept: Sequence[int], wanted: Sequence[int]) -> Node:
    """Return a mixer with fewer tokens.

    Args:
        node (Node): The mixer.
        kept (Sequence[int]): Its input tokens that stay, by ``tokens_needed``.
        wanted (Sequence[int]): Its output tokens that stay.
    """
    tensors, kept, wanted = dict(node.tensors), whole_numbers(kept), whole_numbers(wanted)
    encoder, decoder = node.settings['encoder_rows'], node.settings['decoder_rows']
    goes_on = [encoder[decoder[i]] for i in wanted]
    computed = [row for row in encoder if row in set(goes_on)]
    if 'queries' in tensors:  # they read all of the encoder's output
        tensors['queries'] = tensors['queries'][wanted]
        computed = list(encoder)
    place = {token: i for i, token in enumerate(kept)}
    rows = dict(encoder_rows=[place[token] for token in computed],
                decoder_rows=[computed.index(token) for token in goes_on])
    settings = dict(node.settings, tokens=len(kept), **rows)
    return Node(node.name, 'mixer', list(node.inputs), settings, tensors)


def _reduce_attention(tensors: dict[str, Tensor], path: str) -> None:
    names = {part: f'{path}.{part}.weight' for part in ('query', 'key', 'value', 'out')}
    if names['out'] not in tensors:
        return
    query, key, value, out = (tensors[name] for name in names.values())
    values = value.ne(0).any(1) & out.ne(0).any(0)
    if not bool(values.any()):
        for name in names.values():
            del tensors[name]
        return
    scores = query.ne(0).any(1) & key.ne(0).any(1)
    if not bool(scores.any()):
        scores[0] = True  # scores that are all 0 still need a dimension
    tensors.update({names['query']: query[scores], names['key']: key[scores],
                    names['value']: value[values], names['out']: out[:, values].contiguous()})


def _reduce_feedforward(tensors: dict[str, Tensor], path: str) -> None:
    names = (f'{path}.0.weight', f'{path}.3.weight')
    if names[0] not in tensors:
        return
    first, second = (tensors[name] for name in names)
    live = first.ne(0).any(1) & second.ne(0).any(0)
    if not bool(live.any()):
        for name in names:
            del tensors[name]
        return
    tensors.update({names[0]: first[live], names[1]: second[:, live].contiguous()})
