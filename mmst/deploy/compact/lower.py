"""Turns networks of this project into graphs, BN folded into the convolutions."""
from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from ...errors import TicketError
from ...models.hrnas.classification_neck import ClassificationNeck
from ...models.hrnas.coordinate_map import GRID
from ...models.hrnas.dense_neck import DensePredictionNeck
from ...models.hrnas.fusion_module import FusionModule
from ...models.hrnas.hrnas_supernet import ConvBNReLU, HRNASSupernet
from ...models.hrnas.lightweight_transformer import LightweightTransformer
from ...models.hrnas.mixconv import MixConv
from ...models.hrnas.search_block import SearchBlock
from ..as_written import is_as_written
from ..folding import fold_bn
from .graph import Graph
from .network import CompactNetwork
from .shapes import levels


def lower(backbone: nn.Module, neck: nn.Module | None = None) -> Graph:
    """Return the graph of a backbone, with a neck behind it where one is given.

    Its weights are in the precision of the modules; BN is folded in double precision.

    Raises:
        TicketError: They are not networks of this project.
    """
    if isinstance(backbone, CompactNetwork) and neck is None:
        return backbone.to_graph()
    if not is_as_written(backbone, HRNASSupernet):
        raise _unknown(backbone)
    graph = Graph()
    first = cast(ConvBNReLU, backbone.stem[0])
    image = graph.add('image', 'image', channels=first.conv.in_channels)
    maps = _backbone(graph, backbone, image)
    if is_as_written(neck, DensePredictionNeck):
        maps = [_dense_neck(graph, neck, maps)]
    elif is_as_written(neck, ClassificationNeck):
        maps = [_classification_neck(graph, neck, maps)]
        graph.flatten = neck.pool is not None
    elif neck is not None:
        raise _unknown(neck)
    graph.outputs = maps
    return graph.drop_unread()


def can_lower_neck(neck: nn.Module | None) -> bool:
    """Return whether a neck becomes part of the graph; others stay as they are."""
    return is_as_written(neck, DensePredictionNeck) or is_as_written(neck, ClassificationNeck)


def _unknown(module: nn.Module) -> TicketError:
    own = ' with code or hooks of its own' * isinstance(
        module, (HRNASSupernet, DensePredictionNeck, ClassificationNeck))
    return TicketError(f'a {type(module).__name__}{own} cannot be compacted. Remedy: give a ticket '
                       'of mmst.HRNASSupernet; those of other networks can be exported as they are.'
                       )


def _backbone(graph: Graph, backbone: HRNASSupernet, image: str) -> list[str]:
    x = image
    for i, layer in enumerate(cast(Sequence[ConvBNReLU], backbone.stem)):
        x = _conv_bn_relu(graph, layer, f'stem/{i}', x)
    branches = [x]
    fusions = cast(Sequence[FusionModule], backbone.fusions)
    # Blocks in a row, for each branch of each stage.
    parallels = cast(Sequence[Sequence[Sequence[SearchBlock]]], backbone.parallels)
    for i, (fusion, parallel) in enumerate(zip(fusions, parallels, strict=True)):
        branches = _fusion(graph, fusion, f'fusions/{i}', branches)
        for j, branch in enumerate(parallel):
            for k, block in enumerate(branch):
                branches[j] = add_block(graph, block, f'parallels/{i}/{j}/{k}', branches[j])
    return branches


def _fusion(graph: Graph, fusion: FusionModule, path: str, inputs: list[str]) -> list[str]:
    outputs = []
    for i, blocks in enumerate(fusion.blocks):
        # In the order of the original, so that sums round alike.
        order = [str(i)] + [key for key in blocks if key != str(i)]
        terms: list[str] = []
        for key in order:
            source, name = int(key), f'{path}/blocks/{i}/{key}'
            term = add_block(graph, blocks[key], name, inputs[source])
            if source > i:
                term = graph.add('upsample', f'{name}/upsample', term,
                                 level=_level(graph, terms[0]))
            terms.append(term)
        total = _sum(graph, f'{path}/blocks/{i}/sum', terms)
        outputs.append(graph.add('relu', f'{path}/blocks/{i}/relu', total))
    if fusion.new_branch is not None:
        outputs.append(add_block(graph, fusion.new_branch, f'{path}/new_branch', outputs[-1]))
    return outputs


def _dense_neck(graph: Graph, neck: DensePredictionNeck, maps: list[str]) -> str:
    level = _level(graph, maps[0])
    resized = [maps[0]] + [graph.add('resize', f'neck/resize{i}', x, size=level)
                           for i, x in enumerate(maps[1:], 1)]
    return add_block(graph, neck.block, 'neck/block', graph.add('concat', 'neck/concat', *resized))


def _classification_neck(graph: Graph, neck: ClassificationNeck, maps: list[str]) -> str:
    total = add_block(graph, neck.widen[0], 'neck/widen/0', maps[0])
    for i, x in enumerate(maps[1:], 1):
        down = add_block(graph, neck.downsample[i - 1], f'neck/downsample/{i - 1}', total)
        wide = add_block(graph, neck.widen[i], f'neck/widen/{i}', x)
        total = graph.add('add', f'neck/sum/{i}', down, wide)
    out = _conv_bn_relu(graph, neck.final, 'neck/final', total)
    return out if neck.pool is None else graph.add('mean', 'neck/pool', out)


def _conv_bn_relu(graph: Graph, layer: ConvBNReLU, path: str, x: str) -> str:
    conv = _conv(graph, f'{path}/conv', x, layer.conv, *_fold(layer.conv.weight, layer.bn))
    return graph.add('relu', f'{path}/relu', conv)


def add_block(graph: Graph, block: SearchBlock, path: str, x: str) -> str:
    """Append a search block that reads node ``x``; returns the node of its output."""
    residual = x
    if not isinstance(block.residual, nn.Identity):
        residual = _conv(graph, f'{path}/residual', x, block.residual, block.residual.weight, None)
    terms = [residual]
    if block.transformer:
        terms.append(_transformer(graph, block.transformer, f'{path}/transformer', x,
                                  _level(graph, residual)))
    if block.mixconv:
        terms += _mixconv(graph, block.mixconv, f'{path}/mixconv', x)
    return _sum(graph, f'{path}/sum', terms)


def _mixconv(graph: Graph, path: MixConv, name: str, x: str) -> list[str]:
    """Return a term for each kernel size: sums of the projections are projections of the parts."""
    expand, expand_bias = _fold(path.expand.weight, path.expand_bn)
    project, project_bias = _fold(path.project.weight, path.project_bn)
    terms: list[str] = []
    start = 0
    for conv, width in zip(path.depthwise, path.widths, strict=True):
        part = slice(start, start + width)
        start += width
        if not width:
            continue
        k = conv.kernel_size[0]
        wide = _pointwise(graph, f'{name}/expand{k}', x, expand[part], expand_bias[part])
        wide = graph.add('relu', f'{name}/expand{k}/relu', wide)
        deep = _conv(graph, f'{name}/depthwise{k}', wide, conv,
                     *_fold(conv.weight, path.depthwise_bn, part))
        deep = graph.add('relu', f'{name}/depthwise{k}/relu', deep)
        bias = project_bias if not terms else torch.zeros_like(project_bias)
        terms.append(_pointwise(graph, f'{name}/project{k}', deep, project[:, part], bias))
    return terms


def _transformer(graph: Graph, path: LightweightTransformer, name: str, x: str,
                 level: int) -> str:
    small = graph.add('resize', f'{name}/shrink', x, size=[GRID, GRID])
    where = graph.add('coordinates', f'{name}/coordinates')
    joined = graph.add('concat', f'{name}/concat', small, where)
    tokens = _pointwise(graph, f'{name}/input', joined,
                        *_fold(path.input_proj.weight, path.input_bn))
    tensors = {key: p.detach().clone() for key, p in path.named_parameters()
               if key.partition('.')[0] in ('encoder', 'decoder', 'queries')}
    rows = list(range(path.tokens))
    mixed = graph.add('mixer', f'{name}/mixer', tokens, tensors=tensors, tokens=path.tokens,
                      encoder_rows=rows, decoder_rows=list(rows), scale=(GRID * GRID)**-0.5)
    out = _pointwise(graph, f'{name}/output', mixed,
                     *_fold(path.output_proj.weight, path.output_bn))
    return graph.add('resize', f'{name}/resize', out, size=level)


def _fold(weight: Tensor, bn: nn.Module, part: slice = slice(None)) -> list[Tensor]:
    """Return the weight and bias of a convolution with its BN, in the weight's own precision."""
    return [t.to(weight.dtype) for t in fold_bn(weight, bn, part=part)]


def _conv(graph: Graph, name: str, x: str, conv: nn.Conv2d, weight: Tensor,
          bias: Tensor | None) -> str:
    bias = torch.zeros(weight.shape[0], dtype=weight.dtype) if bias is None else bias
    return graph.add('conv', name, x, tensors=_tensors(weight, bias), stride=conv.stride[0],
                     padding=conv.padding[0], groups=conv.groups)


def _pointwise(graph: Graph, name: str, x: str, weight: Tensor, bias: Tensor) -> str:
    return graph.add('conv', name, x, tensors=_tensors(weight, bias), stride=1, padding=0, groups=1)


def _tensors(weight: Tensor, bias: Tensor) -> dict[str, Tensor]:
    return dict(weight=weight.detach().contiguous().clone(), bias=bias.detach().clone())


def _sum(graph: Graph, name: str, terms: list[str]) -> str:
    return terms[0] if len(terms) == 1 else graph.add('add', name, *terms)


def _level(graph: Graph, name: str) -> Any:
    return levels(graph)[name]
