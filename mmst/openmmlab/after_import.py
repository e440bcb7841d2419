"""Lets actions on a module follow its import, now or later."""
import sys
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

Action = Callable[[ModuleType], None]


def after_import(name: str, action: Action) -> None:
    """Call ``action(module)`` as soon as a module has been imported; at once where it has been.

    Args:
        name (str): Of the module. Only one action is kept for each.
        action (Callable): Calling it twice must do no harm: a module may be loaded again.
    """
    finder = next((f for f in sys.meta_path if isinstance(f, _Finder)), None)
    if finder is None:
        finder = _Finder()
        sys.meta_path.insert(0, finder)
    finder.actions[name] = action
    module = sys.modules.get(name)
    if module is not None and not _is_being_imported(module):
        action(module)


def _is_being_imported(module: ModuleType) -> bool:
    return bool(getattr(module.__spec__, '_initializing', False))


class _Finder(MetaPathFinder):
    """Finds modules by the other finders, and lets the actions follow."""

    def __init__(self) -> None:
        self.actions: dict[str, Action] = {}

    def find_spec(self, fullname: str, path: Sequence[str] | None,
                  target: ModuleType | None = None) -> ModuleSpec | None:
        if fullname not in self.actions:
            return None
        for finder in sys.meta_path:
            if finder is not self and hasattr(finder, 'find_spec'):
                spec = finder.find_spec(fullname, path, target)
                if spec is not None:
                    if spec.loader is not None:
                        spec.loader = _Loader(spec.loader, self.actions[fullname])
                    return spec
        return None


class _Loader(Loader):
    """Wraps a module's own loader with an action after it; the module does not see this class."""

    def __init__(self, loader: Any, action: Action) -> None:
        self.loader, self.action = loader, action

    def __getattr__(self, name: str) -> Any:
        return getattr(self.loader, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self.loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        if module.__spec__ is not None:
            module.__spec__.loader = self.loader
        module.__loader__ = self.loader
        self.loader.exec_module(module)
        self.action(module)
