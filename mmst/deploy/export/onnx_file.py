"""Exports a ticket as one ONNX file."""
import contextlib
import io
import json
import logging
import re
import warnings
from collections.abc import Callable, Sequence
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

    A single output is named ``output``, several as :func:`.outputs.named_outputs` says.

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
    names = try_out(network, image)
    try:
        with silent():
            program = torch.onnx.export(
                network, (image, ), dynamo=True, opset_version=opset, verbose=False,
                input_names=['image'], output_names=names,
                dynamic_shapes=dict(image={0: torch.export.Dim('batch')}))
            assert program is not None, 'there is one with dynamo=True'
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
    try:
        return compare(path, network, images, lambda x: [
            torch.from_numpy(y) for y in session.run(None, {'image': x.numpy()})])
    except TicketError:
        raise
    except Exception as error:  # onnxruntime has kinds of its own
        raise TicketError(f'{path} does not run on batches of other sizes than two: '
                          f'{plain_words(error)}. Remedy: let the network take its sizes from '
                          'shapes of tensors (x.shape[0] rather than len(x)).') from error


@torch.no_grad()
def compare(path: str | Path, network: Deployed, images: Tensor,
            run: Callable[[Tensor], Sequence[Tensor]]) -> float:
    """Return the largest difference of any output of a file, relative to the largest of PyTorch's.

    Args:
        path (str | Path): The file.
        network (Deployed): What it should compute.
        images (Tensor): Compared are the batch of all of them, and one alone.
        run (Callable): Returns the file's outputs for images.

    Raises:
        TicketError: They differ by more than rounding, or in number.
    """
    outputs = network(images)
    expected = [outputs] if isinstance(outputs, Tensor) else list(outputs)
    found = 0.
    for batch in (images, images[:1]):
        results = run(batch)
        if len(results) != len(expected):
            raise TicketError(f'{path} has {len(results)} outputs, not {len(expected)}. Remedy: '
                              'do not use the file.')
        for one, other in zip(results, expected, strict=True):
            difference = float((one - other[:len(one)]).abs().max())
            found = max(found, difference / max(float(other.abs().max()), 1e-30), key=_or_nan)
    return accept(found, path)


def _or_nan(value: float) -> float:
    """Let NaN be the largest of all."""
    return value if value == value else float('inf')


def try_out(network: Deployed, image: Tensor) -> list[str]:
    """Run the network once, as its own errors are clearer than a tracer's, and return the names of
    its outputs.

    Raises:
        TicketError: It has no output that could be exported, or cannot take the image.
    """
    try:
        with torch.no_grad():
            if not isinstance(network, Deployed):
                network(image[:1])
                return ['output']
            return list(network.named(image[:1]))
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
