"""Says which tickets a run under a fixed mask starts from."""
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from ...errors import config_error
from ...pruning.mask import Mask
from ...tickets.carry import choose_parts, open_neck
from ...tickets.starting_point import starting_point
from ...tickets.ticket import Ticket


@dataclass(frozen=True)
class TicketSource:
    """Names files, weights and parts, as ``FixedMaskHook`` is given them.

    Attributes:
        ticket (str, optional): A ticket file.
        start (str): Weights to start from: ``'ticket'``, or others under its mask.
        seed (int): Of a random mask or newly drawn weights.
        parts (Sequence[str], optional): Parts to carry over; None: all.
        neck_ticket (str, optional): Another ticket, whose neck is taken.
    """
    ticket: str | None
    start: str
    seed: int
    parts: Sequence[str] | None
    neck_ticket: str | None

    def read(self) -> dict[str, Ticket]:
        """Return parts of the model to the tickets that they come from.

        Raises:
            ConfigError: There is no ticket.
            TicketError: A file is missing, damaged, or the files do not fit each other.
        """
        if self.ticket is None:
            raise config_error('FixedMaskHook.ticket', None, 'there is nothing to train',
                               'give a ticket, or go on from a checkpoint (load_from with '
                               'resume=True)')
        ticket = starting_point(self.ticket, self.start, self.seed)
        neck = open_neck(self.neck_ticket) if self.neck_ticket else None
        return choose_parts(ticket, self.parts, neck)

    def origin(self, part: str) -> str:
        """Return in words where a part comes from."""
        if part == 'neck' and self.neck_ticket:
            return self.neck_ticket
        return str(self.ticket) + ('' if self.start == 'ticket' else f' ({self.start})')

    def differs_from(self, mask: Mask) -> str | None:
        """Return a warning of a checkpoint's mask that is not the ticket's, e.g. of the middle of
        its own run; None where it is.
        """
        if self.ticket is None or self.start != 'ticket':
            return None
        recorded = Ticket.load(self.ticket).mask
        names = [name for name in mask if name in recorded
                 and not (self.neck_ticket and name.startswith('neck.'))]
        if all(torch.equal(mask[name].cpu(), recorded[name]) for name in names):
            return None
        return (f'FixedMaskHook.ticket = {self.ticket!r}: the run goes on with the mask of its '
                f'checkpoint, of {mask.sparsity:.2%} sparsity; that of the ticket is another, '
                f'of {recorded.sparsity:.2%}. To train the ticket itself, start again '
                '(resume=False) or from the last checkpoint of its run.')
