"""Finds the weights that may be pruned, of which "90%" is a share."""
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from ..errors import config_error
from ..search.units import shared_owners
from ..search.walk import parameters, walk
from ..settings.patterns import covers
from .matrices import PRUNABLE, Matrix, find_matrices, matrices_of

__all__ = ['PARTS', 'PRUNABLE', 'covers', 'nonzero', 'prunable_weights', 'with_new_kinds']

#: Parts that are pruned by default, as far as a model has them.
PARTS = ('backbone', 'neck')


def prunable_weights(model: nn.Module, parts: Sequence[str] = PARTS,
                     transformers: bool = True,
                     leave_alone: Sequence[str] = (),
                     owner: str = 'Pruner') -> dict[str, nn.Parameter]:
    """Return matrices of the linear maps of a model's parts, by parameter name.

    They are the weights of convolutions and linears, the input projections of attention, the
    weights of recurrent layers. Classifiers (outside the parts), biases, norms and learned queries
    are no prunable weights. A weight that several layers share is there once, by the name that
    ``model.named_parameters()`` gives it, where all of these layers may be pruned.

    Args:
        model (nn.Module): A whole OpenMMLab model, unwrapped.
        parts (Sequence[str]): Attributes of the model. One that the model lacks is passed over.
        transformers (bool): Whether Transformer paths are pruned too, modules that say so by
            ``is_transformer_path = True``. Defaults to True.
        leave_alone (Sequence[str]): Module paths to pass over; ``*`` and ``?`` are wildcards.
        owner (str): The class whose settings these are to the user, for messages.

    Raises:
        ConfigError: If nothing is left to prune, an entry of ``leave_alone`` matches nothing, or
            the weight of a layer is computed from others, so that zeros in those would not act.
    """
    modules = list(walk(model))
    inside = () if transformers else tuple(
        f'{name}.' for name, m in modules if getattr(m, 'is_transformer_path', False))
    _check_patterns(modules, leave_alone, f'{owner}.leave_alone')

    def chosen(path: str) -> bool:
        return (path.split('.')[0] in parts and not path.startswith(inside)
                and not any(covers(pattern, path) for pattern in leave_alone))

    matrices = [matrix for matrix in matrices_of(modules) if chosen(matrix.path)]
    _check_own(matrices, leave_alone, f'{owner}.leave_alone')
    own = [(m.full_name, m.module._parameters[m.name]) for m in matrices]
    found = {name: p for name, p in own if p is not None and p.numel()}
    weights = _once(found, modules, chosen) if shared_owners(modules) else found
    if not weights:
        raise config_error(f'{owner}.parts', list(parts), 'the model has no prunable weight there',
                           'name the model\'s parts, e.g. [\'backbone\', \'neck\'], and spare '
                           'fewer layers (leave_alone)')
    return weights


def _once(found: Mapping[str, nn.Parameter], modules: Sequence[tuple[str, nn.Module]],
          chosen: Callable[[str], bool]) -> dict[str, nn.Parameter]:
    """Return weights of which layers share some: once, and where all of their layers are chosen.
    """
    names = {id(p): name for name, p in parameters(modules).items()}
    left_out = {id(p) for path, module in modules if not chosen(path)
                for p in module.parameters(recurse=False)}
    return {names[id(p)]: p for p in found.values() if id(p) not in left_out}


def with_new_kinds(kept: Mapping[str, Tensor], weights: Mapping[str, nn.Parameter],
                   model: nn.Module) -> dict[str, Tensor]:
    """Return a mask of a version that pruned convolutions and linears alone, with the other
    ``weights``.

    Args:
        kept (Mapping[str, Tensor]): Of a checkpoint: parameter name to bool, True where kept.
        weights (Mapping[str, nn.Parameter]): The prunable weights now.
        model (nn.Module): Whose weights these are.
    """
    former = {m.full_name for m in find_matrices(model) if isinstance(m.module, PRUNABLE)}
    new = {name: torch.ones_like(weight, dtype=torch.bool) for name, weight in weights.items()
           if name not in kept and name not in former}
    return {**kept, **new} if isinstance(kept, Mapping) else kept


def _check_patterns(modules: Sequence[tuple[str, nn.Module]], leave_alone: Sequence[str],
                    key: str) -> None:
    for pattern in leave_alone:
        if not any(covers(pattern, name) for name, _ in modules):
            raise config_error(key, pattern, 'no layer has this name',
                               'take names from model.named_modules(), e.g. \'backbone.stem*\'')


def _check_own(matrices: list[Matrix], leave_alone: Sequence[str], key: str) -> None:
    computed = [matrix for matrix in matrices if not matrix.is_own]
    if computed:
        more = f' (and {len(computed) - 1} more)' if len(computed) > 1 else ''
        raise config_error(
            key, list(leave_alone),
            f'{computed[0].full_name}{more} is computed from other parameters at each pass '
            '(weight_norm, spectral_norm, torch\'s pruning or another parametrisation), and zeros '
            'in those are none in it',
            'remove that (e.g. torch.nn.utils.remove_weight_norm or parametrize.'
            'remove_parametrizations), or name the layers, e.g. '
            f'leave_alone=[{computed[0].path!r}]')


def nonzero(network: nn.Module) -> dict[str, Tensor]:
    """Return masks of the weights of convolutions and linears that are not 0, by parameter name."""
    return {f'{name}.weight': m.weight.detach() != 0 for name, m in network.named_modules()
            if isinstance(m, PRUNABLE) and m.weight.numel()}
