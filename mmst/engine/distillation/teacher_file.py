"""Builds a teacher of a checkpoint or a ticket."""
from collections.abc import Mapping
from typing import Any, cast

from torch import nn

from ...errors import MMSTError, config_error
from ...models.build import build_model
from ...randomness import isolated_random_state
from ...settings.checks import suggestion
from ...tickets.ticket import Ticket
from ..explain import Places, explaining
from ..run.config_file import read_config
from ..run.start_file import check_tested, is_ticket, read

KEY = 'DistillationHook.teacher'
_SETTINGS = ('config', 'checkpoint', 'module')


def check_teacher(given: object) -> dict[str, str] | None:
    """Return the settings of a teacher from a file; None for the run's own average.

    Raises:
        ConfigError: Naming the setting that is wrong.
    """
    if isinstance(given, str) and given == 'own':
        return None
    remedy = "use 'own', or dict(config='CONFIG.py', checkpoint='epoch_N.pth'), or " \
             "dict(checkpoint='ticket.pth')"
    if not isinstance(given, Mapping):
        raise config_error(KEY, given, 'is no teacher', remedy)
    for name, value in given.items():
        if name not in _SETTINGS:
            raise config_error(f'{KEY}.{name}', value, 'nothing reads it', suggestion(
                name, _SETTINGS) or f'use one of {", ".join(_SETTINGS)}')
        if not isinstance(value, str) or not value:
            raise config_error(f'{KEY}.{name}', value, 'must be a text', remedy)
    if 'checkpoint' not in given:
        raise config_error(f'{KEY}.checkpoint', None, 'there are no weights', remedy)
    return dict(given)


def load_teacher(settings: Mapping[str, str]) -> nn.Module:
    """Return the network of a file with its weights, in eval mode; nothing in it is executed.

    Its ``dataset_meta`` are the facts of the data that it was trained on, where the file has them.

    Args:
        settings (Mapping[str, str]): ``checkpoint``, a file, and ``config``, which a ticket does
            without.

    Raises:
        MMSTError: A file is missing or damaged, or they do not fit each other.
    """
    path = settings['checkpoint']
    content = read(path, key=f'{KEY}.checkpoint = ')
    with isolated_random_state(0):  # Building a network draws random numbers.
        if 'config' in settings:
            network = _build(settings['config'])
            check_tested(path, network, content)
            meta = content.get('meta')
        elif is_ticket(content):
            ticket = Ticket.from_content(path, content)
            network, meta = ticket.build(), ticket.meta
        else:
            raise config_error(f'{KEY}.config', None, f'{path} is no ticket, and only tickets '
                               'hold their network', 'give the config that it was trained with')
    network.requires_grad_(False)
    network.eval()
    known = meta.get('dataset_meta') if isinstance(meta, Mapping) else None
    cast(Any, network).dataset_meta = known  # where the toolboxes keep it
    return network


def _build(config: str) -> nn.Module:
    try:
        cfg = read_config(config)
        with explaining(Places(cfg), 'model'):
            return build_model(cfg.model)
    except MMSTError as error:  # its keys are those of the teacher's config
        raise type(error)(f'{KEY}.config, {config}: {error}') from error
