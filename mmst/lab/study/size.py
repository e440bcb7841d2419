"""Says at which size a study is run: which configs, lengths and data."""
import fnmatch
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...errors import config_error
from .spec import check_known, read_settings


@dataclass(frozen=True)
class Size:
    """Holds the configs of the data sets, and their differences from the study's settings.

    Attributes:
        name (str): Of the size; results of different sizes lie apart.
        configs (Mapping[str, Path]): Data set to its config. Runs of others are left out.
        options (Mapping): Pattern of run names to changes of their configs.
        arguments (Mapping): Pattern of run names to arguments of their tools.
        generate (Mapping): Data set to arguments of ``mmst.lab.scenes.generate``.
    """
    name: str
    configs: Mapping[str, Path]
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    arguments: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    generate: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def options_of(self, run: str) -> dict[str, Any]:
        """Return the changes to the config of a run; later patterns win."""
        return _matching(self.options, run)

    def arguments_of(self, run: str) -> dict[str, Any]:
        """Return arguments of a run's tool; later patterns win."""
        return _matching(self.arguments, run)


def load_size(path: Path) -> Size:
    """Read a size file.

    Raises:
        ConfigError: It cannot be read, or names a config that is not there.
    """
    content = read_settings(path, '--size', 'give full, demo or the path of a size file')
    check_known('size', content, ('configs', ), ('options', 'arguments', 'generate'))
    configs = {}
    for data, name in content['configs'].items():
        configs[data] = (path.parent / name).resolve()
        if not configs[data].is_file():
            raise config_error(f'configs.{data}', name, f'no such config next to {path.name}',
                               'give its path as seen from the size file')
    return Size(path.stem, configs, content.get('options') or {}, content.get('arguments') or {},
                content.get('generate') or {})


def _matching(patterns: Mapping[str, Mapping[str, Any]], run: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for pattern, values in patterns.items():
        if fnmatch.fnmatchcase(run, pattern):
            found.update(values)
    return found
