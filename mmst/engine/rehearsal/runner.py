"""Runs mmengine's runner for a rehearsal: alone, silent, and away from all servers."""
import dis
import importlib
import inspect
from typing import TYPE_CHECKING, Any

from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.registry import RUNNERS, VISBACKENDS
from mmengine.runner import Runner
from mmengine.utils.dl_utils import set_multi_processing
from mmengine.visualization import LocalVisBackend, TensorboardVisBackend
from torch import nn

from ...openmmlab.internals import beginning, set_alone, visualizer_backends
from ...settings.changes import change, with_metrics_in
from ...settings.resolve import resolve

if TYPE_CHECKING:  # stands before it in a class of the two
    from mmengine.runner import Runner as _Runner
else:
    _Runner = object


def build(cfg: Config, network: nn.Module, folder: str) -> Runner:
    """Build the config's runner, or mmengine's, in a folder of its own.

    Models that a server initialises keep their weights as they are; metrics that write files
    (``output_dir``, ``outfile_prefix``, …) do so in the folder.

    Args:
        cfg (Config): The whole config; it is not changed.
        network (nn.Module): Built from ``cfg.model``.
        folder (str): For all files of the run.
    """
    cfg = change(with_metrics_in(cfg, folder), work_dir=folder, launcher='none', load_from=None,
                 resume=False, experiment_name='rehearsal', model_wrapper_cfg=None)
    _forget_servers(network)
    kind: Any = resolve(RUNNERS, cfg.get('runner_type'))
    usual = inspect.isclass(kind) and issubclass(kind, Runner)
    made: Any = type('RehearsalRunner', (_Alone, kind if usual else Runner), dict(network=network))
    return made.from_cfg(cfg)


def _forget_servers(network: nn.Module) -> None:
    """Let no part of the network fetch weights from a server when it is initialised."""
    for part in network.modules():
        for name in ('init_cfg', 'pretrained'):
            value = vars(part).get(name)
            path = value.get('checkpoint') if isinstance(value, dict) else value
            if isinstance(path, str) and '://' in path:
                setattr(part, name, None)


class _Alone(_Runner):
    """Runs a network that is there, without processes, log files and visualization on servers."""
    network: nn.Module

    def setup_env(self, env_cfg: dict) -> None:
        set_multi_processing(**env_cfg.get('mp_cfg', {}))
        set_alone(self, 'rehearsal')

    def build_logger(self, log_level='INFO', *args, **kwargs) -> MMLogger:
        return MMLogger.get_instance(self.experiment_name, log_level=log_level)

    def _log_env(self, env_cfg: dict) -> None:
        pass

    def build_model(self, model: Any) -> nn.Module:
        # A runner of the user's own may do more than build the config's model.
        usual = super().build_model.__func__ is Runner.build_model
        return super().build_model(self.network if usual else model)

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
