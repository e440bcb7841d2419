"""A training run from a whole config: what all tools that train do."""
from mmengine.config import Config
from mmengine.registry import RUNNERS
from mmengine.runner import Runner

from . import cli, preflight
from .engine.work_dir import claim


def train(cfg: Config) -> Runner:
    """Check the config, then train to the end; nothing is written before it is checked.

    Args:
        cfg (Config): Whole, with ``work_dir`` and ``launcher``.

    Raises:
        MMSTError: The first thing that is wrong.
    """
    preflight.check(cfg)
    cli.start_processes(cfg)
    claim(cfg.work_dir, cfg, bool(cfg.get('resume')))
    runner = build_runner(cfg)
    runner.train()
    cli.stop_processes()
    return runner


def build_runner(cfg: Config) -> Runner:
    """mmengine's runner, or the config's own."""
    return RUNNERS.build(cfg) if 'runner_type' in cfg else Runner.from_cfg(cfg)
