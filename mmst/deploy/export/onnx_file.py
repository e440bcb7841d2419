"""Exports a ticket as one ONNX file."""
import contextlib
import io
import json
import logging
import re
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ... import files
from ...costs.cost import image_channels
from ...errors import TicketError, config_error
from ...optional import need
from .deployed import Deployed

#: Operator sets that the exporter writes.
OPSETS = range(18, 24)
TOLERANCE = 1e-4


def export_onnx(network: Deployed, path: str | Path, opset: int = 18,
                metadata: dict[str, Any] | None = None) -> None:
    """Write an ONNX file with weights inside; the batch is dynamic, height and width are fixed.

    Args:
        network (Deployed): The network to export.
        path (str | Path): The file.
        opset (int): Version of the operator set. Defaults to 18.
        metadata (dict, optional): Plain data; each entry becomes a property of the model, as JSON.

    Raises:
        ConfigError: A package is missing, or the opset cannot be written.
        TicketError: The network cannot be expressed in ONNX at this size.
    """
    for module in ('onnx', 'onnxscript'):
        need(module, 'an ONNX file', 'onnx onnxscript')
    if opset not in OPSETS:
        raise config_error('--opset', opset, 'cannot be written',
                           f'use one of {OPSETS.start} to {OPSETS.stop - 1}')
    image = torch.zeros(2, image_channels(network), *network.input_shape)
    try_out(network, image)
    try:
        with silent():
            program = torch.onnx.export(
                network, (image, ), dynamo=True, opset_version=opset, verbose=False,
                input_names=['image'], output_names=['output'],
                dynamic_shapes=dict(image={0: torch.export.Dim('batch')}))
            model = program.model_proto
    except Exception as error:  # the exporter raises all kinds
        raise TicketError(f'the network cannot be exported to ONNX at {network.input_shape}: '
                          f'{plain_words(error)}. Remedy: export a ticket of this project, or use '
                          '--format torch.') from error
    for key, value in (metadata or {}).items():
        entry = model.metadata_props.add()
        entry.key, entry.value = key, json.dumps(value)
    files.write_bytes(path, model.SerializeToString())


def check_onnx(path: str | Path, network: Deployed, images: Tensor) -> float:
    """Run the file with onnxruntime, for batches of all images and of one.

    Returns:
        float: Largest difference to PyTorch, relative to the largest output.

    Raises:
        ConfigError: onnxruntime is missing.
        TicketError: They differ by more than rounding.
    """
    runtime = need('onnxruntime', 'checking an ONNX file')
    session = runtime.InferenceSession(str(path), providers=['CPUExecutionProvider'])
    with torch.no_grad():
        expected = network(images)
    pairs = [(images, expected), (images[:1], expected[:1])]
    found = max(float((torch.from_numpy(session.run(None, {'image': x.numpy()})[0]) - y)
                      .abs().max()) for x, y in pairs)
    return accept(found / max(float(expected.abs().max()), 1e-30), path)


def try_out(network: Deployed, image: Tensor) -> None:
    """Run the network once: its own errors are clearer than a tracer's.

    Raises:
        TicketError: It has no output that could be exported, or cannot take the image.
    """
    try:
        with torch.no_grad():
            network(image[:1])
    except TicketError:
        raise
    except (RuntimeError, ValueError, TypeError, IndexError, AttributeError) as error:
        raise TicketError(f'the network cannot run on an image of {tuple(image.shape[1:])}: '
                          f'{plain_words(error)}. Remedy: give --shape HEIGHT WIDTH that it can '
                          'take.') from error


def plain_words(error: Exception) -> str:
    """Return the beginning of an error's message, without line breaks and colours."""
    return re.sub(r'\x1b\[[0-9;]*m', '', ' '.join(str(error).split()))[:200]


def accept(difference: float, path: str | Path) -> float:
    """Refuse a file whose outputs differ by more than rounding."""
    if not difference <= TOLERANCE:
        raise TicketError(f'{path} differs from PyTorch by {difference:.1e} of the largest output. '
                          'Remedy: do not use the file; try another opset.')
    return difference


@contextlib.contextmanager
def silent():
    """Silence the exporter, which prints a line for every pass that it makes."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()), \
                contextlib.redirect_stderr(io.StringIO()):
            warnings.simplefilter('ignore')
            yield
    finally:
        logging.disable(level)
