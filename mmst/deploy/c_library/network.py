"""Writes a ticket's network for the C library."""
import math
from typing import Any

from torch import nn

from ...errors import TicketError
from ...settings.checks import as_number
from ...tickets import Ticket
from ..channels import check_channels
from ..export.deployed import preprocessing
from ..export.images import swaps_colours
from ..sparse import SparseModel
from ..sparse.library import functions
from ..sparse.steps import SEGMENTATION, list_steps
from ..sparse.steps.program import Program

#: Classes that labels of eight bits tell from one another.
MOST_LABELS = 256


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
    check_channels(ticket, steps.channels)
    # The toolboxes load images so.
    blue_first = steps.channels == 3 and not swaps_colours(settings)
    blob = steps.blob(model.settings.gap, settings.get('mean') or [0.],
                      settings.get('std') or [1.],
                      blue_first, **_label_rules(steps.kind, model.model))
    kept = sum(int(t.count_nonzero()) for t in ticket.state_dict.values() if t.is_floating_point())
    found = dict(kind=steps.kind, channels=steps.channels, outputs=steps.outputs, kept=kept,
                 labels=steps.kind == SEGMENTATION and steps.outputs <= MOST_LABELS)
    return blob.file(steps.program.version), found, model.model, steps.program.layers


def _label_rules(kind: int, network: Any) -> dict[str, Any]:
    """Return how the toolbox makes labels of scores, for ``StepList.blob``."""
    if kind != SEGMENTATION:
        return {}
    head = getattr(network, 'decode_head', None)
    rules: dict[str, Any] = dict(aligned=bool(getattr(head, 'align_corners', False)))
    if getattr(head, 'out_channels', None) == 1:
        rules.update(threshold=score_of(getattr(head, 'threshold', None)))
    return rules


def score_of(share: Any) -> float:
    """Return the score whose sigmoid is a share.

    Raises:
        TicketError: It is no number.
    """
    number = as_number(share)
    if number is None:
        raise TicketError(f'its decode_head.threshold is {share!r:.60}, which no sigmoid can be '
                          'compared with. Remedy: train with a number, e.g. 0.3.')
    if not 0 < number < 1:
        return math.copysign(1e30, number - 0.5)
    return math.log(number / (1 - number))
