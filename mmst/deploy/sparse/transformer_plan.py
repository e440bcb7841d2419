"""Folds a lightweight Transformer and lays it out for the kernel."""
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from ...models.hrnas.coordinate_map import GRID
from ...models.hrnas.lightweight_transformer import LightweightTransformer
from ...models.hrnas.transformer_layers import EncoderLayer
from ..folding import fold_bn
from .library import Layer, Transformer, make_structure
from .planes import ALIGNMENT
from .rows import SparseRows

DIM = GRID * GRID


class TransformerPlan:
    """Holds the kernel's description of a Transformer; the same for all sizes of image.

    Attributes:
        structure (Transformer): For the kernel; None where every output is constant.
        channels (ndarray): Input channels that any token reads.
        constant (ndarray): (out_channels,), the values of outputs that no token reaches; the others
        0.
    """

    @torch.no_grad()
    def __init__(self, module: LightweightTransformer):
        output, shift = fold_bn(module.output_proj.weight.flatten(1), module.output_bn)
        alive = (output != 0).any(1)
        self.constant = torch.where(alive, 0., shift).numpy()
        self.structure, self.channels = None, np.zeros(0, np.int32)
        if bool(alive.any()):
            self.structure = self._lay_out(module, output[alive], shift[alive], alive)

    def _lay_out(self, module: LightweightTransformer, output: Tensor, bias: Tensor,
              alive: Tensor) -> Transformer:
        weight, shift = fold_bn(module.input_proj.weight.flatten(1), module.input_bn)
        places = module.coordinates.double().flatten(2)[0]
        # In single precision, in which the C library stores them.
        coordinates = torch.cat([weight[:, -2:], shift[:, None]], 1).float()
        down, right, bias_of = (column[:, None] for column in coordinates.double().T)
        image, start = weight[:, :-2], down * places[0] + right * places[1] + bias_of
        channels = (image != 0).any(0).nonzero().flatten()
        self.channels = channels.numpy()
        tokens = module.tokens
        padded = -(-tokens // ALIGNMENT) * ALIGNMENT
        queries = np.zeros((DIM, padded))
        projected = module.decoder.attention.query.weight.double() @ module.queries.double().T
        queries[:, :tokens] = projected.numpy() / DIM**.5
        return make_structure(
            Transformer, tokens=tokens, padded=padded, inputs=len(channels), outputs=len(output),
            places=places.numpy(), coordinates=coordinates.numpy(),
            channels=self.channels, targets=alive.nonzero().flatten().numpy(),
            input=SparseRows.of(image[:, channels]).with_offsets(DIM),
            output=SparseRows.of(output).with_offsets(DIM),
            start=start.numpy(), bias=bias.numpy(), queries=queries,
            encoder=_layer(module.encoder, padded), decoder=_layer(module.decoder, padded))


def _layer(module: EncoderLayer, padded: int) -> Layer:
    attention = module.attention
    widen, narrow = (cast(nn.Linear, module.feedforward[i]) for i in (0, 3))
    weights = dict(query=attention.query.weight / DIM**.5, key=attention.key.weight,
                   value=attention.value.weight, out=attention.out.weight, widen=widen.weight,
                   narrow=narrow.weight)
    rows = {name: SparseRows.of(weight.detach()) for name, weight in weights.items()}
    norms = {}
    for i, norm in enumerate((module.norm1, module.norm2), 1):
        norms.update({f'scale{i}': norm.weight.detach().numpy(), f'eps{i}': norm.eps,
                      f'shift{i}': norm.bias.detach().numpy()})
    return make_structure(
        Layer, attends=bool(len(rows['value']) and len(rows['out'])),
        feeds=bool(len(rows['widen']) and len(rows['narrow'])), feedforward=len(widen.weight),
        **{name: matrix.with_offsets(padded) for name, matrix in rows.items()}, **norms)
