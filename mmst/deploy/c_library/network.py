"""Writes a ticket's network for the C library."""
from typing import Any

from torch import nn

from ...errors import TicketError
from ...tickets import Ticket
from ..export.deployed import preprocessing
from ..sparse import SparseModel
from ..sparse.library import functions
from ..sparse.steps import SEGMENTATION, list_steps
from ..sparse.steps.program import Program

__all__ = ['SEGMENTATION', 'encode']


def encode(ticket: Ticket, int8: bool = False) -> tuple[bytes, dict[str, Any]]:
    """Return the weights' file of a ticket, and its sizes.

    Args:
        ticket (Ticket): To be written.
        int8 (bool): Whether its weights are stored with eight bits each.

    Raises:
        TicketError: The C library cannot run its network.
    """
    data, found, _, _ = encode_with_layers(ticket, int8)
    return data, found


def encode_with_layers(ticket: Ticket, int8: bool = False) -> tuple[
        bytes, dict[str, Any], nn.Module, list[Any]]:
    """Return what :func:`encode` does; the network, and the layer of it that each step computes."""
    functions()  # there is a compiler, or one error says so
    model = SparseModel.from_ticket(ticket)
    steps = list_steps(model.model, model.channels, Program(int8))
    settings = preprocessing(ticket)
    for key in ('mean', 'std'):
        if len(settings.get(key) or [0.]) not in (1, steps.channels):
            raise TicketError(f'its data_preprocessor.{key} has {len(settings[key])} numbers, and '
                              f'the network takes {steps.channels} channels. Remedy: train with '
                              'one for each channel, or with one for all.')
    blob = steps.blob(model.settings.gap, settings.get('mean') or [0.],
                      settings.get('std') or [1.], _wants_bgr(ticket, steps.channels))
    kept = sum(int(t.count_nonzero()) for t in ticket.state_dict.values() if t.is_floating_point())
    found = dict(kind=steps.kind, channels=steps.channels, outputs=steps.outputs, kept=kept)
    return blob.file(steps.program.version), found, model.model, steps.program.layers


def _wants_bgr(ticket: Ticket, channels: int) -> bool:
    """Return whether the network reads blue first: the toolboxes load images so."""
    settings = ticket.model.get('data_preprocessor') or {}
    turned = ('bgr_to_rgb', 'to_rgb', 'rgb_to_bgr')
    return channels == 3 and bool(settings) and not any(settings.get(key) for key in turned)
