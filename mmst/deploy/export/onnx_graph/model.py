"""Makes the whole ONNX model: the network written by itself, the rest by torch's exporter."""
import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING

import onnx
import torch
from onnx import helper
from torch import Tensor

from .body import fill_in, find_body, with_body
from .half import to_half
from .opset import WRITTEN, to_opset
from .pixels import take_pixels
from .sparse import to_sparse

if TYPE_CHECKING:
    from ..deployed import Deployed
    from ..onnx_settings import OnnxSettings


def make_model(network: 'Deployed', image: Tensor, names: list[str], settings: 'OnnxSettings',
               log: Callable[[str], None]) -> onnx.ModelProto:
    """Return a network as an ONNX model.

    Args:
        network (Deployed): In eval mode.
        image (Tensor): Of the size that it is tried at.
        names (List[str]): Of its outputs.
        settings (OnnxSettings): How it is written.
        log (Callable): Is called with each step that begins.

    Raises:
        Exception: It cannot be expressed; all kinds.
    """
    if settings.compact:
        log('removing dead parts')
    inner = getattr(network, 'model', None)
    body = find_body(inner, settings.compact) if inner is not None else None
    log('tracing the head' if body else 'tracing the network')
    with with_body(inner, body) if body and inner else contextlib.nullcontext():
        model = _trace(network, image, names, settings.fixed)
    log(f'writing opset {settings.opset}')
    model = to_opset(model, settings.opset)
    if body is not None:
        size = (image.shape[2], image.shape[3]) if settings.fixed else None
        fill_in(model, body, settings.opset, size, settings.attention)
    if settings.half:
        to_half(model)
    if settings.pixels is not None:
        take_pixels(model, settings.pixels)
    if settings.sparse:
        to_sparse(model)
    model.ir_version = helper.find_min_ir_version_for(list(model.opset_import), True)
    if model.ByteSize() < 2**31:
        onnx.checker.check_model(model)
    return model


def _trace(network: 'Deployed', image: Tensor, names: list[str], fixed: bool) -> onnx.ModelProto:
    """Return the model of torch's exporter; the size is fixed where it cannot be dynamic."""
    batch = {0: torch.export.Dim('batch')}
    sizes = {2: torch.export.Dim('height'), 3: torch.export.Dim('width')}
    if not fixed:
        try:
            return _export(network, image, names, {**batch, **sizes})
        except Exception:  # all kinds: it may depend on the size
            pass
    return _export(network, image, names, batch)


def _export(network: 'Deployed', image: Tensor, names: list[str], dynamic: dict
            ) -> onnx.ModelProto:
    program = torch.onnx.export(
        network, (image, ), dynamo=True, opset_version=WRITTEN, verbose=False,
        input_names=['image'], output_names=names, dynamic_shapes=dict(image=dynamic))
    assert program is not None, 'there is one with dynamo=True'
    return program.model_proto
