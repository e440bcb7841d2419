"""Checks that the sections of a config are there, of the right shape, and rightly named."""
import difflib
import re
from fnmatch import fnmatch
from typing import Any, Union, get_args, get_origin, get_type_hints

from mmengine import registry
from mmengine.config import Config
from mmengine.runner import Runner

from ..errors import config_error
from ..files import may_never_end
from .checks import check_flag, check_number, suggestion
from .kinds import kind_name
from .parts import leaves
from .resolve import other_name, resolve, toolbox_registry

#: How a type is called, and written.
_WRITTEN = {dict: ('a dict', 'dict(type=…)'), list: ('a list', '[…]'), str: ('a text', "'…'"),
            bool: ('True or False', 'True')}
#: Parts of sections that are dicts, and never plain texts or numbers.
_DICTS = re.compile(
    r'\w+_dataloader\.(dataset|sampler|batch_sampler|collate_fn|dataset\.pipeline\[\d+\])'
    r'|optim_wrapper\.(optimizer|clip_grad|paramwise_cfg)'
    r'|(param_scheduler|val_evaluator|visualizer\.vis_backends)\[\d+\]')
#: Names that mmengine looks up without a word where they are unknown.
_NAMES = {'runner_type': registry.RUNNERS, 'model_wrapper_cfg.type': registry.MODEL_WRAPPERS,
          'test_cfg.type': registry.LOOPS, 'optim_wrapper.optimizer.type': registry.OPTIMIZERS,
          'optim_wrapper.constructor': registry.OPTIM_WRAPPER_CONSTRUCTORS,
          '*_dataloader.collate_fn.type': registry.FUNCTIONS,
          '*_dataloader.worker_init_fn.type': registry.FUNCTIONS}
#: Loops that take one data set; no name stands for the usual one.
_LOOPS = ('None', 'ValLoop', 'TestLoop')
#: Keys of ``env_cfg`` that mmengine reads.
_ENVIRONMENT = ('cudnn_benchmark', 'mp_cfg', 'dist_cfg', 'resource_limit')
#: Sections that are read before others, their kinds and examples.
_FORMS = (('env_cfg', dict, 'write env_cfg=dict(cudnn_benchmark=True)'),
          ('default_scope', str, 'name a toolbox: default_scope=\'mmseg\''),
          ('rehearsal', bool, 'use True or False'))
#: Keys of ``auto_scale_lr`` that mmengine reads.
_SCALING = ('enable', 'base_batch_size')
#: Sections that no runner takes.
_OTHERS = ('custom_imports', 'rehearsal')
#: How alike a name must be to that of a section to be taken for a slip of the pen.
_ALIKE = 0.9


def check_sections(cfg: Config, *required: str) -> None:
    """Refuse sections that are missing or misspelt, or of another shape than the runner takes.

    Raises:
        ConfigError: Naming the key.
    """
    hints = get_type_hints(Runner.__init__)
    for name in {*hints, *_OTHERS} - {'cfg'} if 'runner_type' not in cfg else ():
        for other in (other for other in cfg if _is_slip(cfg, other, name)):
            raise config_error(other, cfg[other], 'nothing reads a section of this name',
                               f'did you mean {name!r}?')
    for name, kind, remedy in _FORMS:
        if not isinstance(cfg.get(name) or kind(), kind):
            raise config_error(name, cfg[name], f'must be a {kind.__name__}', remedy)
    for name in set(cfg.get('env_cfg') or ()) - set(_ENVIRONMENT):
        raise config_error(f'env_cfg.{name}', cfg.env_cfg[name], 'nothing reads it', suggestion(
            name, _ENVIRONMENT) or f'use one of {", ".join(_ENVIRONMENT)}')
    for name in required:
        if cfg.get(name) is None:
            raise config_error(name, None, 'the config has no such section',
                               'give a whole config, e.g. configs/st_hrnas_cityscapes_p90.py')
    for split in ('val', 'test'):
        parts = [f'{split}_{part}' for part in ('dataloader', 'cfg', 'evaluator')]
        given = [part for part in parts if cfg.get(part) is not None]
        for part in set(parts) - set(given) if given else ():
            raise config_error(part, None, f'{given[0]} is there',
                               f'set all of {", ".join(parts)}, or none of them')
    for name in set(hints) & set(cfg):
        loop = kind_name(cfg.get(f'{name.partition("_")[0]}_cfg') or {})
        if (name.startswith(('val_', 'test_')) and isinstance(cfg[name], list)
                and loop not in _LOOPS):
            continue  # A loop of the user's own may take several.
        if hints[name] is not str and name != 'experiment_name':  # whose numbers are taken, too
            _check_shape(name, cfg[name], hints[name])
    _check_scaling(cfg.get('auto_scale_lr') or {})
    for key, value in leaves(cfg):
        if value != value and isinstance(value, float):
            raise config_error(key, value, 'it is no number', 'give a number, or leave it out')
        if isinstance(value, str) and may_never_end(value):
            raise config_error(key, value, 'is a pipe or a device', 'give the path of a file')
        if re.fullmatch(r'.*_dataloader\..*pipeline', key) and isinstance(value, (dict, str)):
            raise config_error(key, value, 'must be a list', f'write {key}=[dict(type=…)]')
        if key == 'optim_wrapper.optimizer' and isinstance(value, dict) and 'type' not in value:
            raise config_error(f'{key}.type', None, 'it has no type', f'set it, e.g. {key}=dict('
                               "type='AdamW', lr=1e-3)")
        missing = value is None and key.endswith('dataset')
        if _DICTS.fullmatch(key) and (missing or isinstance(value, (str, int, float))):
            raise config_error(key, value, 'must be a dict', f'write {key}=dict(type=…)')


def check_registered(cfg: Config) -> None:
    """Refuse names that nothing is registered under, where mmengine would not say so.

    Raises:
        ConfigError: With the name that is most like it.
    """
    for key, name in leaves(cfg):
        tree = next((tree for pattern, tree in _NAMES.items() if fnmatch(key, pattern)), None)
        if tree is not None and isinstance(name, str) and resolve(tree, name) is None:
            with toolbox_registry(tree) as registry_:
                raise config_error(key, name, f'no {registry_.name} of this name',
                                   other_name(name, registry_))


def _check_scaling(scaling: dict[str, Any]) -> None:
    """Refuse a learning rate that is to be scaled without the batch size that it was chosen for."""
    for name in set(scaling) - set(_SCALING):
        raise config_error(f'auto_scale_lr.{name}', scaling[name], 'nothing reads it', suggestion(
            name, _SCALING) or f'use one of {", ".join(_SCALING)}')
    if check_flag('auto_scale_lr.enable', scaling.get('enable', False)):
        check_number('auto_scale_lr.base_batch_size', scaling.get('base_batch_size'), low=1,
                     whole=True, remedy='set it to the batch size that the rate was chosen for')


def _check_shape(key: str, value: Any, hint: Any) -> None:
    """Refuse values of other types than in the runner's signature; None always fits."""
    kinds = get_args(hint) if get_origin(hint) is Union else (hint, )
    inner = {get_origin(kind) or kind: get_args(kind) for kind in kinds}
    taken = tuple(inner) + ((tuple, ) if list in inner else ())
    if value is not None and not isinstance(value, taken):
        called, written = next(_WRITTEN[kind] for kind in _WRITTEN if kind in inner)
        raise config_error(key, value, f'must be {called}', f'write {key}={written}')
    for name, item in value.items() if isinstance(value, dict) and inner.get(dict) else ():
        _check_shape(f'{key}.{name}', item, inner[dict][1])
    for i, item in enumerate(value if isinstance(value, (list, tuple)) and inner[list] else ()):
        _check_shape(f'{key}[{i}]', item, inner[list][0])


def _is_slip(cfg: Config, name: str, section: str) -> bool:
    """Return whether a name is almost that of a section, and nothing else holds its value."""
    value, known = cfg[name], {*get_type_hints(Runner.__init__), *_OTHERS}
    # Two letters that have changed places make a short name less alike than a letter too few.
    alike = sorted(name) == sorted(section) or (
        difflib.SequenceMatcher(None, name, section).ratio() > _ALIKE)
    return (alike and name not in known and name[-1].isalpha()
            and isinstance(value, (dict, list, tuple, str, bool))
            and not any(item == value or (isinstance(item, str) and str(value) in item)
                        for key, item in leaves(cfg) if not re.match(rf'{name}\b', key)))
