"""Builds the exported network, which maps an image to the head's outputs."""
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ...errors import TicketError
from ...models.hrnas.ops import Ops, use_ops
from ...settings.checks import as_number
from ...tickets import Ticket
from ..compact import CompactNetwork, compact, is_compact
from .outputs import named_outputs


class Deployed(nn.Module):
    """Runs a ticket's network for images of one size: normalised pixels in, the head's outputs out.

    Logits for segmentation (at a quarter of the size) and classification, heat maps for key points,
    scores and boxes of each level for detectors.
    Maps that do not depend on the image become constants.

    Args:
        ticket (Ticket): Compacted or not.
        input_shape (Sequence[int]): Height and width of the images.
    """

    def __init__(self, ticket: Ticket, input_shape: Sequence[int]):
        super().__init__()
        self.model = ticket.build()
        height, width = input_shape
        self.input_shape: tuple[int, int] = (height, width)
        backbone = getattr(self.model, 'backbone', None)
        if isinstance(backbone, CompactNetwork):
            backbone.freeze(self.input_shape)
        use_ops(self, ExportOps())
        for parameter in self.parameters():
            parameter.requires_grad_(False)
        self.eval()

    def forward(self, image: Tensor) -> Tensor | tuple[Tensor, ...]:
        """Return the head's outputs.

        Args:
            image (Tensor): (N, channels, height, width), normalised as in training.

        Returns:
            Tensor | Tuple[Tensor, ...]: The output; several as :meth:`outputs_by_name` orders them.
        """
        outputs = tuple(self.outputs_by_name(image).values())
        return outputs[0] if len(outputs) == 1 else outputs

    def outputs_by_name(self, image: Tensor) -> dict[str, Tensor]:
        """Return all outputs for an image, by name.

        Raises:
            TicketError: There are none.
        """
        found = named_outputs(self.model, self.model(image, None))
        if not found:
            raise TicketError('the network has no output that is a tensor of floating-point '
                              'numbers. Remedy: export networks whose heads have one.')
        return found


class ExportOps(Ops):
    """Computes attention as two products and a softmax: exporters do not know the fused form."""

    def attend(self, query: Tensor, key: Tensor, value: Tensor, dropout: float = 0.,
               scale: float | None = None, training: bool = False) -> Tensor:
        scale = query.shape[-1]**-0.5 if scale is None else scale
        scores = torch.matmul(query, key.transpose(-1, -2)) * scale
        return torch.matmul(scores.softmax(-1), value)


def smallest(ticket: Ticket) -> Ticket:
    """Return the ticket compacted; as it is where its network cannot be."""
    if is_compact(ticket):
        return ticket
    try:
        return compact(ticket)
    except TicketError:
        return ticket


def preprocessing(ticket: Ticket) -> dict[str, Any]:
    """Return mean, deviation and order of colours that make an image the network's input.

    Raises:
        TicketError: The ticket's own are no such numbers.
    """
    settings: Any = ticket.model.get('data_preprocessor') or {}
    if not isinstance(settings, dict):
        raise _unsound(ticket, 'data_preprocessor', settings)
    for key in ('mean', 'std'):
        numbers = settings.get(key)
        if numbers is not None and not _are_numbers(numbers, positive=key == 'std'):
            raise _unsound(ticket, f'data_preprocessor.{key}', numbers)
    keys = ('mean', 'std', 'bgr_to_rgb', 'rgb_to_bgr', 'to_rgb')
    return {key: settings[key] for key in keys if key in settings}


def _are_numbers(values: Any, positive: bool) -> bool:
    """Return whether there is one number for all channels, or one for each of several."""
    if not isinstance(values, (list, tuple)) or not values:
        return False
    numbers = list(map(as_number, values))
    return all(number is not None and (number > 0 or not positive) for number in numbers)


def _unsound(ticket: Ticket, key: str, value: Any) -> TicketError:
    return TicketError(f'{ticket.source or "the ticket"}: its {key} is {value!r:.60}, which '
                       'normalises no image. Remedy: take the ticket from the training run again.')
