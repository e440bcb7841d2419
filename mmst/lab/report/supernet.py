"""Finds the supernet that a run began with, if its timeline does not hold it."""
import copy
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

from ...engine.run.snapshot import PARTS, part_widths
from ...models.build import build_model
from ...tickets.bounded import bounding
from ...tickets.plain_data import as_plain_data
from ...tickets.registered import check_settings, only_registered

#: Of the largest supernet that a page shows: the paper's has some ten million weights.
_ELEMENTS, _ENTRIES = 1 << 24, 200


def supernet_widths(model: Mapping[str, Any]) -> dict[str, Any]:
    """Return widths of the search blocks by part, before any search; empty for other networks.

    Args:
        model (Mapping): The whole model's config.
    """
    parts = {}
    for part in PARTS:
        cfg = as_plain_data(model.get(part))
        if isinstance(cfg, Mapping) and str(cfg.get('type', '')).startswith('mmst.'):
            settings = {key: value for key, value in cfg.items() if key != 'widths'}
            parts[part] = _build(check_settings(settings, None))
    return part_widths(nn.ModuleDict(parts))


def _build(settings: dict[str, Any]) -> nn.Module:
    """Build a part without memory for its weights: its settings may be anybody's."""
    with only_registered(), bounding(_ELEMENTS, _ENTRIES), torch.device('meta'):
        return build_model(settings)


def widths_of_survivors(before: Mapping[str, Any],
                        survivors: Mapping[str, Sequence[int]]) -> dict[str, Any]:
    """Return the units left of the supernet by a ``SearchHook``'s list of surviving units.

    Args:
        before (Mapping): Of ``supernet_widths``.
        survivors (Mapping): Group of units to the indices left; channels are counted through, one
            kernel size after the other.
    """
    after = copy.deepcopy(dict(before))
    for part, blocks in after.items():
        for name, widths in blocks.items():
            path, start = f'{part}.{name}', 0
            channels = survivors.get(f'{path}.mixconv.channels')
            for label, width in list(widths['channels'].items()):
                if channels is not None:
                    widths['channels'][label] = sum(start <= i < start + width for i in channels)
                start += width
            tokens = survivors.get(f'{path}.transformer.tokens')
            widths['tokens'] = widths['tokens'] if tokens is None else len(tokens)
    return after
