"""Offers the units of MobileNetV2's inverted residuals, as OpenMMLab's toolboxes have them."""
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ...registry import UNIT_ADAPTERS
from ..incoming import check_shapes, incoming_length
from ..norms import has_scales, is_batch_norm
from ..surgery import Cut, resize, resize_norm
from ..unit_adapter import UnitAdapter
from ..unit_group import UnitGroup


@UNIT_ADAPTERS.register_module([
    'mmpretrain.models.backbones.mobilenet_v2.InvertedResidual',
    'mmpose.models.backbones.mobilenet_v2.InvertedResidual',
    'mmseg.models.utils.inverted_residual.InvertedResidual'])
class InvertedResidualAdapter(UnitAdapter):
    """Offers an inverted residual's hidden channels, by the scales of the BN after its depthwise
    conv.

    The block is a sequence ``conv`` of 1x1 expand, depthwise kxk and 1x1 project ``ConvModule``s. A
    block without expansion has no channels of its own and offers nothing; nor do blocks with other
    layers than plain convolutions and BN.

    The block has no path that can be dropped as a whole: its project conv and the BN after it need
    an input. So one unit, the most important, always stays.
    """

    def search_units(self) -> dict[str, UnitGroup]:
        if not self._fits():
            return {}
        _, depthwise, _ = self.module.conv
        kernel_sizes = [depthwise.conv.kernel_size[0]] * len(depthwise.norm.weight)
        return dict(channels=UnitGroup(
            'channel', depthwise.norm, kernel_sizes, self.keep, self.macs, minimum=1,
            cost=self.cost))

    def _fits(self) -> bool:
        layers = list(self.module.conv)
        return (len(layers) == 3
                and all(type(layer.conv) is nn.Conv2d and layer.conv.bias is None
                        and layer.norm is not None and is_batch_norm(layer.norm)
                        for layer in layers)
                and has_scales(layers[1].norm))

    def macs(self, in_hw: tuple[int, int], out_hw: tuple[int, int]) -> Tensor:
        """Return each hidden channel's multiply-adds: expansion, depthwise taps and projection."""
        width = self.module.conv[1].conv.weight.shape[0]
        return torch.full((width, ), float(self._macs_of_one(in_hw, out_hw)))

    def _macs_of_one(self, in_hw: tuple[int, int], out_hw: tuple[int, int]) -> int:
        expand, depthwise, project = (layer.conv for layer in self.module.conv)
        taps = depthwise.kernel_size[0] * depthwise.kernel_size[1]
        return int(expand.in_channels * in_hw[0] * in_hw[1]
                   + (taps + project.out_channels) * out_hw[0] * out_hw[1])

    def cost(self, counts: Mapping[int, int], in_hw: tuple[int, int],
             out_hw: tuple[int, int]) -> tuple[int, int]:
        """Return the parameters and multiply-adds of ``counts`` hidden channels."""
        expand, depthwise, project = self.module.conv
        tensors = [*expand.parameters(), *depthwise.parameters(), project.conv.weight]
        each = sum(p.numel() for p in tensors) // len(depthwise.norm.weight)
        count = sum(counts.values())
        return count * each, count * self._macs_of_one(in_hw, out_hw)

    def keep(self, index: Tensor, cut: Cut) -> None:
        """Keep the hidden channels of ``index`` (1-D, ascending, not empty)."""
        if not len(index):
            raise ValueError('an inverted residual needs at least one hidden channel')
        expand, depthwise, project = self.module.conv
        for layer in (expand, depthwise):
            cut(layer.conv, 'weight', 0, index)
            cut.norm(layer.norm, index)
        cut(project.conv, 'weight', 1, index)
        self._sync_attributes()

    def rebuild(self, state_dict: Mapping[str, Tensor], prefix: str,
                full: Mapping[str, int]) -> None:
        if not full:
            return
        own = {name: tuple(p.shape) for name, p in self.module.state_dict().items() if p.dim()}
        width = len(self.module.conv[1].norm.weight)
        found = incoming_length(state_dict, f'{prefix}conv.1.conv.weight', width)
        width = min(max(found, 1), full['channels'])
        for name, shape in own.items():
            layer = int(name.split('.')[1])
            if layer < 2:
                own[name] = (width, *shape[1:])
            elif name.endswith('conv.weight'):
                own[name] = (shape[0], width, *shape[2:])
        check_shapes(state_dict, prefix, own)
        expand, depthwise, project = self.module.conv
        for layer, at in ((expand, 0), (depthwise, 0), (project, 1)):
            sizes = list(layer.conv.weight.shape)
            sizes[at] = width
            resize(layer.conv, 'weight', sizes)
        for layer in (expand, depthwise):
            resize_norm(layer.norm, width)
        self._sync_attributes()

    def _sync_attributes(self) -> None:
        """Update the layers' own attributes, which OpenMMLab's ``ConvModule`` repeats."""
        expand, depthwise, project = self.module.conv
        width = len(depthwise.norm.weight)
        for layer in (expand, expand.conv):
            layer.out_channels = width
        for layer in (depthwise, depthwise.conv):
            layer.in_channels = layer.out_channels = layer.groups = width
        for layer in (project, project.conv):
            layer.in_channels = width
