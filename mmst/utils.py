"""Offers functions that mmengine expects of each package, e.g. in ``mmengine.hub.get_model``."""
import importlib

_MODULES = ('mmst.models', 'mmst.engine', 'mmst.search.adapters', 'mmst.pruning.criteria',
            'mmst.pruning.schedules', 'mmst.deploy.compact')


def register_all_modules(init_default_scope: bool = True) -> None:
    """Register the classes that configs may name.

    Args:
        init_default_scope (bool): As in the toolboxes; has no effect. Configs of this project keep
            the scope of the toolbox of their task.
    """
    for name in _MODULES:
        importlib.import_module(name)
