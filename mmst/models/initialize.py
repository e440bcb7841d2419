"""Initialises the supernet; global magnitude pruning depends on it."""
from math import sqrt

from mmengine.model import update_init_info
from torch import nn

from ..openmmlab.internals import notes_initialization
from ..registry import WEIGHT_INITIALIZERS
from ..settings.checks import check_number
from .hrnas.attention import Attention
from .hrnas.lightweight_transformer import LightweightTransformer
from .hrnas.mixconv import MixConv


@WEIGHT_INITIALIZERS.register_module()
class SupernetInit:
    """Initialises a module tree as the released settings do.

    Convolutions N(0, 2 / fan_out), fan_out = k^2 for depthwise ones, else k^2 * c_out (MixConv's
    joint convolutions: per kernel slice, as if the branches were apart); linears
    U(-1 / sqrt(fan_out), 1 / sqrt(fan_out)). With ``conv_std``, convolutions and the linears of
    Transformers N(0, conv_std^2). In every task the query, key and value matrices of an attention
    are Xavier uniform as one (3 * dim, dim) matrix, and the learned queries Xavier uniform. BNs 1
    and 0, biases 0.

    Args:
        conv_std (float, optional): Standard deviation for every convolution, and every linear of a
            Transformer (0.001 for pose). Defaults to None (by fan_out).
    """

    def __init__(self, conv_std: float | None = None):
        self.conv_std = conv_std if conv_std is None else check_number(
            'init_cfg.conv_std', conv_std, above=0, remedy='use 0.001 for pose, None elsewhere')

    def __call__(self, module: nn.Module) -> None:
        """Initialise ``module`` and everything below it."""
        for m in module.modules():
            self._init_one(m)
        for m in module.modules():
            if isinstance(m, LightweightTransformer) and m:
                self._init_transformer(m)
            elif isinstance(m, MixConv) and m and self.conv_std is None:
                _init_slices(m)
        if notes_initialization(module):
            update_init_info(module, init_info=f'SupernetInit(conv_std={self.conv_std})')

    def _init_one(self, m: nn.Module) -> None:
        if isinstance(m, nn.Conv2d) and m.weight.numel():
            nn.init.normal_(m.weight, std=self.conv_std or sqrt(2 / conv_fan_out(m)))
        elif isinstance(m, nn.Linear) and m.weight.numel():
            bound = 1 / sqrt(m.out_features)
            nn.init.uniform_(m.weight, -bound, bound)
        elif isinstance(m, (nn.modules.batchnorm._NormBase, nn.LayerNorm)):
            nn.init.ones_(m.weight)
        bias = getattr(m, 'bias', None)
        if bias is not None and hasattr(m, 'weight'):
            nn.init.zeros_(bias)

    def _init_transformer(self, transformer: LightweightTransformer) -> None:
        """Initialise the parts that convolutions and linears elsewhere lack: see the class."""
        nn.init.xavier_uniform_(transformer.queries)
        for m in transformer.modules():
            if isinstance(m, nn.Linear) and self.conv_std is not None:
                nn.init.normal_(m.weight, std=self.conv_std)
        for m in transformer.modules():
            if isinstance(m, Attention):
                _init_joint(m)


def conv_fan_out(conv: nn.Conv2d) -> int:
    """Return k^2 of a depthwise convolution (a group an input channel), k^2 * c_out of any other.
    """
    area = conv.kernel_size[0] * conv.kernel_size[1]
    return area if conv.groups == conv.in_channels > 1 else area * conv.out_channels


def _init_joint(m: Attention) -> None:
    """Draw the three matrices as one, Xavier uniform: its fan-out is that of all of them."""
    matrices = [m.query.weight, m.key.weight, m.value.weight]
    bound = sqrt(6 / (m.query.in_features + sum(len(weight) for weight in matrices)))
    for weight in matrices:
        nn.init.uniform_(weight, -bound, bound)


def _init_slices(m: MixConv) -> None:
    for part, width in zip(m.expand.weight.split(m.widths), m.widths, strict=True):
        if width:
            nn.init.normal_(part.data, std=sqrt(2 / width))
