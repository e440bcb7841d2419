"""Runs mmengine's runner for a rehearsal: alone, silent, and away from all servers."""
import copy
import dis
import importlib
import inspect
import os.path as osp
from typing import TYPE_CHECKING, Any

from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.registry import RUNNERS, VISBACKENDS
from mmengine.runner import Runner
from mmengine.utils.dl_utils import set_multi_processing
from mmengine.visualization import LocalVisBackend, TensorboardVisBackend

from ...openmmlab.internals import beginning, set_alone, visualizer_backends
from ...settings.parts import leaves
from ...settings.resolve import resolve

if TYPE_CHECKING:  # stands before it in a class of the two
    from mmengine.runner import Runner as _Runner
else:
    _Runner = object


def build(cfg: Config, folder: str) -> Runner:
    """Build the config's runner, or mmengine's, in a folder of its own.

    Models that a server initialises keep their weights as they are; metrics that write files
    (``output_dir``, ``outfile_prefix``, …) do so in the folder.
    """
    cfg = copy.deepcopy(cfg)
    cfg.update(work_dir=folder, launcher='none', load_from=None, resume=False,
               experiment_name='rehearsal', model_wrapper_cfg=None)
    _stay_apart(cfg, folder)
    kind: Any = resolve(RUNNERS, cfg.get('runner_type'))
    usual = inspect.isclass(kind) and issubclass(kind, Runner)
    made: Any = type('RehearsalRunner', (_Alone, kind if usual else Runner), {})
    return made.from_cfg(cfg)


def _stay_apart(cfg: Config, folder: str) -> None:
    """Leave out weights that lie on a server; let metrics write into ``folder``."""
    parts = [(key, part) for key, part in leaves(cfg) if isinstance(part, dict)]
    for key, part in parts:
        for name, value in list(part.items()):
            path = value.get('checkpoint') if isinstance(value, dict) else value
            if not isinstance(path, str):
                continue
            if key.startswith('model') and name in ('init_cfg', 'pretrained') and '://' in path:
                part[name] = None
            elif key.startswith('val_evaluator') and name.startswith('out'):
                part[name] = osp.join(folder, osp.basename(path))


class _Alone(_Runner):
    """Runs without processes, log files and visualization on servers."""

    def setup_env(self, env_cfg: dict) -> None:
        set_multi_processing(**env_cfg.get('mp_cfg', {}))
        set_alone(self, 'rehearsal')

    def build_logger(self, log_level='INFO', *args, **kwargs) -> MMLogger:
        return MMLogger.get_instance(self.experiment_name, log_level=log_level)

    def _log_env(self, env_cfg: dict) -> None:
        pass

    def dump_config(self) -> None:
        pass

    def build_visualizer(self, visualizer: Any = None):
        if not isinstance(visualizer, dict):
            return super().build_visualizer(visualizer)
        backends = visualizer.get('vis_backends') or []
        listed = backends if isinstance(backends, (list, tuple)) else [backends]
        local = [settings for settings in listed if not self._on_server(settings)]
        built = super().build_visualizer(dict(visualizer, vis_backends=local))
        for backend in visualizer_backends(built):
            backend.experiment  # noqa: B018
        built.add_config = lambda config: None  # Formatting a config takes longer than a step.
        return built

    def _on_server(self, settings: Any) -> bool:
        """Return whether a backend will contact a server; such a one is built, but not begun."""
        if not isinstance(settings, dict):
            return False
        settings = {key: value for key, value in settings.items() if key != 'name'}
        backend = VISBACKENDS.build(settings, default_args=dict(save_dir=self.work_dir))
        if isinstance(backend, (LocalVisBackend, TensorboardVisBackend)):
            return False
        for step in dis.get_instructions(beginning(type(backend))):
            if step.opname == 'IMPORT_NAME':
                importlib.import_module(step.argval)
        return True
