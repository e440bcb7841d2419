"""Measures the changes by compaction."""
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from ..costs.cost import image_channels
from ..costs.table import render
from ..errors import TicketError
from ..tickets import Ticket
from .ticket_cost import kept_weights, network_cost

#: Largest difference of outputs that rounding explains, relative to the largest output.
TOLERANCE = {torch.float32: 1e-4, torch.float64: 1e-9}


def compare(before: Ticket, after: Ticket, input_shape: tuple[int, int]) -> dict[str, Any]:
    """Return costs of a ticket and of its compact form, and how far their outputs differ.

    Returns:
        dict: ``before`` and ``after``: sums as in ``NetworkCost.total`` with ``peak_bytes``;
        ``difference``: of the outputs for one random image, relative to the largest.

    Raises:
        TicketError: The outputs differ by more than rounding.
        ConfigError: The network cannot take images of that size.
    """
    networks = [ticket.build() for ticket in (before, after)]
    found: dict[str, Any] = {}
    for name, ticket, network in zip(('before', 'after'), (before, after), networks, strict=True):
        cost = network_cost(network, input_shape, kept_weights(ticket, network))
        found[name] = dict(cost.total(), peak_bytes=cost.peak_bytes)
    found['difference'] = largest_difference(networks[0], networks[1], input_shape)
    if found['difference'] > TOLERANCE[torch.float32]:
        raise TicketError(f'the compacted network differs by {found["difference"]:.1e} of the '
                          'largest output. Remedy: use the ticket itself, and report this.')
    return found


def largest_difference(first: nn.Module, second: nn.Module, input_shape: tuple[int, int]) -> float:
    """Return the largest difference of two models' outputs for a random image, relative to the
    output.
    """
    image = torch.randn(1, image_channels(first), *input_shape,
                        generator=torch.Generator().manual_seed(0))
    pairs = list(zip(outputs(first, image), outputs(second, image), strict=True))
    largest = max(float(a.abs().max()) for a, _ in pairs)
    return max(float((a - b).abs().max()) for a, b in pairs) / max(largest, 1e-30)


@torch.no_grad()
def outputs(model: nn.Module, image: Tensor) -> list:
    """Return all maps that an OpenMMLab model gives in mode ``'tensor'``."""
    return [out for out in tree_leaves(model(image, None)) if torch.is_tensor(out)]


def comparison_table(found: dict[str, Any], sizes: tuple[int, int],
                     input_shape: tuple[int, int]) -> str:
    """Return :func:`compare`'s result and the sizes of both files as a table."""
    rows = []
    for name, size in zip(('before', 'after'), sizes, strict=True):
        cost = found[name]
        rows.append([name, f'{cost["params"]:,}', f'{cost["nonzero"]:,}',
                     f'{cost["macs"] / 1e9:.5f}', f'{cost["sparse_macs"] / 1e9:.5f}',
                     f'{cost["peak_bytes"] / 2**20:.1f}', f'{size:,}'])
    height, width = input_shape
    return render(f'costs at {height}x{width}; sparse: weights that are not 0 only',
                  ['', 'parameters', 'sparse', 'GMACs', 'sparse', 'peak (MiB)', 'file (bytes)'],
                  rows, width=110)
