"""Names the parts of a config: 'model.backbone.channels[0]'."""
from collections.abc import Iterator
from typing import Any

from mmengine.config import Config


def join(key: str, name: str) -> str:
    """Return key of a part's setting."""
    return f'{key}.{name}'.strip('.').replace('.[', '[')


def leaves(value: Any, key: str = '') -> Iterator[tuple[str, Any]]:
    """Return key and value of everything in a config, from the outside inwards."""
    yield key, value
    if isinstance(value, (dict, Config)):
        for name, item in value.items():
            yield from leaves(item, join(key, str(name)))
    elif isinstance(value, (list, tuple)):
        for i, item in enumerate(value):
            yield from leaves(item, f'{key}[{i}]')
