"""Checks that a config describes the network in training: a ticket of it opens again."""
from collections.abc import Mapping
from typing import Any

from mmengine.registry import DefaultScope
from torch import nn

from ..errors import TicketError, config_error
from ..pruning.mask import Mask
from ..randomness import isolated_random_state
from ..search.graph.described import describe_channels
from .model_settings import model_settings
from .names import dotted_name, is_kind
from .ticket import Ticket


def model_config(cfg: Mapping[str, Any], given: Mapping[str, Any] | None = None
                 ) -> dict[str, Any]:
    """Return the model's settings as a runner builds it: with the config's ``data_preprocessor``.

    Args:
        cfg (Mapping): The whole config, as far as there is one.
        given (Mapping, optional): Taken in the place of its ``model``.

    Raises:
        ConfigError: There is neither.
    """
    found = cfg.get('model') if given is None else given
    if not isinstance(found, Mapping):
        raise config_error(
            'TicketHook.model', None, 'no config describes the runner\'s model, and a ticket must '
            'hold one', 'give TicketHook(model=dict(type=...)), or build the runner with '
            'cfg=dict(model=dict(type=...), ...)')
    model, preprocessor = dict(found.items()), cfg.get('data_preprocessor')
    if preprocessor is not None:
        model.setdefault('data_preprocessor', preprocessor)
    return model


def default_scope() -> str:
    """Return the toolbox in which names without a scope are looked up now."""
    current = DefaultScope.get_current_instance()
    return current.scope_name if current is not None else 'mmengine'


def check_described(model: nn.Module, cfg: Mapping[str, Any]) -> None:
    """Refuse a config of which the network of a ticket could not be built again.

    The network is built once more as a tool will do it, from plain data and by registered names.

    Args:
        model (nn.Module): A whole OpenMMLab model, unwrapped.
        cfg (Mapping): The config for a ticket of it.

    Raises:
        ConfigError: Naming the part that cannot be built, or does not fit.
    """
    settings = model_settings(model, cfg)
    ticket = Ticket(settings, model.state_dict(), Mask({}),
                    dict(default_scope=default_scope(), **describe_channels(model)))
    try:
        with isolated_random_state(0):
            twin = ticket.build()
    except TicketError as error:
        raise config_error(
            'model', settings.get('type'), 'no ticket of it could be opened: '
            + str(error).partition(' Remedy:')[0].rstrip('.'),
            'let the config describe the network that is trained, its classes by their registered '
            'names (type=...)') from error
    changed = _became_a_word(model, twin)
    if changed is not None:
        raise config_error(
            f'model ({changed[0]})', dotted_name(changed[1]),
            'of classes and functions a ticket holds the names, and the network takes this one as '
            'it is', 'give it as a word that the network looks up, or as dict(type=...)')


def _became_a_word(model: nn.Module, twin: nn.Module) -> tuple[str, Any] | None:
    """Return the first attribute that is a class or function, and its name in the twin; with its
    path.
    """
    others = dict(twin.named_modules())
    for path, module in model.named_modules():
        found = vars(others[path]) if path in others else {}
        for name, value in vars(module).items():
            changed = _words_for(value, found.get(name))
            if changed:
                return f'{path}.{name}'.lstrip('.'), changed[0]
    return None


def _words_for(value: Any, twin: Any) -> list[Any]:
    """Return classes and functions in ``value`` that are names in ``twin``; those of a ``type`` may
    be.
    """
    if is_kind(value):
        return [value] if isinstance(twin, str) else []
    pairs: list[tuple[Any, Any]] = []
    if isinstance(value, (list, tuple)) and isinstance(twin, (list, tuple)):
        pairs = list(zip(value, twin, strict=False))
    elif isinstance(value, dict) and isinstance(twin, dict):
        pairs = [(value[key], twin[key]) for key in value if key != 'type' and key in twin]
    return [kind for pair in pairs for kind in _words_for(*pair)]
