"""Counts the costs of supernet, searched network and kept weights; per layer, block and part."""
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, cast

from mmengine.registry import DefaultScope
from torch import nn

from ..costs.cost import CANNOT_RUN, LayerCost, check_normalised, layer_costs, total
from ..costs.memory import peak_activations
from ..costs.table import cell, render
from ..errors import config_error
from ..models.build import build_model
from ..models.hrnas.widths import without_widths
from ..pruning.prunable import nonzero
from ..settings.shape import first_shape
from ..tickets import Ticket
from .compact import CompactNetwork, is_compact

#: Paths of a search block, and the layers of a compacted one.
_PATH = re.compile(r'\.(mixconv|transformer|residual|sum|relu)\b')


@dataclass(frozen=True)
class NetworkCost:
    """Holds the costs of one network for one image.

    Attributes:
        layers (List[LayerCost]): Of every layer; ``sparse_macs`` count kept weights at their own
            positions, layer by layer.
        peak_bytes (int): Feature maps alive at once, at most.
    """
    layers: list[LayerCost]
    peak_bytes: int

    def total(self) -> dict[str, float]:
        """Sum over all layers."""
        return total(self.layers)

    def parts(self) -> dict[str, dict[str, float]]:
        """Return sums over the model's parts: backbone, neck, head."""
        return self._sums(lambda name: original_name(name).partition('.')[0])

    def blocks(self) -> dict[str, dict[str, float]]:
        """Sum over search blocks, and over the layers between them."""
        return self._sums(lambda name: block_of(original_name(name)))

    def _sums(self, key) -> dict[str, dict[str, float]]:
        groups: dict[str, list[LayerCost]] = {}
        for cost in self.layers:
            groups.setdefault(key(cost.name), []).append(cost)
        return {name: total(costs) for name, costs in groups.items()}


@dataclass(frozen=True)
class CostReport:
    """Compares the costs of a ticket with those of its supernet.

    Attributes:
        input_shape (Tuple[int, int]): Height and width of the image.
        supernet (NetworkCost, optional): Before the search. None for a compacted ticket.
        searched (NetworkCost, optional): The ticket's network; its layers also have their costs
            under the mask. None for a config.
    """
    input_shape: tuple[int, int]
    supernet: NetworkCost | None = None
    searched: NetworkCost | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain data, e.g. for JSON."""
        networks = dict(supernet=self.supernet, searched=self.searched)
        return dict(input_shape=list(self.input_shape), **{
            name: dict(total=n.total(), peak_bytes=n.peak_bytes, parts=n.parts(),
                       blocks=n.blocks(), layers=[asdict(cost) for cost in n.layers])
            for name, n in networks.items() if n is not None})

    def table(self, by: str = 'parts') -> str:
        """Return a table by ``'parts'``, ``'blocks'`` or ``'layers'``, with the total below."""
        before, found = _rows(self.supernet, by), _rows(self.searched, by)
        height, width = self.input_shape
        lines = [render(
            f'params (M), GMACs at {height}x{width}; sparse: kept weights only',
            ['', 'params', 'searched', 'sparse', 'GMACs', 'searched', 'sparse'],
            [[name, *_numbers(before.get(name), found.get(name))]
             for name in _order(before, found)], width=110)]
        memory = [f'{n.peak_bytes / 2**20:.1f} MiB {name}' for name, n in (
            ('supernet', self.supernet), ('searched', self.searched)) if n is not None]
        return '\n'.join([*lines, f'feature maps alive at once, at most: {", ".join(memory)}'])


def ticket_costs(ticket: Ticket, input_shape: Sequence[int] | None = None) -> CostReport:
    """Return costs of a ticket, its network before the search and under its mask.

    Args:
        ticket (Ticket): Of any network, compacted or not.
        input_shape (Sequence[int], optional): Defaults to the one that its run counted costs at.

    Raises:
        ConfigError: The network cannot take images of that size.
    """
    own = ticket.meta.get('input_shape') if input_shape is None else None
    shape = first_shape(input_shape, own)
    key = '--shape' if own is None else f'input_shape of {ticket.source or "the ticket"}'
    network = ticket.build()
    searched = network_cost(network, shape, kept_weights(ticket, network), key)
    if is_compact(ticket):
        return CostReport(shape, None, searched)
    whole = network_cost(ticket.supernet(values=False), shape, key=key)
    return CostReport(shape, whole, searched)


def config_cost(model: Mapping[str, Any], input_shape: tuple[int, int],
                scope: str | None = None) -> NetworkCost:
    """Return costs of the network of a model's config before any search."""
    return network_cost(config_network(model, scope), input_shape)


def config_network(model: Mapping[str, Any], scope: str | None = None) -> nn.Module:
    """Return the network of a model's config before any search, with random weights."""
    with DefaultScope.overwrite_default_scope(scope):
        return build_model(without_widths(model))


def network_cost(model: nn.Module, input_shape: tuple[int, int], mask=None,
                 key: str = '--shape') -> NetworkCost:
    """Return costs of a network; ``mask`` as in ``layer_costs``, ``key`` names the size's source.

    Raises:
        ConfigError: The network cannot take images of that size.
    """
    try:
        return NetworkCost(layer_costs(model, input_shape, mask),
                           peak_activations(model, input_shape))
    except CANNOT_RUN as error:
        check_normalised(model, input_shape)
        line = ' '.join(str(error).split())[:150]
        raise config_error(key, tuple(input_shape), f'the network cannot take it ({line})',
                           'give --shape, height and width in pixels, e.g. 512 1024') from None


def kept_weights(ticket: Ticket, network: nn.Module) -> dict[str, Any]:
    """Return the ticket's mask; of a compact one, which of its weights are not 0."""
    kept = dict(ticket.mask)
    if is_compact(ticket):
        backbone = cast(CompactNetwork, network.backbone)
        kept.update((f'backbone.{name}', keep) for name, keep in nonzero(backbone).items())
    return kept


def original_name(name: str) -> str:
    """Return the path of a layer; of a compacted network's, the path of the layer that it comes
    from.
    """
    inside = name.partition('backbone.nodes.')[2]
    if not inside:
        return name
    path = inside.replace('/', '.')
    return path if path.startswith('neck.') else f'backbone.{path}'


def block_of(name: str) -> str:
    """Return the path of the search block that a layer lies in; outside of blocks, two steps of its
    path.
    """
    found = _PATH.search(name)
    return name[:found.start()] if found else '.'.join(name.split('.')[:3])


def _rows(network: NetworkCost | None, by: str) -> dict[str, dict[str, float]]:
    if network is None:
        return {}
    rows = {original_name(cost.name): total([cost]) for cost in network.layers} \
        if by == 'layers' else getattr(network, by)()
    return {**rows, 'total': network.total()}


def _order(before: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    return [*(name for name in {**before, **found} if name != 'total'), 'total']


def _numbers(before: dict | None, found: dict | None) -> list[str]:
    before, found = before or {}, found or {}
    return [*(cell(sums.get(field), 1e6, 4) for sums, field in (
                (before, 'params'), (found, 'params'), (found, 'nonzero'))),
            *(cell(sums.get(field), 1e9, 5) for sums, field in (
                (before, 'macs'), (found, 'macs'), (found, 'sparse_macs')))]
