"""Reads the length of a run from its config."""
from mmengine.config import Config
from mmengine.registry import LOOPS
from mmengine.runner import IterBasedTrainLoop

from .checks import check_number
from .resolve import resolve

#: Steps of a run: a longer one is a slip of the pen.
MOST = 10**9


def run_length(cfg: Config) -> tuple[int, str]:
    """Return the length of the run and its unit, ``'epochs'`` or ``'iterations'``.

    Raises:
        ConfigError: The length is no whole number of at least 1.
    """
    settings = cfg.train_cfg
    kind = resolve(LOOPS, settings.get('type'))
    iterations = not settings.get('by_epoch', True) if kind is None else issubclass(
        kind, IterBasedTrainLoop)
    name = 'max_iters' if iterations else 'max_epochs'
    steps = check_number(f'train_cfg.{name}', settings.get(name), low=1, high=MOST, whole=True,
                         remedy='give the length of the run')
    return steps, 'iterations' if iterations else 'epochs'
