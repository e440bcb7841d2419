"""Computes a Transformer's two layers on tokens."""
from math import isfinite

import torch
from torch import nn

from ....models.hrnas.coordinate_map import GRID
from ..channels import EDGE, LIVE, Channels, of_kind
from ..graph import positions
from ..mixer import keep_tokens, reduce_mixer, tokens_needed
from ..token_mixer import TokenMixer
from ..writer import Part
from .checks import MOST_CHANNELS, check_places, check_same, check_whole
from .mixer_shapes import check_mixer
from .operation import Operation


class Mixer(Operation):
    """Computes encoder and decoder; its channels are tokens, each of which all outputs may depend
    on.
    """
    settings = ('tokens', 'encoder_rows', 'decoder_rows', 'scale')
    has_weights = counts_channels = True

    def width(self, node, inputs) -> int:
        return len(node.settings['decoder_rows'])

    def check(self, node, inputs) -> None:
        chosen = node.settings
        check_whole('tokens', chosen['tokens'], 1, MOST_CHANNELS)
        check_same('the shape of its input', tuple(inputs[0]), (chosen['tokens'], [GRID, GRID]))
        check_places('encoder_rows', chosen['encoder_rows'], chosen['tokens'])
        check_places('decoder_rows', chosen['decoder_rows'], len(chosen['encoder_rows']))
        if type(chosen['scale']) not in (int, float) or not isfinite(chosen['scale']):
            raise ValueError(f'scale is {chosen["scale"]!r}, no finite number')
        check_mixer({name: list(tensor.shape) for name, tensor in node.tensors.items()},
                    len(chosen['decoder_rows']))

    def channels(self, node, inputs) -> Channels:
        live = bool((inputs[0].kind == LIVE).any())
        return of_kind(len(node.settings['decoder_rows']), LIVE if live else EDGE)

    def ask(self, node, wanted, inputs) -> list:
        return [tokens_needed(node, wanted)]

    def reduce(self, tensors) -> dict:
        return reduce_mixer(tensors)

    def write(self, node, kind, wanted, writer) -> Part:
        marks = torch.zeros(len(node.settings['decoder_rows']), dtype=torch.bool)
        marks[wanted] = True
        kept = positions(tokens_needed(node, marks))
        tokens = writer.whole(node.inputs[0], kept, f'{node.name}/tokens')
        new = keep_tokens(node, kept, wanted)
        return Part(writer.make(node.op, node.name, tokens, tensors=new.tensors, **new.settings),
                    wanted)

    def pad(self, node, padder) -> list:
        padder.put(node, [padder.strip(node.inputs[0])])
        return padder.own_layout(node)

    def module(self, node, width, static) -> nn.Module:
        shapes = {name: tuple(t.shape) for name, t in node.tensors.items()}
        rows = {key: v for key, v in node.settings.items() if key != 'tokens'}
        return TokenMixer(shapes, **rows)
