"""Exports a ticket as one ONNX file."""
import contextlib
import io
import json
import logging
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ... import files
from ...costs.cost import image_channels
from ...errors import TicketError, config_error
from ...openmmlab.quiet_log import quiet_log
from ...optional import need
from .deployed import Deployed
from .images import normalise, pixels_of
from .onnx_settings import OnnxSettings

#: The first operator set that can be written; the last is the newest that onnx knows.
OLDEST = 13
#: The first that has the operator Attention.
ATTENTION_OPSET = 23
#: Of the largest output, in single and in half precision.
TOLERANCE, HALF_TOLERANCE = 1e-4, 1e-2


def export_onnx(network: Deployed, path: str | Path, opset: int = 18,
                metadata: dict[str, Any] | None = None, settings: OnnxSettings | None = None,
                log: Callable[[str], None] = lambda step: None) -> None:
    """Write an ONNX file with weights inside; batch, height and width are dynamic.

    A single output is named ``output``, several as :func:`.outputs.named_outputs` says. Height and
    width are fixed where a network of another project does not allow other sizes.

    Args:
        network (Deployed): The network to export.
        path (str | Path): The file.
        opset (int): Version of the operator set. Defaults to 18.
        metadata (dict, optional): Plain data; each entry becomes a property of the model, as JSON.
        settings (OnnxSettings, optional): All others, in place of ``opset``.
        log (Callable): Is called with each step that begins.

    Raises:
        ConfigError: A package is missing, or the opset cannot be written.
        TicketError: The network cannot be expressed in ONNX at this size.
    """
    settings = settings or OnnxSettings(opset)
    for module in ('onnx', 'onnxscript'):
        need(module, 'an ONNX file', 'onnx onnxscript')
    check_opset(settings.opset)
    image = torch.zeros(2, image_channels(network), *network.input_shape)
    names = try_out(network, image)
    try:
        with silent():
            from .onnx_graph.model import make_model
            model = make_model(network, image, names, settings, log)
    except Exception as error:  # the exporter raises all kinds
        raise TicketError('the network cannot be exported to ONNX with opset '
                          f'{settings.opset} at {network.input_shape}: {plain_words(error)}. '
                          'Remedy: export a ticket of this project, use another opset, or --format '
                          'torch.') from error
    for key, value in (metadata or {}).items():
        entry = model.metadata_props.add()
        entry.key, entry.value = key, json.dumps(value)
    log('writing the file')
    files.write_bytes(path, model.SerializeToString())


def check_opset(opset: int) -> None:
    """Refuse an opset that cannot be written.

    Raises:
        ConfigError: It is too old, or newer than the installed onnx.
    """
    newest = need('onnx', 'an ONNX file', 'onnx onnxscript').defs.onnx_opset_version()
    if not OLDEST <= opset <= newest:
        raise config_error('--opset', opset, 'cannot be written',
                           f'use one of {OLDEST} to {newest}')


def check_onnx(path: str | Path, network: Deployed, images: Tensor,
               settings: Mapping[str, Any] | None = None, half: bool = False) -> float:
    """Run the file with onnxruntime, for batches of all images and of one.

    Args:
        path (str | Path): The file.
        network (Deployed): The reference.
        images (Tensor): (N, channels, H, W), normalised.
        settings (Mapping, optional): Normalisation, for files that take pixels; see
            :func:`.images.pixels_of`.
        half (bool): Whether it computes in half precision.

    Returns:
        float: Largest difference to PyTorch, relative to the largest output.

    Raises:
        ConfigError: onnxruntime is missing.
        TicketError: They differ by more than rounding, or onnxruntime does not take the file.
    """
    runtime = need('onnxruntime', 'checking an ONNX file')
    try:
        session = runtime.InferenceSession(str(path), providers=['CPUExecutionProvider'])
    except Exception as error:  # onnxruntime has kinds of its own
        raise TicketError(f'{path} cannot be opened by onnxruntime: {plain_words(error)}. Remedy: '
                          'use an older opset, or update onnxruntime.') from error
    takes_pixels = session.get_inputs()[0].type == 'tensor(uint8)'
    if takes_pixels:  # whole numbers, so that both networks see the same
        pixels = pixels_of(images, settings or {})
        images = normalise(pixels.float(), settings or {}, 0., 1.)

    def run(batch: Tensor) -> list[Tensor]:
        x = pixels[:len(batch)] if takes_pixels else batch
        return [torch.from_numpy(y) for y in session.run(None, {'image': x.numpy()})]

    try:
        if half:
            return largest_error(path, network, images, run, HALF_TOLERANCE,
                                 'export it without --half')
        return largest_error(path, network, images, run, remedy='try another opset')
    except TicketError:
        raise
    except Exception as error:  # onnxruntime has kinds of its own
        raise TicketError(f'{path} does not run on batches of other sizes than two: '
                          f'{plain_words(error)}. Remedy: let the network take its sizes from '
                          'shapes of tensors (x.shape[0] rather than len(x)).') from error


@torch.no_grad()
def largest_error(path: str | Path, network: Deployed, images: Tensor,
            run: Callable[[Tensor], Sequence[Tensor]], tolerance: float = TOLERANCE,
            remedy: str = 'export it as another format') -> float:
    """Return the largest difference of any output of a file, relative to the largest of PyTorch's.

    Args:
        path (str | Path): The file.
        network (Deployed): The reference.
        images (Tensor): Compared are the batch of all of them, and one alone.
        run (Callable): Returns the file's outputs for images.
        tolerance (float): The largest difference that is accepted.
        remedy (str): What to do where it is larger.

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
    return accept(found, path, tolerance, remedy)


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
            return list(network.outputs_by_name(image[:1]))
    except TicketError:
        raise
    except (RuntimeError, ValueError, TypeError, IndexError, AttributeError) as error:
        raise TicketError(f'the network cannot run on an image of {tuple(image.shape[1:])}: '
                          f'{plain_words(error)}. Remedy: give --shape HEIGHT WIDTH that it can '
                          'take.') from error


def plain_words(error: Exception) -> str:
    """Return the beginning of an error's message, without line breaks and colours."""
    return re.sub(r'\x1b\[[0-9;]*m', '', ' '.join(str(error).split()))[:200]


def accept(difference: float, path: str | Path, tolerance: float, remedy: str) -> float:
    """Refuse a file whose outputs differ by more than rounding."""
    if not difference <= tolerance:
        raise TicketError(f'{path} differs from PyTorch by {difference:.1e} of the largest output. '
                          f'Remedy: do not use the file; {remedy}.')
    return difference


@contextlib.contextmanager
def silent():
    """Silence the exporter, which prints a line for every pass that it makes."""
    with quiet_log(logging.WARNING), warnings.catch_warnings(), \
            contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter('ignore')
        yield
