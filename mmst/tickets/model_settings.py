"""Stores a model's config as a ticket holds it."""
from collections.abc import Iterable, Mapping
from typing import Any

from torch import nn

from .plain_data import plain_model


def model_settings(model: nn.Module, cfg: Mapping[str, Any]) -> dict[str, Any]:
    """Return the model's config as plain data, with the widths that its search blocks have now.

    Args:
        model (nn.Module): A whole OpenMMLab model, unwrapped.
        cfg (Mapping): The config that it was built from.

    Raises:
        ConfigError: The config holds something that a ticket cannot.
    """
    settings: dict[str, Any] = plain_model(cfg)
    for part in ('backbone', 'neck'):
        described, module = settings.get(part), getattr(model, part, None)
        if isinstance(described, dict):
            _set_widths(described, module)
        elif isinstance(described, (list, tuple)) and isinstance(module, Iterable):
            for settings_of_one, one in zip(described, module, strict=False):
                _set_widths(settings_of_one, one)
    return settings


def _set_widths(settings: Any, module: Any) -> None:
    # Other networks made of search blocks take their widths from the weights alone.
    if hasattr(module, 'get_widths') and isinstance(settings, dict):
        settings['widths'] = module.get_widths()
