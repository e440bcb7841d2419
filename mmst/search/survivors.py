"""Checks which units a file says are left."""
from collections.abc import Mapping, Sequence, Sized

from ..errors import TicketError


def check_survivors(survivors: Mapping[str, Sequence[int]], groups: Mapping[str, Sized]) -> None:
    """Refuse units of another network: a search would remove others than it names.

    Args:
        survivors (Mapping): Group of units to the numbers left.
        groups (Mapping): The network's groups of units by name.

    Raises:
        TicketError: Naming the first group of another size.
    """
    for name, group in groups.items():
        if name not in survivors or len(survivors[name]) != len(group):
            noted = f'{len(survivors[name])} units' if name in survivors else 'no units'
            raise TicketError(
                f'the file\'s list of survivors has {noted} of {name}, and its network has '
                f'{len(group)}: one of the two is of another run. Remedy: take the file from the '
                'training run again, or the checkpoint before it.')
