"""Counts the sparse engine's work for a Transformer path."""
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from ...models.hrnas.lightweight_transformer import LightweightTransformer

#: Gives which weights of a parameter, by its name, are kept.
MaskOf = Callable[[str], npt.NDArray[np.bool_]]
#: Vectors of the sparse engine are so many tokens long.
TOKENS_AT_ONCE = 16
#: The linear layers of an attention, and of a feedforward path.
ATTENTION = tuple(f'attention.{name}.weight' for name in ('query', 'key', 'value', 'out'))
FEEDFORWARD = ('feedforward.0.weight', 'feedforward.3.weight')
#: Of a pass: each call, weights of projections, input channels, weights of linear layers, pairs of
#: tokens, tokens by themselves, of each attention and of each feedforward path, output channels.
NAMES = ('attends', 'projected', 'sampled', 'mixed', 'pairs', 'normed', 'attended', 'fed',
         'outputs')


class TransformerCounts:
    """Counts the work of a Transformer path, where any of its outputs is left.

    The engine leaves out an attention without values or outputs, and a feedforward path that lacks
    one of its layers. The decoder's queries do not depend on the image, and cost nothing. Input
    channels that a token reads are each resized to the grid, however many tokens read them.

    Args:
        transformer (LightweightTransformer): The path.
        kept (Callable): Gives the mask of a parameter, by its name in the search block.
    """

    def __init__(self, transformer: LightweightTransformer, kept: MaskOf):
        into = kept('transformer.input_proj.weight')[..., 0, 0]
        self.out = kept('transformer.output_proj.weight')[..., 0, 0]
        self.projected = into.sum(1) + self.out.sum(0)
        self.read = into[:, :transformer.in_channels]  # the rest are coordinates
        self.linears = self.attentions = self.feedforwards = 0.
        for layer in ('encoder', 'decoder'):
            weights = {name: int(kept(f'transformer.{layer}.{name}').sum())
                       for name in (*ATTENTION, *FEEDFORWARD)}
            query, key, value, out = (weights[name] for name in ATTENTION)
            widen, narrow = (weights[name] for name in FEEDFORWARD)
            if value and out:
                self.attentions += 1
                self.linears += key + value + out + (query if layer == 'encoder' else 0)
            if widen and narrow:
                self.feedforwards += 1
                self.linears += widen + narrow

    def __call__(self, index: npt.NDArray[np.int64] | None) -> dict[str, float]:
        """Return the counts with the tokens of an index alone."""
        out = self.out if index is None else self.out[:, index]
        projected = self.projected if index is None else self.projected[index]
        outputs, tokens = float(out.any(1).sum()) if out.shape[1] else 0., out.shape[1]
        if not outputs:
            return dict.fromkeys(NAMES, 0.)
        vectors = -(-tokens // TOKENS_AT_ONCE) * TOKENS_AT_ONCE
        read = self.read if index is None else self.read[index]
        return dict(zip(NAMES, (
            1., float(projected.sum()), float(read.any(0).sum()), self.linears * vectors,
            self.attentions * tokens * vectors, float(vectors), self.attentions * vectors,
            self.feedforwards * vectors, outputs), strict=True))
