"""Writes, reads and checks the content of a ticket file."""
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..errors import TicketError
from ..models.hrnas.coordinate_order import TICKET_COLUMNS_FIRST
from ..openmmlab.safe_checkpoints import safe_load
from ..openmmlab.safetensors_file import SUFFIX, to_bytes
from ..settings.checks import as_whole
from .digest import digest
from .plain_data import as_plain_data

FORMAT, VERSION = 'mmst.ticket', TICKET_COLUMNS_FIRST
#: Version of files that hold a family of levels, and the key of its part.
FAMILY_VERSION, FAMILY = VERSION + 1, 'family'
#: Format of files that ``mmst.deploy.export.sparse_file`` alone reads.
SPARSE = 'mmst.sparse'
#: From that version on files have a digest.
SEALED = 2
#: From that version on the digest covers the version, too: a label cannot be changed.
_LABEL_SEALED = 3
_PARTS = ('model', 'state_dict', 'mask', 'meta')
_FIELDS = dict(format=str, version=int, model=dict, state_dict=dict, mask=dict, meta=dict)


def encode(model: Mapping[str, Any], state_dict: Mapping[str, Tensor], mask: Mapping[str, Tensor],
           meta: Mapping[str, Any], suffix: str = '',
           family: Mapping[str, Any] | None = None) -> bytes:
    """Return the bytes of a ticket file; arguments are a ticket's attributes.

    A file whose name ends in ``.safetensors`` is one of safetensors, any other one of torch.
    """
    content = dict(model=as_plain_data(model), state_dict=dict(state_dict), mask=dict(mask),
                   meta=as_plain_data(meta))
    version = VERSION
    if family is not None:
        version, content[FAMILY] = FAMILY_VERSION, family
    sealed = dict(format=FORMAT, version=version, digest=seal(version, content), **content)
    if suffix == SUFFIX:
        return to_bytes(sealed)
    buffer = io.BytesIO()
    torch.save(sealed, buffer)
    return buffer.getvalue()


def read(path: str | Path) -> Any:
    """Return the content of a file; nothing in it is executed."""
    if Path(path).is_dir():
        raise TicketError(f'{path} is a folder. Remedy: give the ticket.pth in it, or a folder of '
                          'mmst share to Ticket.from_pretrained.')
    if not Path(path).is_file():
        raise TicketError(f'{path}: no such file. Remedy: give the path of a ticket.pth.')
    return safe_load(str(path), 'cpu')


def is_damaged(path: str | Path) -> bool:
    """Return whether a file that cannot be opened is another one than was written: its bytes are
    no content, or not that of its digest.
    """
    try:
        content = read(path)
    except TicketError:
        return True
    try:
        check_format(path, content, unsealed=False)
    except TicketError:  # another kind of file, or of a later mmst
        return False
    try:
        check_digest(content)
    except Exception:  # a part of it may be anything
        return True
    return False


def seal(version: int, content: Mapping[str, Any]) -> str:
    """Return the digest of a ticket file of that version."""
    parts = {key: content[key] for key in _PARTS}
    if FAMILY in content:
        parts[FAMILY] = content[FAMILY]
    return digest(parts if version < _LABEL_SEALED else dict(version=version, **parts))


def refuse_sparse(path: str | Path, content: Any) -> None:
    """Refuse a sparse file where a run is to start from it: training needs the ticket itself.

    Raises:
        TicketError: Saying how the ticket is had.
    """
    if isinstance(content, dict) and content.get('format') == SPARSE:
        raise TicketError(f'{path} is a sparse file, and this reads tickets. Remedy: mmst export '
                          f'{path} --format pth -o ticket.pth gives the ticket.')


def check_format(path: str | Path, content: Any, unsealed: bool) -> None:
    """Refuse a file that is no ticket, or of a format that cannot be checked or is unknown."""
    refuse_sparse(path, content)
    if not isinstance(content, dict):
        raise TicketError(f'{path} is not a ticket but holds a {type(content).__name__}. Remedy: '
                          'give the ticket.pth that a training run wrote.')
    for key, kind in _FIELDS.items():
        if not isinstance(content.get(key), kind):
            raise TicketError(f'{path} is not a ticket: its field {key!r} is missing or broken. '
                              'Remedy: give the ticket.pth that a training run wrote.')
    version = content['version']
    newest = FAMILY_VERSION if FAMILY in content else VERSION
    if content['format'] != FORMAT or not 1 <= (as_whole(version) or 0) <= newest:
        raise TicketError(f'{path} has format {content["format"]!r} version {version}. Remedy: '
                          'update mmst to read it.')
    if version < SEALED and not unsealed:
        raise TicketError(
            f'{path} has format 1, without a digest: nothing tells whether it '
            'was changed since it was written. Remedy: if you trust it, rewrite it with '
            'mmst seal, or take the ticket from the training run again.')


def check_digest(content: Mapping[str, Any]) -> None:
    """Refuse parts that are not those of which the digest was made."""
    if content['version'] < SEALED:
        return
    if content.get('digest') != seal(content['version'], content):
        raise TicketError('its parts do not belong together, or one was changed. Remedy: take the '
                          'ticket from the training run again.')
