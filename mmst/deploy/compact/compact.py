"""Turns a ticket into a compact one."""
import json
from collections.abc import Mapping
from typing import Any, cast

from torch import nn

from ...pruning.mask import Mask
from ...settings.checks import check_number
from ...tickets import Ticket
from .any_network import compact_channels, has_channels
from .graph import Graph
from .lower import can_lower_neck, lower
from .network import CompactNetwork
from .pad import pad
from .rewrite import fixed_point

TYPE = 'mmst.CompactNetwork'
#: The largest multiple of channels that any hardware gains from; each weight matrix grows with its
#: square.
MOST = 128
#: Padding and removing alternate until nothing changes, mostly twice; each gives the same function.
ROUNDS = 8


def compact(ticket: Ticket, multiple: int = 1) -> Ticket:
    """Remove everything dead from a ticket; outputs stay the same up to rounding.

    Hidden channels without live input or output, tokens, inner dimensions of Transformers, whole
    paths and blocks; BN goes into the convolutions, constants go on into biases, and into maps
    that depend on the input size alone where borders make a difference.

    Args:
        ticket (Ticket): Of ``mmst.HRNASSupernet``, a compact one, or of any network whose channels
            the search has followed: of these see
            :func:`~mmst.deploy.compact.any_network.compact_channels`.
        multiple (int): Channel counts are padded to multiples of it, with zeros. Defaults to 1.

    Returns:
        Ticket: The backbone is a ``CompactNetwork`` that stands for the neck, too. It has no mask:
        see :func:`mmst.pruning.prunable.nonzero`.

    Raises:
        ConfigError: The multiple is no positive number.
        TicketError: A network that cannot be compacted.
    """
    if has_channels(ticket):
        return compact_channels(ticket, _check_settings(multiple))
    model = ticket.build()
    neck = getattr(model, 'neck', None)
    inside = neck if can_lower_neck(neck) else None
    backbone = cast(nn.Module, model.backbone)
    network = CompactNetwork.of(compact_graph(backbone, inside, multiple),
                                getattr(backbone, 'channels_last', True))
    architecture = {key: value for key, value in ticket.model.items()
                    if key != 'neck' or inside is None}
    architecture['backbone'] = dict(type=TYPE, graph=json.dumps(network.architecture),
                                    channels_last=network.channels_last)
    own = ('backbone.', 'neck.') if inside is not None else ('backbone.', )
    state = {name: value for name, value in ticket.state_dict.items() if not name.startswith(own)}
    state.update((f'backbone.{name}', value) for name, value in network.state_dict().items())
    kept = {name: keep for name, keep in ticket.mask.items() if not name.startswith(own)}
    meta = {key: value for key, value in ticket.meta.items() if key != 'survivors'}
    return Ticket(architecture, state, Mask(kept), dict(meta, compacted=_origin(ticket, multiple)))


def compact_graph(backbone: nn.Module, neck: nn.Module | None = None,
                    multiple: int = 1) -> Graph:
    """Return the compacted graph of a backbone and, where given, its neck; see :func:`compact`."""
    multiple = _check_settings(multiple)
    graph = lower(backbone, neck)
    if multiple == 1:
        return fixed_point(graph)
    for _ in range(ROUNDS):
        padded = pad(fixed_point(graph), multiple)
        if padded.form() == graph.form():
            break
        graph = padded
    return graph


def _check_settings(multiple: int) -> int:
    # Every layer would grow to a multiple that is much wider.
    return check_number('multiple', multiple, low=1, high=MOST, whole=True,
                        remedy='use 8, or 1 for no padding')


def is_compact(ticket: Ticket) -> bool:
    """Return whether a ticket was compacted."""
    backbone = ticket.model.get('backbone')
    return isinstance(backbone, dict) and backbone.get('type') in (TYPE, TYPE.partition('.')[2])


def with_compact_network(model: Mapping[str, Any], ticket: Ticket) -> dict[str, Any]:
    """Return a config's model with the network of a compact ticket; the rest stays."""
    changed = dict(model, backbone=dict(ticket.model['backbone']))
    if 'neck' not in ticket.model:
        changed.pop('neck', None)
    return changed


def _origin(ticket: Ticket, multiple: int) -> dict[str, Any]:
    """Return the origin of the ticket; of one that is compact already, its first origin."""
    before = ticket.meta.get('compacted')
    return dict(before, multiple=multiple) if before else dict(
        multiple=multiple, sparsity=ticket.sparsity)
