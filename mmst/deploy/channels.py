"""Says how many channels a ticket's images have."""
from torch import nn

from ..costs.cost import image_channels as channels_seen
from ..errors import TicketError
from ..tickets import Ticket
from .export.deployed import preprocessing
from .sparse.images import image_channels


def channels_of(ticket: Ticket, network: nn.Module) -> int:
    """Return the channels of the images that a ticket's network takes.

    Raises:
        TicketError: They are normalised by another count of numbers, see :func:`check_channels`.
    """
    channels = image_channels(network) or channels_seen(network)
    check_channels(ticket, channels)
    return channels


def check_channels(ticket: Ticket, channels: int) -> None:
    """Refuse a mean or deviation that has neither a number for all channels nor one for each.

    Raises:
        TicketError: It is of other images than the network's.
    """
    settings = preprocessing(ticket)
    for key in ('mean', 'std'):
        if len(settings.get(key) or [0.]) not in (1, channels):
            raise TicketError(
                f'{ticket.source or "the ticket"}: its data_preprocessor.{key} has '
                f'{len(settings[key])} numbers, and the network takes {channels} channels. Remedy: '
                'train with one for each channel, or with one for all.')
