"""Blocks and whole networks as graphs, and how far two of them differ."""
import torch
from small_nets import cut_at_random, initialised, narrow_backbone, narrow_neck

from mmst.deploy.compact import CompactNetwork, shapes
from mmst.deploy.compact.graph import Graph
from mmst.deploy.compact.lower import add_block
from mmst.deploy.compact.rewrite import fixed_point
from mmst.models import SearchBlock

#: Two stages: every kind of layer, and tests that take a second.
SMALL = dict(channels=((4, ), (4, 6)), depths=((1, ), (1, 1)), stem_channels=(4, 4))


def make_block(*args, transformer='none', **kwargs):
    """A search block in double precision, initialised, in eval mode."""
    settings = dict(expand_ratio=2, tokens=4, transformer=transformer)
    return initialised(SearchBlock(*args, **{**settings, **kwargs})).double().eval()


def graph_of(*blocks):
    """The graph of search blocks in a row."""
    graph = Graph()
    x = graph.add('image', 'image', channels=blocks[0].mixconv.in_channels)
    for i, block in enumerate(blocks):
        x = add_block(graph, block, f'block{i}', x)
    graph.outputs = [x]
    return graph


@torch.no_grad()
def difference(first, second, *size, channels=3):
    """Largest difference of the outputs of two callables for two random images."""
    image = torch.randn(2, channels, *size, dtype=torch.float64)
    pairs = list(zip(as_tuple(first(image)), as_tuple(second(image)), strict=True))
    assert all(a.shape == b.shape for a, b in pairs)
    return max(float((a - b).abs().max()) for a, b in pairs)


def as_tuple(out):
    return out if isinstance(out, (tuple, list)) else (out, )


def compacted(*blocks):
    """Graph and network of search blocks in a row, compacted."""
    graph = fixed_point(graph_of(*blocks))
    return graph, CompactNetwork.of(graph)


def channels(graph, op='conv', static=False):
    """Output channels of the nodes of a kind that depend (or do not depend) on the image."""
    widths, fixed = shapes.widths(graph), shapes.static(graph)
    return {n.name: widths[n.name] for n in graph if n.op == op and fixed[n.name] == static}


def narrow_pair(transformer='all', cut=0.4, neck=True, **changes):
    """A small backbone and its neck in double precision, units removed at random."""
    backbone = narrow_backbone(transformer=transformer, **{**SMALL, **changes})
    below = narrow_neck(in_channels=(4, 6), transformer=transformer) if neck else None
    for module in (backbone, below):
        if module is not None and cut:
            cut_at_random(module, cut)
    return [m if m is None else m.double().eval() for m in (backbone, below)]


@torch.no_grad()
def prune_at_random(modules, share):
    """Set a random share of the weights of convolutions and linears to 0."""
    for module in modules:
        for layer in module.modules() if module is not None else ():
            if isinstance(layer, (torch.nn.Conv2d, torch.nn.Linear)) and layer.weight.numel():
                layer.weight.mul_(torch.rand_like(layer.weight) >= share)
