"""Runs a compacted network by the kernel."""
from typing import Any, cast

import numpy as np
from torch import Tensor, nn

from ...models.hrnas.fusion_module import upsample_to
from ..compact import CompactNetwork
from ..compact.graph import Graph, Node
from .compact_steps import Step, find_steps, joined_paths
from .engine_settings import EngineSettings
from .fold import fold_conv
from .modules import finish
from .planes import in_planes
from .sparse_block import SparsePath
from .sparse_conv import SparseConv
from .sparse_stem import FoldedLayer, SparseStem


class SparseCompactNetwork(nn.Module):
    """Runs a compacted network's MixConv paths and convolutions by the kernel.

    A compact search block, with the paths of its kernel sizes, its residual and the
    sum of both, is one call again. Transformers, and maps that do not depend on the image, stay
    torch's.

    Args:
        network (CompactNetwork): In eval mode.
        settings (EngineSettings): Shared by the modules of a network.
        max_density (float): Paths with a larger share of non-zero weights stay torch's.

    Shape:
        As of the compacted network.
    """

    def __init__(self, network: CompactNetwork, settings: EngineSettings, max_density: float = 1.):
        super().__init__()
        self.network, self.settings = network, settings
        graph = network.to_graph()
        self.inputs = {node.name: list(node.inputs) for node in graph}
        self.image = next((node.name for node in graph if node.op == 'image'), None)
        self.steps: list[Step] = find_steps(graph)
        self.parts = nn.ModuleDict()
        for number, step in enumerate(self.steps):
            part = self._part(graph, step, max_density)
            if part is not None:
                self.parts[str(number)] = part
        self.nodes = {step.node: self._within(step) for step in self.steps}
        self.last_use = self._last_uses()

    @staticmethod
    def reach(network: CompactNetwork) -> int:
        """Return the reach of the largest kernel."""
        return max((m.kernel_size[0] // 2 for m in network.modules() if isinstance(m, nn.Conv2d)),
                   default=0)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        network, size = self.network, (x.shape[-2], x.shape[-1])
        with self.settings.torch_aside():
            values: dict[str, Tensor] = dict(network._static_maps(x, size))
        values[self.image] = x
        for number, step in enumerate(self.steps):
            # A ModuleDict has no get.
            key = str(number)
            part = self.parts[key] if key in self.parts else None  # noqa: SIM401
            values[step.node] = self._run(step, part, values, size)
            for name in self.last_use.get(step.node, ()):
                values.pop(name, None)
        outputs = [values[name].expand(x.shape[0], -1, -1, -1) for name in network._outputs]
        return tuple(out.flatten(1) if network._flatten else out for out in outputs)

    def _run(self, step: Step, part: nn.Module | None, values: dict[str, Tensor],
             size: tuple[int, int]) -> Tensor:
        if part is not None and not step.paths:  # its ReLU is in it
            return part(values[step.source])
        if part is None:
            with self.settings.torch_aside():
                return self._by_torch(step, values, size)
        total, gap = part(values[step.source]), self.settings.gap
        with self.settings.torch_aside():
            for name in step.terms:
                total.add_(values[name])
            half = None
            for name in step.halves:
                x = values[self.inputs[name][0]]
                if half is None and tuple(total.shape[-2:]) == (2 * x.shape[-2], 2 * x.shape[-1]):
                    half = in_planes(x.expand(len(total), -1, -1, -1), gap)
                else:
                    total.add_(upsample_to(x, total.shape[-2:]))
        return finish(total, half, step.relu, self.settings) if step.relu or step.halves else total

    def _by_torch(self, step: Step, values: dict[str, Tensor], size: tuple[int, int]) -> Tensor:
        """Return the nodes of a step one by one, as the compacted network computes them."""
        found: dict[str, Tensor] = dict(values)
        for node in self.nodes[step.node]:
            found[node.name] = self.network._compute(node, found, size)
        return found[step.node]

    def _within(self, step: Step) -> list[Node]:
        """Return all nodes of a step, in order."""
        wanted, found = {step.node}, list[Node]()
        outside = {s.node for s in self.steps} - {step.node} | {self.image}
        for node in reversed(self.network._dynamic):
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
        if step.paths:
            folded = joined_paths(graph, step)
            weights: list[Any] = [folded.expand, folded.project,
                                  *(modules[p[1]].weight for p in step.paths)]
            kept = sum(int(w.count_nonzero()) for w in weights)
            if kept > max_density * sum(w.numel() for w in weights):
                return None
            inputs, residual = folded.expand.shape[1], np.zeros((len(folded.bias),
                                                                 folded.expand.shape[1]))
            if step.identity:
                residual = residual + np.eye(inputs)
            if step.residual:
                weight, bias = fold_conv(cast(nn.Conv2d, modules[step.residual]))
                residual = residual + weight.flatten(1).numpy()
                folded.bias.add_(bias)
            return SparsePath(folded, residual, self.settings)
        conv = modules[step.conv] if step.conv else None
        if conv is not None and SparseConv.takes(conv) and conv.groups == 1:
            return SparseConv(conv, None, step.relu, self.settings)
        return None

    def _last_uses(self) -> dict[str, list[str]]:
        """Return the maps that no later step reads, by step."""
        last: dict[str, str] = {}
        for step in self.steps:
            for node in self.nodes[step.node]:
                last.update((source, step.node) for source in node.inputs)
        found: dict[str, list[str]] = {}
        for name, reader in last.items():
            if name not in self.network._outputs:
                found.setdefault(reader, []).append(name)
        return found
