"""Holds the tickets that are compared."""
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from ...deploy.open import open_ticket
from ...errors import TicketError, config_error
from ...tickets import Ticket
from .view import View


@dataclass(frozen=True)
class Column:
    """Holds a ticket's network, in eval mode, and the text above its column."""
    label: str
    network: nn.Module


def open_columns(view: View, paths: Sequence[str], labels: Sequence[str] | None = None,
                 device: str = 'cpu') -> list[Column]:
    """Open tickets (compact ones and sparse files too) and check that they belong to the config.

    Args:
        view (View): Of the config.
        paths (Sequence[str]): One file a column.
        labels (Sequence[str], optional): One a file. By default its name, or its folder's where it
            is called ticket, and its sparsity.
        device (str): Where the networks run.

    Raises:
        ConfigError: Another number of labels than of tickets, or no such device.
        TicketError: A file that is no ticket, or one of another task.
    """
    if labels is not None and len(labels) != len(paths):
        raise config_error('--labels', list(labels), f'there are {len(paths)} tickets',
                           'give one label a ticket')
    tickets = [open_ticket(path) for path in paths]
    for path, ticket in zip(paths, tickets, strict=True):
        check_task(path, ticket, view.cfg)
    labels = labels or [
        default_label(path, ticket) for path, ticket in zip(paths, tickets, strict=True)
    ]
    return [Column(label, _place(view.prepare(ticket), device))
            for label, ticket in zip(labels, tickets, strict=True)]


def _place(network: nn.Module, device: str) -> nn.Module:
    try:
        return network.to(device)
    except (RuntimeError, AssertionError) as error:
        raise config_error('--device', device, f'cannot be used ({str(error).splitlines()[0]})',
                           'give cpu, or a device that torch lists') from None


def default_label(path: str, ticket: Ticket) -> str:
    """Return ``st_hrnas_coco_p90, 90%`` for ``work_dirs/st_hrnas_coco_p90/ticket.pth``.

    ``step 45, 30%`` for a prune's ``tickets/45.pth``.
    """
    file = Path(path)
    name = file.resolve().parent.name if file.stem == 'ticket' else file.stem
    if file.stem.isdigit():
        name = f'step {file.stem}'
    return f'{name}, {ticket.meta.get("sparsity", ticket.sparsity):.0%}'


def check_task(path: str, ticket: Ticket, cfg: Mapping) -> None:
    """Refuse a ticket of another toolbox, or of other classes, than the config's.

    Raises:
        TicketError: Naming both.
    """
    own, wanted = ticket.meta.get('default_scope'), cfg.get('default_scope')
    if own != wanted:
        raise TicketError(f'{path} is a ticket of {own}, and the config is of {wanted}. Remedy: '
                          'give the config of its run, or tickets of one task.')
    own, wanted = outputs(ticket.model), outputs(cfg['model'])
    if own != wanted:
        raise TicketError(f'{path} has {own} classes, and the config\'s model {wanted}. '
                          'Remedy: give the config of its run, or tickets of one data set.')


def outputs(model: Mapping) -> int | None:
    """Return classes or key points of a model's config."""
    head = model.get('decode_head') or model.get('head') or {}
    return head.get('num_classes', head.get('out_channels'))
