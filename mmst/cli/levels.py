"""Takes the level of a family that the command line asks for."""
from ..errors import config_error
from ..tickets import Ticket
from ..tickets.family import is_same_level


def ticket_at(ticket: Ticket, path: str, level: float | None) -> Ticket:
    """Return the ticket of ``--level``, of a family that of its loosest level where it is not
    given; the printed lines say which.

    Args:
        ticket (Ticket): A family, or a ticket of one level.
        path (str): Its file.
        level (float, optional): The sparsity by which a level is named.

    Raises:
        ConfigError: There is no such level.
    """
    if ticket.family is None:
        if level is None:
            return ticket
        raise config_error('--level', level, 'the ticket has one level', 'omit it, or give '
                           'the family.pth of a run with PruneHook(family=...)')
    known = ticket.family.levels
    if level is None:
        print(f'{path} has the levels {", ".join(f"{share:g}" for share in known)}: '
              f'{known[0]:g} is written; --level gives another')
        return ticket.at(known[0])
    if not any(is_same_level(share, level) for share in known):  # nan is none of them
        raise config_error('--level', level, 'there is no such level',
                           f'use one of {", ".join(f"{share:g}" for share in known)}')
    found = ticket.at(level)
    if abs(found.sparsity - level) > 0.005:
        print(f'the level {level:g} prunes {found.sparsity:.1%} of the weights that the last '
              'search has left')
    return found


def name_level(ticket: Ticket, path: str) -> None:
    """Say which level of a family is looked at; nothing of other tickets."""
    if ticket.family is not None:
        known = ticket.family.levels
        print(f'{path} has the levels {", ".join(f"{share:g}" for share in known)}: '
              f'{known[0]:g} is looked at; mmst export --level writes another')


def named_by_level(stem: str, level: float | None) -> str:
    """Return the path, without an ending, of what is made of a ticket, or of one of its levels."""
    return stem if level is None else f'{stem}_{level:.9g}'  # apart by more than that
