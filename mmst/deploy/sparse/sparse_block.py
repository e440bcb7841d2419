"""Runs a search block by the kernel."""
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ...models.hrnas.search_block import SearchBlock
from .block_plan import BlockPlan
from .constants import split_constant
from .engine_settings import EngineSettings
from .fold import FoldedMixConv, fold_conv, fold_mixconv
from .kernel_module import KernelModule
from .library import Coarse, Transformer, functions
from .planes import as_map, check_channels, in_planes, new_map, pointer
from .recent import recent
from .transformer_plan import TransformerPlan


class SparseSearchBlock(KernelModule):
    """Fuses a finished block: sparse expansion, live depthwise taps, sparse projection.

    Hidden channels are made a chunk at a time and never stored whole; constant ones are not
    computed at all. Inference only: it holds no parameters.

    Args:
        block (SearchBlock): In eval mode, pruned weights 0.
        settings (EngineSettings): Shared by the blocks of a network.

    Shape:
        As of the search block.
    """

    def __init__(self, block: SearchBlock, settings: EngineSettings):
        super().__init__()
        self.settings = settings
        folded = fold_mixconv(block.mixconv)
        self.live, self.constant = split_constant(folded)
        self.out_channels = len(folded.bias)
        self.stride = folded.stride
        channels = block.mixconv.in_channels
        self.residual = (np.eye(channels) if isinstance(block.residual, nn.Identity)
                         else fold_conv(block.residual)[0].flatten(1).numpy())
        self.passes = isinstance(block.residual, nn.Identity) and not len(self.live.expand)
        self.overwrites = False
        self.transformer: Any = None
        self.sampled: Any = []
        if block.transformer:
            plan = TransformerPlan(block.transformer)
            self.transformer, self.sampled = plan.structure, plan.channels
            self.constant.bias.add_(torch.from_numpy(plan.constant))

    def forward(self, x: Tensor, out: Tensor | None = None,
                coarser: Sequence[Coarse] = (), sampled: Tensor | None = None) -> Tensor:
        """Run the block; with ``out``, a map in planes, the result is added to it.

        ``coarser`` are maps whose share in hidden channels and outputs is added (stride 1 only).
        ``sampled`` (N, channels, 8, 8) is the Transformer's input, where ``x`` lacks some of it.
        """
        gap, threads = self.settings.gap, self.settings.threads
        check_channels(x, self.residual.shape[1])
        x = in_planes(x, gap)
        plan = self.plan((x.shape[-2], x.shape[-1]))
        if self.overwrites:
            out = x
        add = out is not None
        if out is None:
            out = new_map(x.shape[0], self.out_channels, plan.out_layout)
        functions().search_block(
            plan.block, pointer(self.transformer) if self.transformer else None, as_map(x),
            as_map(out), plan.channels.ctypes.data, len(plan.channels),
            (Coarse * len(coarser))(*coarser), len(coarser),
            None if sampled is None else sampled.data_ptr(), add, threads)
        return out

    def plan(self, size: tuple[int, int]) -> BlockPlan:
        """Return the plan for inputs of a size; the last few are kept."""
        key = size, self.settings.gap, self.settings.threads
        return recent(self._plans, key, lambda: BlockPlan(
            self.live, self.constant, self.residual, *key), self.settings.sizes_kept)

    def overwrite(self) -> None:
        """Write over the input from now on, if the block does no more than add to it.

        To be called where nobody else reads the input afterwards.
        """
        if self.passes:
            self.residual, self.overwrites = np.zeros_like(self.residual), True
            self._plans.clear()

    def split_off(self, first: int) -> tuple[Tensor, np.ndarray]:
        """Stop reading input channels from ``first`` on; returns their weights.

        Returns:
            Tuple[Tensor, ndarray]: Their columns of the expansion and of the residual.
        """
        expand, residual = self.live.expand[:, first:], self.residual[:, first:]
        self.live = replace(self.live, expand=self.live.expand[:, :first])
        self.residual = self.residual[:, :first]
        return expand, residual


class SparsePath(SparseSearchBlock):
    """Runs a folded MixConv path, a residual and a Transformer without a search block, e.g. of a
    compacted network.

    Args:
        folded (FoldedMixConv): The path.
        residual (ndarray): (out_channels, in_channels).
        settings (EngineSettings): Shared by the modules of a network.
        transformer (Transformer, optional): With its input's channels.
    """

    def __init__(self, folded: FoldedMixConv, residual: np.ndarray, settings: EngineSettings,
                 transformer: Transformer | None = None):
        KernelModule.__init__(self)
        self.settings, self.residual = settings, residual
        self.live, self.constant = split_constant(folded)
        self.out_channels, self.stride = len(folded.bias), folded.stride
        self.passes = self.overwrites = False
        self.transformer: Any = transformer
        self.sampled: Any = transformer.values['channels'] if transformer else []
