"""Are the sections of a config there, called as the runner calls them, and of the right shape?"""
import difflib
import inspect
import re
from collections.abc import Iterator
from typing import Any

from mmengine.config import Config
from mmengine.runner import Runner

from ....errors import config_error
from ..places import leaves

#: Keys of objects that are built from a dict, and never from a plain text or number.
_DICTS = re.compile(
    r'(model|randomness|env_cfg|log_processor|visualizer|auto_scale_lr|(train|val)_cfg'
    r'|(train|val)_dataloader(\.(dataset|sampler|batch_sampler|collate_fn))?'
    r'|(train|val)_dataloader\.dataset\.pipeline\[\d+\]'
    r'|optim_wrapper(\.(optimizer|clip_grad|paramwise_cfg))?|default_hooks(\.\w+)?|val_evaluator'
    r'|(custom_hooks|param_scheduler|val_evaluator|visualizer\.vis_backends)(\[\d+\])'
    r'|param_scheduler)')
_LISTS = re.compile(r'custom_hooks|(train|val)_dataloader\.dataset\.pipeline')
#: How alike a name must be to that of a section to be taken for a slip of the pen.
_ALIKE = 0.9


def check_sections(cfg: Config, *required: str) -> None:
    """Refuse sections that are missing, misspelt, or no dict or list where one is needed.

    Raises:
        ConfigError: Naming the key.
    """
    for name in required:
        if cfg.get(name) is None:
            slip = next((f'call it {name}, not {other}' for other in _slips(cfg, name)), None)
            raise config_error(name, None, 'the config has no such section', slip or
                               'give a whole config, e.g. configs/st_hrnas_cityscapes_p90.py')
    for split in ('train', 'val'):
        loader = cfg.get(f'{split}_dataloader')
        if isinstance(loader, dict) and loader.get('dataset') is None:
            raise config_error(f'{split}_dataloader.dataset', None, 'there are no data',
                               'give a data set, dict(type=…, data_root=…)')
    if cfg.get('resume') not in (None, True, False):
        raise config_error('resume', cfg.resume, 'must be True or False',
                           'give the checkpoint itself as load_from')
    if not isinstance(cfg.get('load_from'), (str, type(None))):
        raise config_error('load_from', cfg.load_from, 'must be a path', 'give a path, or None')
    for key, value in leaves(cfg):
        if _DICTS.fullmatch(key) and isinstance(value, (str, bool, int, float)):
            raise config_error(key, value, 'must be a dict', f'write {key}=dict(…)')
        if _LISTS.fullmatch(key) and isinstance(value, (dict, str)):
            raise config_error(key, value, 'must be a list', f'write {key}=[…]')
    if 'runner_type' not in cfg:
        for name in set(inspect.signature(Runner.__init__).parameters) - {'self', 'cfg'}:
            for other in _slips(cfg, name):
                raise config_error(other, cfg[other], 'nothing reads a section of this name',
                                   f'did you mean {name!r}?')


def _slips(cfg: Config, section: str) -> Iterator[str]:
    """Names almost like that of a section, for settings that nothing else in the config holds."""
    known = inspect.signature(Runner.__init__).parameters
    for name, value in cfg.items():
        if (name not in known and isinstance(value, (dict, list, tuple)) and name[-1].isalpha()
                and difflib.SequenceMatcher(None, name, section).ratio() > _ALIKE
                and not _is_used(cfg, name, value)):
            yield name


def _is_used(cfg: Config, name: str, value: Any) -> bool:
    """Whether the value of a variable stands in another part of the config, too."""
    return any(item == value for key, item in leaves(cfg)
               if isinstance(item, type(value)) and not re.match(rf'{name}\b', key))
