"""Describes a graph without its weights as plain data, as tickets keep it."""
from collections.abc import Mapping
from typing import Any

import torch

from ...errors import TicketError
from ...files import parse_json
from ...settings.checks import as_whole
from .check_graph import check_graph
from .graph import Graph, Node
from .operations import OPERATIONS

#: Of the data. In version 1, which names none, the coordinates' channels are swapped.
VERSION = 2


def to_data(graph: Graph) -> dict[str, Any]:
    """Return the architecture as plain data."""
    nodes = [dict(name=n.name, op=n.op, inputs=list(n.inputs), **n.settings,
                  **({'shapes': {k: list(t.shape) for k, t in n.tensors.items()}}
                     if n.tensors else {})) for n in graph]
    return dict(version=VERSION, nodes=nodes, outputs=list(graph.outputs), flatten=graph.flatten)


def from_data(data: str | Mapping[str, Any]) -> Graph:
    """Return a graph of :func:`to_data`'s form, or that as JSON; its weights are 0.

    Raises:
        TicketError: It is no such graph; the message names the node.
    """
    try:
        content = parse_json(data) if isinstance(data, str) else data
    except ValueError:
        raise TicketError('the graph of a compacted network is no JSON. Remedy: compact the ticket '
                          'again with mmst compact.') from None
    try:
        return _read(content)
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError,
            RecursionError) as error:
        raise TicketError(f'the graph of a compacted network is broken: {error}. Remedy: '
                          'compact the ticket again with mmst compact.') from None


def _read(data: Mapping[str, Any]) -> Graph:
    graph = Graph(bool(data['flatten']))
    swapped: dict[str, str] = {}
    for entry in data['nodes']:
        _check_entry(entry, graph.nodes)
        tensors = {k: torch.zeros(list(shape)) for k, shape in entry.get('shapes', {}).items()}
        settings = {key: entry[key] for key in OPERATIONS[entry['op']].settings}
        inputs = [swapped.get(name, name) for name in entry['inputs']]
        name = graph.add(entry['op'], entry['name'], *inputs, tensors=tensors, **settings)
        if entry['op'] == 'coordinates' and _version(data) < 2:
            swapped[name] = graph.add('select', f'{name}/swapped', name, index=[1, 0])
    graph.outputs = [swapped.get(name, name) for name in data['outputs']]
    if not graph.outputs or not set(graph.outputs) <= set(graph.nodes):
        raise ValueError('its outputs are not among its nodes')
    check_graph(graph)
    return graph


def _version(data: Mapping[str, Any]) -> int:
    given = data.get('version', 1)
    version = as_whole(given)
    if version is None or not 1 <= version <= VERSION:
        raise ValueError(f'its version is {given!r}, and this mmst reads up to {VERSION}')
    return version


def _check_entry(entry: Mapping[str, Any], known: Mapping[str, Node]) -> None:
    name, op, inputs = entry['name'], entry['op'], entry['inputs']
    if op not in OPERATIONS:
        raise ValueError(f'{name} has the unknown operation {op!r}')
    if not isinstance(name, str) or name in known or not set(inputs) <= set(known):
        raise ValueError(f'{name} is there twice, or reads a node that is not before it')
    if OPERATIONS[op].has_inputs != bool(inputs):
        raise ValueError(f'{name} has {len(inputs)} inputs')
    if OPERATIONS[op].has_weights != bool(entry.get('shapes')):
        raise ValueError(f'{name} has {len(entry.get("shapes") or ())} weights')
