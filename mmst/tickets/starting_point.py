"""Finds the start of a ticket's retraining."""
from ..randomness import isolated_random_state
from .reinitialize import prune_at_random, reinitialize
from .rewind import load_point, rewind
from .ticket import Ticket


def starting_point(path: str, start: str = 'ticket', seed: int = 0) -> Ticket:
    """Return the ticket of ``path`` with the mask and the weights that training is to start from.

    Args:
        path (str): A ticket file.
        start (str): ``'ticket'``: its own weights; ``'random_pruning'``: a random mask of its
            sparsity; ``'reinitialize'``: newly drawn weights; or the path of a rewind point.
        seed (int): Of random mask or weights.

    Raises:
        TicketError: One of the files is missing or damaged, or they are not of one run.
    """
    ticket = Ticket.load(path)
    if start == 'ticket':
        return ticket
    with isolated_random_state(seed):  # Building a network draws random numbers.
        if start == 'random_pruning':
            return prune_at_random(ticket, seed)
        if start == 'reinitialize':
            return reinitialize(ticket, seed)
        return rewind(ticket, load_point(start))
