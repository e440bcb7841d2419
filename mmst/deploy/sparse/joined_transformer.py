"""Finds a compacted network's Transformer as a whole, and lays it out for a block's kernel."""
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from torch import nn

from ...models.hrnas.coordinate_map import coordinate_map
from ..compact.graph import Graph
from ..compact.token_mixer import TokenMixer
from .affine import COORDINATES, Affine, find_affine
from .library import Transformer, make_structure
from .mixer_plan import takes_mixer, token_mixer
from .rows import SparseRows
from .transformer_plan import DIM


@dataclass
class JoinedTransformer:
    """Holds a Transformer between a map and the enlarged output, which a block adds.

    Attributes:
        source (str): The map.
        level (int): How often the image's height and width are halved in its output.
        mixer (str): The node of its two layers.
        tokens (Affine): As a function of the map's channels and the coordinates.
        outputs (Affine): As a function of the mixer's outputs.
    """
    source: str
    level: int
    mixer: str
    tokens: Affine
    outputs: Affine

    def structure(self, module: TokenMixer, count: int) -> Transformer:
        """Return the structure for the kernel; outputs that no token reaches are not in it.

        Args:
            module (TokenMixer): Its layers.
            count (int): Tokens that they read.
        """
        mixer = token_mixer(module, count).values
        image = self.tokens.weights[self.source]
        channels = (image != 0).any(0).nonzero().flatten()
        # In single precision, in which the C library stores them.
        coordinates = torch.cat([self.tokens.weights.get(COORDINATES, image.new_zeros(count, 2)),
                                 self.tokens.bias[:, None]], 1).float()
        places = coordinate_map().double().flatten(2)[0]
        down, right, bias = (column[:, None] for column in coordinates.double().T)
        output, alive = self.outputs.weights[self.mixer], self.alive()
        spread = output.new_zeros(len(output), count)
        spread[:, torch.as_tensor(mixer['targets']).long()] = output
        return make_structure(Transformer, **dict(
            mixer, inputs=len(channels), outputs=int(alive.sum()), channels=channels.numpy(),
            targets=alive.nonzero().flatten().numpy(), places=places.numpy(),
            coordinates=coordinates.numpy(), start=(down * places[0] + right * places[1]
                                                    + bias).numpy(),
            input=SparseRows.of(image[:, channels]).with_offsets(DIM),
            output=SparseRows.of(spread[alive]).with_offsets(DIM),
            bias=self.outputs.bias[alive].numpy()))

    def alive(self) -> torch.Tensor:
        """Return the outputs that a token reaches, as a bool tensor."""
        return (self.outputs.weights[self.mixer] != 0).any(1)

    def constant(self) -> np.ndarray:
        """Return the values of the other outputs; these are 0 here."""
        return torch.where(self.alive(), 0., self.outputs.bias).numpy()


def find_transformer(graph: Graph, widths: dict[str, int], levels: dict[str, int | list[int]],
                     modules: nn.ModuleDict, name: str) -> JoinedTransformer | None:
    """Return the Transformer whose enlarged output a node is, if it is one of a map's that the
    kernel runs.
    """
    node = graph.nodes[name]
    level = node.settings.get('size')
    if node.op != 'resize' or not isinstance(level, int):
        return None
    outputs = find_affine(graph, widths, node.inputs[0])
    mixer = graph.nodes[next(iter(outputs.weights))]
    if len(outputs.weights) > 1 or mixer.op != 'mixer' or not takes_mixer(
            cast(TokenMixer, modules[mixer.name]), mixer.settings['tokens']):
        return None
    tokens = find_affine(graph, widths, mixer.inputs[0])
    sources = set(tokens.weights) - {COORDINATES}
    source = min(sources, default='')
    if len(sources) != 1 or not isinstance(levels[source], int):
        return None
    found = JoinedTransformer(source, level, mixer.name, tokens, outputs)
    return found if bool(found.alive().any()) else None
