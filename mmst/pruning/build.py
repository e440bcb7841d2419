"""Builds criteria and schedules as a config, or a command line, names them."""
import ast
import contextlib
import inspect
from collections.abc import Mapping
from typing import Any

import torch
from mmengine import dist
from mmengine.registry import Registry
from torch import Tensor

from ..errors import blaming, config_error, one_line
from ..registry import CRITERIA
from ..settings.kinds import build_lazy
from .large import all_finite, all_of_all_finite


def build_registered(registry: Registry, key: str, kind: Any, **defaults: Any) -> Any:
    """Build the object that ``kind`` names.

    Args:
        registry (Registry): ``CRITERIA`` or ``SCHEDULES``.
        key (str): Key of the setting, for messages.
        kind (str | type | dict | object): A registered name, a class, settings with a ``type``, or
            something that is built already (then it is given back).
        **defaults: Arguments that settings may replace; left out where the class takes no such.

    Raises:
        ConfigError: The name is unknown, or the class does not take the settings.
    """
    if not isinstance(kind, (str, Mapping, type)) and _is_built(registry, kind):
        return kind
    settings = dict(kind.items()) if isinstance(kind, Mapping) else dict(type=kind)
    settings.pop('_delete_', None)  # left over where an inherited config had no such key
    asked = build_lazy(settings.pop('type', ''))
    # Not registry.build, which warns that a toolbox's scope has no such registry.
    name = asked if isinstance(asked, str) else ''
    found = asked if callable(asked) else None
    if name and not name.startswith('.'):
        with contextlib.suppress(RuntimeError):  # raised for dotted names of nothing
            found = registry.get(name)
    if found is None:
        raise config_error(key, kind, 'unknown name', 'use one of '
                           f'{", ".join(map(repr, sorted(registry.module_dict)))}, or import the '
                           'module that registers it (custom_imports, --import)')
    known = inspect.signature(found).parameters
    free = any(p.kind is p.VAR_KEYWORD for p in known.values())
    settings = {**{k: v for k, v in defaults.items() if free or k in known}, **settings}
    try:
        inspect.signature(found).bind(**settings)
    except TypeError as error:
        raise config_error(key, kind, f'{found.__name__} cannot take these settings ({error})',
                           f'use those of {found.__name__}: {", ".join(known) or "none"}') from None
    return found(**settings)


def read_kind(key: str, text: str) -> Any:
    """Read a value of the command line: a registered name, or settings as a config has them.

    Args:
        key (str): Of the argument, for messages.
        text (str): E.g. ``random`` or ``dict(type='random', seed=3)``; braces do as well.

    Raises:
        ConfigError: It begins like settings and is none.
    """
    if not text.lstrip().startswith(('{', 'dict(')):
        return text
    try:
        found = ast.parse(text.strip(), mode='eval').body
        if isinstance(found, ast.Call):
            keys: list[ast.expr | None] = [ast.Constant(keyword.arg) for keyword in found.keywords]
            found = ast.Dict(keys, [keyword.value for keyword in found.keywords])
        return ast.literal_eval(found)
    except (SyntaxError, ValueError, TypeError) as error:
        raise config_error(key, text, f'these are no settings ({one_line(error, 80)})',
                           'write them as in a config, e.g. "dict(type=\'random\', seed=3)"'
                           ) from None


def criterion_name(criterion: Any) -> str:
    """Return the name under which a criterion is registered, else that of its class."""
    kind = type(criterion)
    return next((name for name, value in CRITERIA.module_dict.items() if value is kind),
                kind.__name__)


def needs_weights_alone(criterion: Any) -> bool:
    """Say whether a criterion's scores follow from the weights that it is given."""
    more = ('needs_gradients', 'needs_inputs', 'only_last')
    return getattr(criterion, 'weights_alone', False) and not any(
        getattr(criterion, name, False) for name in more)


def check_compared(key: str, scope: str, criterion: Any) -> None:
    """Refuse a scope in which a criterion would be magnitude by another name.

    Raises:
        ConfigError: Naming the scope.
    """
    if scope != 'global' and getattr(criterion, 'compares_layers', False):
        name = criterion_name(criterion)
        raise config_error(key, scope, f'criterion={name!r} compares layers, and within one it '
                           "orders weights as 'magnitude' does",
                           "set scope='global', or criterion='magnitude'")


def scores_of(criterion: Any, weights: Mapping[str, Tensor],
              gradients: Mapping[str, Tensor], key: str = 'criterion') -> dict[str, Tensor]:
    """Return the criterion's scores, each of its weight's shape; ``key`` is for messages.

    Raises:
        ConfigError: Naming the criterion and the weight that it did not score.
    """
    name = criterion_name(criterion)
    with blaming(key, name, 'score()', 'correct its score()'):
        scores = criterion.score(weights, gradients)
    for weight, values in weights.items():
        score = scores.get(weight) if isinstance(scores, Mapping) else None
        if not torch.is_tensor(score) or score.shape != values.shape:
            shape = tuple(score.shape) if torch.is_tensor(score) else type(score).__name__
            raise config_error(key, name, f'its score of {weight} is {shape}, and the '
                               f'weight has shape {tuple(values.shape)}',
                               'let score() return a tensor of its shape for each weight')
    found = {weight: scores[weight] for weight in weights}
    if not all_of_all_finite(list(found.values())):
        weight = next(weight for weight, values in found.items() if not all_finite(values))
        raise config_error(
            key, name, f'its scores of {weight} are not finite: training '
            'has diverged, or the criterion saw no usable batch',
            'resume from the last good checkpoint, or use another criterion')
    return found


def update_kept(criterion: Any, weights: Mapping[str, Tensor], mask: Mapping[str, Tensor],
                key: str = 'criterion') -> None:
    """Let a criterion change the weights that stay, alike on all ranks.

    One of another making need not know of that.

    Raises:
        ConfigError: It fails.
    """
    if getattr(criterion, 'needs_inputs', False):
        with blaming(key, criterion_name(criterion), 'update()', 'correct its update()'):
            criterion.update(weights, mask)
        for weight in weights.values():
            dist.broadcast(weight.detach())


def _is_built(registry: Registry, value: Any) -> bool:
    return hasattr(value, 'score' if registry is CRITERIA else 'at')
