"""Builds the MixConv path of a search block: several kernel sizes in one joint layout."""
import itertools
import operator
from collections.abc import Mapping, Sequence
from math import prod

import torch
from torch import Tensor, nn

from ...search.incoming import check_shapes, incoming_length
from ...search.surgery import Cut, resize
from ...search.unit_group import UnitGroup
from .ops import Ops


class MixConv(nn.Module):
    """Sums the projections of inverted residuals of several kernel sizes (supplement, Fig. 1).

    For each kernel size k: 1x1 expand conv-BN-ReLU, depthwise kxk conv-BN-ReLU, 1x1 project; then
    one BN over the sum. The branches are stored together: the sum of the projections is one
    projection of the concatenation. Hidden channels are ordered by kernel size, so that the widths
    per kernel size are the whole architecture. A path without hidden channels holds zero-size
    tensors only and must not be called.

    Args:
        in_channels (int): Channels of the input.
        out_channels (int): Channels of the output.
        stride (int): Stride of the depthwise convolutions. Defaults to 1.
        kernel_sizes (Sequence[int]): Odd kernel sizes. Defaults to (3, 5, 7).
        expand_ratio (int): Hidden channels per kernel size and input channel. Defaults to 4.
        momentum (float): Momentum of the BNs. Defaults to 0.01.
        eps (float): Epsilon of the BNs. Defaults to 1e-3.

    Attributes:
        ops (Ops): Computes the layers; ``FastTrainingHook`` gives a faster set.

    Shape:
        (N, in_channels, H, W) to (N, out_channels, ceil(H / stride), ceil(W / stride)).
    """

    ops = Ops()

    depthwise: Sequence[nn.Conv2d]

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1,
                 kernel_sizes: Sequence[int] = (3, 5, 7), expand_ratio: int = 4,
                 momentum: float = 0.01, eps: float = 1e-3):
        super().__init__()
        self.in_channels, self.out_channels, self.stride = in_channels, out_channels, stride
        self.full_width = full = expand_ratio * in_channels
        hidden = full * len(kernel_sizes)
        self.expand = nn.Conv2d(in_channels, hidden, 1, bias=False)
        self.expand_bn = nn.BatchNorm2d(hidden, eps, momentum)
        self.depthwise = nn.ModuleList(  # type: ignore[assignment]
            nn.Conv2d(full, full, k, stride, k // 2, groups=full, bias=False)
            for k in kernel_sizes)
        self.depthwise_bn = nn.BatchNorm2d(hidden, eps, momentum)
        self.project = nn.Conv2d(hidden, out_channels, 1, bias=False)
        self.project_bn = nn.BatchNorm2d(out_channels, eps, momentum)

    @property
    def widths(self) -> list[int]:
        """Return hidden channels per kernel size."""
        return [conv.weight.shape[0] for conv in self.depthwise]

    def __bool__(self) -> bool:
        """Return whether a hidden channel is left."""
        return bool(self.expand.weight.shape[0] > 0)  # of a tensor while torch traces

    def forward(self, x: Tensor) -> Tensor:
        wide = self.ops.pointwise(self.expand, x)
        deep = self.ops.norm_relu_depthwise(self.expand_bn, self.depthwise, wide)
        deep = self.ops.norm_relu(self.depthwise_bn, deep)
        return self.ops.norm(self.project_bn, self.ops.pointwise(self.project, deep))

    def search_units(self) -> dict[str, UnitGroup]:
        """Return the hidden channels, by the scales of the BN after the depthwise convolutions."""
        sizes = [conv.kernel_size[0] for conv in self.depthwise]
        kernel_sizes = [
            k for k, width in zip(sizes, self.widths, strict=True) for _ in range(width)
        ]
        return dict(channels=UnitGroup(
            'channel', self.depthwise_bn, kernel_sizes, self.keep, self.macs, cost=self.cost))

    def macs(self, in_hw: tuple[int, int], out_hw: tuple[int, int]) -> Tensor:
        """Return each hidden channel's multiply-adds: expansion, depthwise taps and projection."""
        return torch.cat([torch.full((width, ), float(one)) for width, one in zip(
            self.widths, self._macs_of_one(in_hw, out_hw), strict=True)])

    def _macs_of_one(self, in_hw: tuple[int, int], out_hw: tuple[int, int]) -> list[int]:
        """Return the multiply-adds of a hidden channel of each kernel size."""
        before, after = in_hw[0] * in_hw[1], out_hw[0] * out_hw[1]
        return [self.in_channels * before + (conv.kernel_size[0]**2 + self.out_channels) * after
                for conv in self.depthwise]

    def cost(self, counts: Mapping[int, int], in_hw: tuple[int, int],
             out_hw: tuple[int, int]) -> tuple[int, int]:
        """Return the parameters and multiply-adds of the path with ``counts`` hidden channels."""
        widths = [counts.get(conv.kernel_size[0], 0) for conv in self.depthwise]
        macs = sum(map(operator.mul, widths, self._macs_of_one(in_hw, out_hw)))
        return sum(prod(shape) for name, shape in self._shapes(widths).items()
                   if 'running' not in name), macs

    def keep(self, index: Tensor, cut: Cut) -> None:
        """Keep the hidden channels of ``index`` (1-D, ascending) and remove the others."""
        starts = [0, *itertools.accumulate(self.widths)]
        bounds = torch.searchsorted(index, index.new_tensor(starts)).tolist()
        index = cut.move(index, self.expand.weight.device)
        for i, conv in enumerate(self.depthwise):
            cut(conv, 'weight', 0, index[bounds[i]:bounds[i + 1]] - starts[i])
        cut(self.expand, 'weight', 0, index)
        cut.norm(self.expand_bn, index)
        cut.norm(self.depthwise_bn, index)
        cut(self.project, 'weight', 1, index)
        if not len(index):
            cut.clear(self)
        self._sync_attributes()

    def resize(self, widths: Sequence[int]) -> None:
        """Give the path room for ``widths``; the values of its tensors are undefined after it."""
        for name, shape in self._shapes(widths).items():
            owner, _, tensor = name.rpartition('.')
            resize(self.get_submodule(owner), tensor, shape)
        self._sync_attributes()

    def _shapes(self, widths: Sequence[int]) -> dict[str, tuple[int, ...]]:
        hidden = sum(widths)
        out = self.out_channels if hidden else 0
        shapes = {f'depthwise.{i}.weight': (width, 1, *conv.kernel_size)
                  for i, (conv, width) in enumerate(zip(self.depthwise, widths, strict=True))}
        shapes['expand.weight'] = (hidden, self.in_channels, 1, 1)
        shapes['project.weight'] = (out, hidden, 1, 1)
        for bn, size in (('expand_bn', hidden), ('depthwise_bn', hidden), ('project_bn', out)):
            for tensor in ('weight', 'bias', 'running_mean', 'running_var'):
                shapes[f'{bn}.{tensor}'] = (size, )
        return shapes

    def _sync_attributes(self) -> None:
        for conv in self.depthwise:
            conv.in_channels = conv.out_channels = conv.groups = conv.weight.shape[0]
        self.expand.out_channels = self.expand.weight.shape[0]
        self.project.out_channels, self.project.in_channels = self.project.weight.shape[:2]
        for bn in (self.expand_bn, self.depthwise_bn, self.project_bn):
            bn.num_features = bn.weight.shape[0]

    def _load_from_state_dict(self, state_dict, prefix, *args):
        """Take the widths from the incoming shapes; children load after this."""
        lengths = [incoming_length(state_dict, f'{prefix}depthwise.{i}.weight', width)
                   for i, width in enumerate(self.widths)]
        widths = [min(length, self.full_width) for length in lengths]
        check_shapes(state_dict, prefix, self._shapes(widths))
        self.resize(widths)
        super()._load_from_state_dict(state_dict, prefix, *args)
