"""Checks that the toolbox of the config's task is installed."""
import importlib
from importlib.util import find_spec

from mmengine.config import Config
from mmengine.config.utils import MODULE2PACKAGE
from mmengine.registry import MODELS

from ..errors import ConfigError, config_error
from ..settings.checks import suggestion

#: Import name to the command that installs it. mmpose declares a package that no longer builds and
#: that it never imports.
INSTALL = dict(
    mmseg='pip install mmsegmentation ftfy regex',
    mmpretrain='pip install mmpretrain',
    mmpose='pip install mmdet xtcocotools json-tricks munkres && pip install --no-deps mmpose',
    mmdet='pip install mmdet')


def check_toolbox(cfg: Config) -> None:
    """Refuse a config whose ``default_scope`` is a toolbox that cannot be imported.

    Raises:
        ConfigError: With the pip command that installs it.
    """
    scope = cfg.get('default_scope')
    if scope in INSTALL:
        try:
            importlib.import_module(scope)
        except ImportError as error:
            raise _install_error(scope, f'cannot be imported ({error})') from error
    elif isinstance(scope, str) and scope not in MODELS.children and not find_spec(scope):
        known = [*INSTALL, *MODELS.children]
        raise config_error('default_scope', scope, 'no package and no registry has this name',
                           suggestion(scope, known) or 'import its module: custom_imports')


def missing_toolbox(error: BaseException) -> ConfigError | None:
    """Return the error of a config that inherits from a toolbox; None where that is not the
    trouble.

    Args:
        error (Exception): Raised while the config was read.
    """
    names = [name for name in INSTALL if name in str(error) or MODULE2PACKAGE[name] in str(error)]
    if not isinstance(error, ImportError) or not names:
        return None
    return _install_error(names[0], f'is not installed ({error})')


def _install_error(scope: str, problem: str) -> ConfigError:
    return config_error('default_scope', scope, f'the toolbox {problem}', INSTALL[scope])
