"""How long is the run?"""

from mmengine.config import Config
from mmengine.registry import LOOPS
from mmengine.runner import IterBasedTrainLoop

from ..errors import config_error
from .resolve import resolve


def run_length(cfg: Config) -> tuple[int, str]:
    """Length of the run and its unit, ``'epochs'`` or ``'iterations'``.

    Raises:
        ConfigError: The length is no whole number of at least 1.
    """
    settings = cfg.train_cfg
    kind = resolve(LOOPS, settings.get('type'))
    iterations = not settings.get('by_epoch', True) if kind is None else issubclass(
        kind, IterBasedTrainLoop)
    name = 'max_iters' if iterations else 'max_epochs'
    steps = settings.get(name)
    if not isinstance(steps, int) or isinstance(steps, bool) or steps < 1:
        raise config_error(f'train_cfg.{name}', steps, 'must be a whole number of at least 1',
                           'give the length of the run')
    return steps, 'iterations' if iterations else 'epochs'
