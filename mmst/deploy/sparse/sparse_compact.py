"""Runs a compacted network by the kernel."""
import copy
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from ...models.hrnas.fusion_module import upsample_to
from ..compact import CompactNetwork
from ..compact.graph import Graph, Node
from ..compact.operations.conv import StaticConv
from ..compact.shapes import widths
from ..compact.token_mixer import TokenMixer
from .compact_step import BlockNodes, Step
from .compact_steps import find_steps, joined_paths
from .engine_settings import EngineSettings
from .fold import fold_conv
from .kernel_module import KernelModule
from .make_node import make_node
from .modules import finish
from .nodes import Sum, add
from .planes import with_rows
from .recent import recent
from .sparse_block import SparsePath
from .sparse_conv import SparseConv
from .sparse_neck import SparseDenseNeck
from .sparse_stem import FoldedLayer, SparseStem


class SparseCompactNetwork(KernelModule):
    """Runs a compacted network by the kernel.

    A compact search block, with the paths of its kernel sizes, its residual, its Transformer and
    the sum of these, is one call again, which enlarges the coarser maps of a neck late. Maps that
    do not depend on the image are computed once for each of the last few sizes.

    Args:
        network (CompactNetwork): In eval mode.
        settings (EngineSettings): Shared by the modules of a network.
        max_density (float): Paths with a larger share of non-zero weights stay torch's.

    Attributes:
        steps (List[Step]): In order.
        parts (nn.ModuleDict): The module of each, by its number; torch runs those without one.

    Shape:
        As of the compacted network.
    """

    def __init__(self, network: CompactNetwork, settings: EngineSettings, max_density: float = 1.):
        super().__init__()
        self.network, self.settings = network, settings
        self.graph = graph = network.to_graph()
        self.inputs = {node.name: list(node.inputs) for node in graph}
        self.image = next((node.name for node in graph if node.op == 'image'), '')
        self.steps: list[Step] = find_steps(graph, network.nodes)
        self.parts = nn.ModuleDict()
        for number, step in enumerate(self.steps):
            part = self._part(graph, step, max_density)
            if part is not None:
                self.parts[str(number)] = part
        self.nodes = {step.node: self._within(step) for step in self.steps}
        self.network = self._left_to_torch(network)
        self.last_use = self._last_uses()
        for node in graph:
            node.tensors = {}

    @staticmethod
    def reach(network: CompactNetwork) -> int:
        """Return the reach of the largest kernel."""
        return max((m.weight.shape[-1] // 2 for m in network.nodes.values()
                    if isinstance(m, (nn.Conv2d, StaticConv))), default=0)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        size = x.shape[-2], x.shape[-1]
        fixed = recent(self._plans, size, lambda: self._static_maps(x), self.settings.sizes_kept)
        values = self._compute(dict(fixed), x, static=False)
        return self.network.outputs(values, x.shape[0])

    def _static_maps(self, x: Tensor) -> dict[str, Tensor]:
        """Return the maps that do not depend on the image and are read by those that do."""
        values = self._compute({}, x[:1], static=True)
        read = {name for step in self.steps if not step.static
                for node in self.nodes[step.node] for name in node.inputs}
        read = (read | set(self.network.output_names)) - {self.image}
        return {name: value for name, value in values.items() if name in read}

    def _compute(self, values: dict[str, Tensor], x: Tensor, static: bool) -> dict[str, Tensor]:
        values[self.image] = x
        for number, step in enumerate(self.steps):
            if step.static != static:
                continue
            # A ModuleDict has no get.
            key = str(number)
            part = self.parts[key] if key in self.parts else None  # noqa: SIM401
            values[step.node] = self._run(step, part, values, x)
            for name in () if static else self.last_use.get(step.node, ()):
                values.pop(name, None)
        return values

    def _run(self, step: Step, part: nn.Module | None, values: dict[str, Tensor],
             image: Tensor) -> Tensor:
        if part is None:
            with self.settings.torch_aside():
                return self._by_torch(step, values, image)
        if step.conv or step.stem:  # its ReLU is in it
            return part(values[step.source])
        if isinstance(part, SparseBlocks):
            total = part([[values[name] for name in block.inputs] for block in step.blocks])
            for name in step.terms:
                total = add(total, values[name], self.settings, in_place=True)
        else:
            total = part([values[name] for name in step.terms or self.inputs[step.node]],
                         (image.shape[-2], image.shape[-1]))
        half = None
        for name in step.halves:
            x = values[self.inputs[name][0]]
            if half is None and tuple(total.shape[-2:]) == (2 * x.shape[-2], 2 * x.shape[-1]):
                half = with_rows(x.expand(len(total), -1, -1, -1))
            else:
                with self.settings.torch_aside():
                    x = upsample_to(x, total.shape[-2:])
                total = add(total, x, self.settings)
        return finish(total, half, step.relu, self.settings) if step.relu or step.halves else total

    def _by_torch(self, step: Step, values: dict[str, Tensor], image: Tensor) -> Tensor:
        """Return the nodes of a step one by one, as the compacted network computes them."""
        found, size = dict(values), (image.shape[-2], image.shape[-1])
        for node in self.nodes[step.node]:
            found[node.name] = self.network.compute(node, found, size, image)
        return found[step.node]

    def _left_to_torch(self, network: CompactNetwork) -> CompactNetwork:
        """Return the network with modules of those nodes alone that no part computes."""
        steps = [s for number, s in enumerate(self.steps) if str(number) not in self.parts]
        left = {node.name for step in steps for node in self.nodes[step.node]}
        found = copy.copy(network)
        found._modules = dict(network._modules)  # else the two share it
        found.nodes = nn.ModuleDict({name: module for name, module in network.nodes.items()
                                     if name in left})
        return found

    def _within(self, step: Step) -> list[Node]:
        """Return all nodes of a step, in order."""
        wanted, found = {step.node}, list[Node]()
        outside = {s.node for s in self.steps} - {step.node} | {self.image}
        for node in reversed(list(self.graph)):
            if node.name in wanted:
                found.insert(0, node)
                wanted |= set(node.inputs) - outside
        return found

    def _part(self, graph: Graph, step: Step, max_density: float) -> nn.Module | None:
        """Return the module that runs a step, None where torch does."""
        modules = self.network.nodes
        if step.stem:
            layers = [FoldedLayer(cast(nn.Conv2d, modules[name])) for name in step.stem]
            if all(SparseConv.takes(layer.conv) for layer in layers):
                return SparseStem(layers, self.settings)
        if step.blocks:
            return self._blocks(graph, step.blocks, max_density)
        if step.conv:
            conv = as_conv(modules[step.conv])
            return SparseConv(conv, None, step.relu, self.settings) if SparseConv.takes(
                conv) else None
        if step.stem:
            return None
        node = graph.nodes[step.node]
        if step.terms or node.op == 'add':  # perhaps of a ReLU after it
            return Sum(self.settings)
        module = modules[step.node] if step.node in modules else None  # noqa: SIM401
        return make_node(graph, node, module, self.settings)

    def _blocks(self, graph: Graph, blocks: list[BlockNodes],
                max_density: float) -> 'SparseBlocks | None':
        weights: list[Any] = [self.network.nodes[name].weight for block in blocks
                              for path in block.paths for name in path]
        kept = sum(int(w.count_nonzero()) for w in weights)
        if kept > max_density * sum(w.numel() for w in weights):
            return None
        counts, found = widths(graph), list[nn.Module]()
        for block in blocks:
            path = self._path(graph, block, counts)
            found.append(SparseDenseNeck(path, [counts[name] for name in block.coarser],
                                         self.settings) if block.coarser else path)
        return SparseBlocks(found)

    def _path(self, graph: Graph, block: BlockNodes, counts: dict[str, int]) -> SparsePath:
        chain, inputs = block.transformer, counts[block.source]
        outputs = len(chain.outputs.bias) if chain else counts[block.paths[0][2]]
        folded = joined_paths(graph, block, inputs, outputs)
        residual = np.eye(inputs) if block.identity else np.zeros((outputs, inputs))
        if block.residual:
            weight, bias = fold_conv(cast(nn.Conv2d, self.network.nodes[block.residual]))
            residual = residual + weight.flatten(1).numpy()
            folded.bias.add_(bias)
        if chain is None:
            return SparsePath(folded, residual, self.settings)
        folded.bias.add_(torch.from_numpy(chain.constant()))
        mixer = cast(TokenMixer, self.network.nodes[chain.mixer])
        return SparsePath(folded, residual, self.settings,
                          chain.structure(mixer, len(chain.tokens.bias)))

    def _last_uses(self) -> dict[str, list[str]]:
        """Return the maps that no later step reads, by step."""
        last: dict[str, str] = {}
        for step in self.steps:
            for node in self.nodes[step.node]:
                last.update((source, step.node) for source in node.inputs)
        found: dict[str, list[str]] = {}
        for name, reader in last.items():
            if name not in self.network.output_names:
                found.setdefault(reader, []).append(name)
        return found


class SparseBlocks(nn.Module):
    """Adds up blocks and necks of one output.

    Args:
        blocks (Sequence[nn.Module]): :class:`SparsePath` and :class:`SparseDenseNeck`.
    """
    blocks: Sequence[nn.Module]

    def __init__(self, blocks: Sequence[nn.Module]):
        super().__init__()
        self.blocks = cast(Sequence[nn.Module], nn.ModuleList(blocks))

    def forward(self, inputs: Sequence[Sequence[Tensor]]) -> Tensor:
        """Return the sum, a new map; ``inputs`` are those of each block."""
        total = None
        for block, maps in zip(self.blocks, inputs, strict=True):
            total = (block(maps, total)[0] if isinstance(block, SparseDenseNeck)
                     else block(maps[0], total))
        return cast(Tensor, total)


def as_conv(module: nn.Module) -> nn.Module:
    """Return a convolution of maps that are the same for all images as an ordinary one."""
    if not isinstance(module, StaticConv):
        return module
    weight, bias, settings = module.weight, module.bias, cast(Any, module.settings)
    conv = nn.Conv2d(weight.shape[1] * settings['groups'], weight.shape[0], cast(
        tuple[int, int], tuple(weight.shape[2:])), bias=bias is not None, device='meta', **settings)
    conv.weight, conv.bias = weight, bias
    return conv
