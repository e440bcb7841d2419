"""Checks that the file that a run starts from, or that is tested, can be loaded as a whole."""
import os
import os.path as osp
import re
from collections.abc import Mapping
from typing import Any

from mmengine.config import Config
from torch import nn

from ...errors import TicketError
from ...models.hrnas.coordinate_order import convert
from ...openmmlab.internals import is_on_server
from ...openmmlab.safe_checkpoints import safe_load
from ...search.graph.described import attach_described
from ...tickets import Ticket
from ...tickets.checkpoint_content import check_digests
from ...tickets.content import FORMAT, refuse_sparse
from . import work_dir
from .resume import find_checkpoint
from .training_state import check_state

#: Entries that a resumed run reads besides the weights.
TRAINING_STATE = ('meta', 'message_hub', 'optimizer')


def check_start(cfg: Config) -> dict[str, Any] | None:
    """Refuse ``load_from`` or ``resume`` of a file that is damaged, or no such file.

    First of all, refuse a work directory that holds checkpoints of another config.

    Returns:
        dict, optional: The file's content; None where there is no file, or it is on a server.

    Raises:
        TicketError: Naming the file.
        TrainingError: The work directory belongs to another config.
    """
    if cfg.get('work_dir'):
        work_dir.check(cfg.work_dir, cfg)
    path = start_file(cfg)
    if path is None or is_on_server(path):
        return None
    content = read(path, key='load_from = ')
    if cfg.get('resume'):
        _check_training_state(path, content)
    return content


def check_fits_start(cfg: Config, content: dict[str, Any], model: nn.Module) -> None:
    """Load the file that a run starts from into its model; refuse one of another architecture.

    A resumed file must hold the whole model. A file that a new run starts from (``load_from``) may
    lack whole parts of the model, say the head, but not the backbone.

    Args:
        cfg (Config): The whole config.
        content (dict): From :func:`check_start`.
        model (nn.Module): Built from ``cfg.model``.

    Raises:
        TicketError: Naming the file and the misfit.
    """
    check_fits(str(start_file(cfg)), convert(content), model, whole=bool(cfg.get('resume')))


def check_tested(path: str, model: nn.Module,
                 content: dict[str, Any] | None = None) -> tuple[dict[str, Any], Ticket | None]:
    """Refuse a file that cannot be evaluated with a model; see :func:`check_start`.

    Returns:
        tuple[dict, Ticket | None]: The file's content, and the ticket if it is one.
    """
    content = read(path) if content is None else content
    ticket = Ticket.from_content(path, content) if is_ticket(content) else None
    content = convert(content)
    check_fits(path, content, model, whole=True)
    return content, ticket


def read(path: str, content: Any = None, key: str = '') -> dict[str, Any]:
    """Return the content of a checkpoint or ticket; a bare state dict is put under ``state_dict``.

    Args:
        path (str): The file.
        content: The result of ``safe_load``; the file is read by default.
        key (str): Begins the message where there is no such file.

    Raises:
        TicketError: There is no such file, it is damaged, or holds something else.
    """
    path = osp.expanduser(path)
    if not osp.isfile(path):
        problem = 'is a folder' if osp.isdir(path) else 'no such file'
        raise TicketError(f'{key}{path}: {problem}. Remedy: give the path of a ticket or a '
                          'checkpoint.')
    if not os.access(path, os.R_OK):
        raise TicketError(f'{path} may not be read. Remedy: change its permissions.')
    content = safe_load(path, map_location='cpu') if content is None else content
    refuse_sparse(path, content)
    check_digests(path, content)
    state = content.get('state_dict', content) if isinstance(content, dict) else None
    named = isinstance(state, Mapping) and all(isinstance(name, str) for name in state)
    if state is None or not named or not any(hasattr(value, 'shape') for value in state.values()):
        raise TicketError(f'{path} is no ticket and no checkpoint: it holds no weights. Remedy: '
                          'give a file that a training run wrote.')
    return content if 'state_dict' in content else dict(state_dict=content)


def is_ticket(content: Mapping[str, Any]) -> bool:
    """Return whether the content of a file is a ticket's."""
    return content.get('format') == FORMAT


def check_fits(path: str, content: Mapping[str, Any], model: nn.Module, whole: bool) -> None:
    """Load the weights into ``model`` and refuse misfits that mmengine would only log.

    Args:
        path (str): For the message.
        content (Mapping): The result of :func:`read`.
        model (nn.Module): It takes on the searched shapes and the weights.
        whole (bool): Whether the file must hold every part of the model.

    Raises:
        TicketError: Naming the first weight that does not fit.
    """
    attach_described(model, content)
    state = {re.sub(r'^module\.', '', name): value for name, value in content['state_dict'].items()}
    parts = {name.partition('.')[0] for name in state}
    own = {name.partition('.')[0] for name in model.state_dict()}
    required = own if whole else own & (parts | {'backbone'})
    try:
        missing, unexpected = model.load_state_dict(state, strict=False)
    except TicketError as error:
        raise TicketError(f'{path} is of another architecture: {error}') from None
    except (RuntimeError, AttributeError, TypeError) as error:
        raise _other(path, _first_mismatch(str(error))) from None
    missing = [name for name in missing if name.partition('.')[0] in required
               and not name.endswith('num_batches_tracked')]
    unexpected = [name for name in unexpected if name.partition('.')[0] in own]
    for names, problem in ((missing, 'is missing'), (unexpected, 'is not in the config\'s model')):
        if names:
            raise _other(path, f'{names[0]} {problem} ({len(names)} such entries)')


def start_file(cfg: Config) -> str | None:
    """Return the first file that the run loads: the one named, or that it goes on from."""
    if cfg.get('load_from') is None and cfg.get('resume') and osp.isdir(cfg.get('work_dir') or ''):
        return find_checkpoint(cfg.work_dir)
    return cfg.get('load_from')


def _check_training_state(path: str, content: Mapping[str, Any]) -> None:
    absent = [key for key in TRAINING_STATE if key not in content]
    if absent:
        kind = 'a ticket' if is_ticket(content) else 'weights only'
        raise TicketError(f'{path} holds {kind}, no {absent[0]} to resume a run from. Remedy: '
                          'resume from a checkpoint (epoch_N.pth); to start a new run from these '
                          'weights use --cfg-options load_from=PATH.')
    try:
        check_state(content)
    except TicketError as error:
        raise TicketError(f'{path}: {error}') from None


def _first_mismatch(message: str) -> str:
    shape = r'torch\.Size\(\[(.*?)\]\)'
    found = re.search(f'size mismatch for (\\S+): .*?{shape}.*?{shape}', message, re.DOTALL)
    if found:
        return '{} has shape ({}), and the config\'s model has ({})'.format(*found.groups())
    return ' '.join(message.split())[:200]


def _other(path: str, problem: str) -> TicketError:
    return TicketError(f'{path} is of another architecture: {problem}. Remedy: use it with the '
                       'config that it was made with, or a file that fits this config.')
