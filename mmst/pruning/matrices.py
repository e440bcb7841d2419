"""Finds the matrices of linear maps in modules."""
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from torch import nn

from ..search.walk import walk

PRUNABLE = (nn.modules.conv._ConvNd, nn.Linear)
#: Beginnings of the names of the matrices, by class.
_OTHERS = {
    nn.MultiheadAttention: ('in_proj_weight', 'q_proj_weight', 'k_proj_weight', 'v_proj_weight'),
    nn.RNNBase: ('weight_', ), nn.RNNCellBase: ('weight_', ), nn.Bilinear: ('weight', )}
#: The same for classes of packages that need not be installed.
_BY_PATH = {
    'mmcv.ops.deform_conv.DeformConv2d': ('weight', ),
    'mmcv.ops.modulated_deform_conv.ModulatedDeformConv2d': ('weight', ),
    'torchvision.ops.deform_conv.DeformConv2d': ('weight', ),
    'mmdet.models.backbones.trident_resnet.TridentConv': ('weight', ),
    'mmpretrain.models.multimodal.clip.clip_transformer.CLIPProjection': ('proj', )}


class Matrix(NamedTuple):
    """Describes a matrix of a linear map.

    Attributes:
        path (str): Path of the module that owns it.
        module (nn.Module): The module.
        name (str): Name of the matrix in the module.
    """
    path: str
    module: nn.Module
    name: str

    @property
    def full_name(self) -> str:
        """Return the name of the parameter in the whole network."""
        return f'{self.path}.{self.name}' if self.path else self.name

    @property
    def is_own(self) -> bool:
        """Return whether it is a parameter itself, not computed from others at each pass."""
        return self.module._parameters.get(self.name) is not None


def find_matrices(model: nn.Module) -> Iterator[Matrix]:
    """Return matrices of linear maps in all modules that are known to have any, in the network's
    order.

    Not so lookup tables (embeddings), learned queries, positions, norms and scales.
    """
    return matrices_of(walk(model))


def matrices_of(modules: Iterable[tuple[str, nn.Module]]) -> Iterator[Matrix]:
    """Do :func:`find_matrices` of modules with their paths."""
    for path, module in modules:
        if not module._parameters and 'parametrizations' not in module._modules:
            continue  # most modules
        for name in matrix_names(module):
            yield Matrix(path, module, name)


def matrix_names(module: nn.Module) -> list[str]:
    """Return the names of a module's own matrices, with those computed from other parameters."""
    if isinstance(module, PRUNABLE):
        return ['weight']
    if not any(p is not None and p.dim() > 1 for p in module._parameters.values()) \
            and 'parametrizations' not in module._modules:
        return []
    starts = next((names for kind, names in _OTHERS.items() if isinstance(module, kind)), None)
    if starts is None:
        paths = [f'{kind.__module__}.{kind.__qualname__}' for kind in type(module).__mro__]
        starts = next((_BY_PATH[path] for path in paths if path in _BY_PATH), ())
    return [name for name in _parameter_names(module) if name.startswith(starts)] if starts else []


def _parameter_names(module: nn.Module) -> list[str]:
    own = [name for name, p in module._parameters.items() if p is not None]
    # weight_norm of one name stands in the place of it: weight_g and weight_v, or a list.
    for name in list(own):
        if name.endswith('_v') and f'{name[:-2]}_g' in own:
            own = [n for n in own if n[:-2] != name[:-2]] + [name[:-2]]
        elif name.endswith('_orig'):
            own = [n for n in own if n != name] + [name[:-5]]
    return own + list(getattr(module, 'parametrizations', ()))
