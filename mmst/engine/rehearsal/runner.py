"""Runs mmengine's runner for a rehearsal: alone, silent, and away from all servers."""
import ast
import copy
import importlib
import inspect
import os.path as osp
import textwrap
from typing import Any

from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.registry import RUNNERS, VISBACKENDS
from mmengine.runner import Runner
from mmengine.utils.dl_utils import set_multi_processing
from mmengine.visualization import LocalVisBackend, TensorboardVisBackend

from ...errors import config_error
from ...settings.resolve import resolve
from .explain import check_name, suggestion

#: What mmengine reads of ``env_cfg``.
_ENVIRONMENT = ('cudnn_benchmark', 'mp_cfg', 'dist_cfg', 'resource_limit')


def build(cfg: Config, folder: str) -> Runner:
    """Build the config's runner, or mmengine's, in a folder of its own.

    Models that a file or a server initialises keep their weights as they are.
    """
    cfg = copy.deepcopy(cfg)
    cfg.update(work_dir=folder, launcher='none', load_from=None, resume=False,
               experiment_name='rehearsal', model_wrapper_cfg=None)
    _stay_local(cfg.model)
    _redirect(cfg.get('val_evaluator'), folder)
    check_name(RUNNERS, 'runner_type', cfg.get('runner_type'))
    kind = resolve(RUNNERS, cfg.get('runner_type'))
    usual = inspect.isclass(kind) and issubclass(kind, Runner)
    return type('RehearsalRunner', (_Alone, kind if usual else Runner), {}).from_cfg(cfg)


def _stay_local(part: Any) -> None:
    """Leave out weights that lie on a server."""
    for item in part.values() if isinstance(part, dict) else part:
        if isinstance(item, (dict, list, tuple)):
            _stay_local(item)
    if isinstance(part, dict):
        for key in ('init_cfg', 'pretrained'):
            source = part.get(key)
            path = source.get('checkpoint') if isinstance(source, dict) else source
            if isinstance(path, str) and '://' in path:
                part[key] = None


def _redirect(evaluator: Any, folder: str) -> None:
    """Let metrics that write files (``output_dir``, ``outfile_prefix``, …) do so in ``folder``."""
    for metric in evaluator if isinstance(evaluator, (list, tuple)) else [evaluator]:
        for key, value in list(metric.items()) if isinstance(metric, dict) else ():
            if key == 'metrics':
                _redirect(value, folder)
            elif key.startswith('out') and isinstance(value, str):
                metric[key] = osp.join(folder, osp.basename(value))


class _Alone:
    """Runs without processes, log files and visualization on servers."""

    def setup_env(self, env_cfg: dict) -> None:
        for name in env_cfg:
            if name not in _ENVIRONMENT:
                raise config_error(f'env_cfg.{name}', env_cfg[name], 'nothing reads it', suggestion(
                    name, _ENVIRONMENT) or f'use one of {", ".join(_ENVIRONMENT)}')
        set_multi_processing(**env_cfg.get('mp_cfg', {}))
        self._rank, self._world_size, self._timestamp = 0, 1, 'rehearsal'

    def build_logger(self, log_level='INFO', *args, **kwargs) -> MMLogger:
        return MMLogger.get_instance(self._experiment_name, log_level=log_level)

    def _log_env(self, env_cfg: dict) -> None:
        pass

    def dump_config(self) -> None:
        pass

    def build_visualizer(self, visualizer: Any = None):
        if not isinstance(visualizer, dict):
            return super().build_visualizer(visualizer)
        backends = visualizer.get('vis_backends') or []
        listed = backends if isinstance(backends, (list, tuple)) else [backends]
        local = [backend for backend in listed if not look_up(backend)]
        built = super().build_visualizer(dict(visualizer, vis_backends=local))
        for backend in built._vis_backends.values():
            backend.experiment  # noqa: B018
        built.add_config = lambda config: None  # Formatting a config takes longer than a step.
        return built


def look_up(backend: Any) -> bool:
    """Return whether a backend contacts a server; import its packages and check its arguments
    then.
    """
    kind = resolve(VISBACKENDS, backend.get('type')) if isinstance(backend, dict) else None
    if not inspect.isclass(kind) or issubclass(kind, (LocalVisBackend, TensorboardVisBackend)):
        return False
    settings = {key: value for key, value in backend.items()
                if key not in ('type', '_scope_', 'name')}
    inspect.signature(kind).bind(**dict(settings, save_dir=''))
    for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(kind._init_env)))):
        if isinstance(node, ast.Import):
            for name in node.names:
                importlib.import_module(name.name)
        elif isinstance(node, ast.ImportFrom):
            importlib.import_module(node.module)
    return True
