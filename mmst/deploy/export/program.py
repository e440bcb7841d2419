"""Exports a ticket as a program of torch.export."""
import io
from pathlib import Path

import torch
from torch import Tensor

from ... import files
from ...costs.cost import image_channels
from ...errors import TicketError
from .deployed import Deployed
from .onnx_file import largest_error, plain_words, silent, try_out


def export_program(network: Deployed, path: str | Path) -> None:
    """Write a ``.pt2`` file: ``torch.export.load(path).module()(images)``; the batch is dynamic.

    Raises:
        TicketError: The network cannot be traced at this size.
    """
    image = torch.zeros(2, image_channels(network), *network.input_shape)
    try_out(network, image)
    try:
        with silent(), torch.no_grad():
            program = torch.export.export(network, (image, ), dynamic_shapes=dict(
                image={0: torch.export.Dim('batch')}))
            buffer = io.BytesIO()
            torch.export.save(program, buffer)
    except Exception as error:  # the exporter raises all kinds
        raise TicketError(f'the network cannot be traced at {network.input_shape}: '
                          f'{plain_words(error)}. Remedy: export a ticket of this '
                          'project.') from error
    files.write_bytes(path, buffer.getvalue())


@torch.no_grad()
def check_program(path: str | Path, network: Deployed, images: Tensor) -> float:
    """Run the file for batches of all images and of one; see ``check_onnx``."""
    with silent():
        program = torch.export.load(str(path)).module()
    return largest_error(path, network, images, lambda x: (
        [y] if isinstance(y := program(x), Tensor) else list(y)))
