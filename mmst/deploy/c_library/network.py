"""Finds the parts of a ticket's network that the C library runs, and makes sure they are all."""
from typing import Any, cast

import torch
from torch import nn

from ...errors import TicketError
from ...models.hrnas.hrnas_supernet import HRNASSupernet
from ...tickets import Ticket
from ..as_written import is_as_written
from ..export.deployed import preprocessing
from ..sparse import SparseModel
from ..sparse.library import functions
from ..sparse.modules import SparseClassificationNeck
from ..sparse.sparse_compact import SparseCompactNetwork
from ..sparse.sparse_conv import SparseConv
from ..sparse.sparse_linear import SparseLinear
from ..sparse.sparse_neck import SparseDenseNeck
from .blob import Blob, dense
from .compact_program import CompactProgram
from .program import Program

#: Kinds of networks, as in ``source/ticket.h``.
SEGMENTATION, HEATMAPS, CLASSES = range(3)


def encode(ticket: Ticket, int8: bool = False) -> tuple[bytes, dict[str, Any]]:
    """Return the weights' file of a ticket, and its sizes.

    Args:
        ticket (Ticket): To be written.
        int8 (bool): Whether its weights are stored with eight bits each.

    Raises:
        TicketError: The C library cannot run its network.
    """
    functions()  # there is a compiler, or one error says so
    model = SparseModel.from_ticket(ticket)
    network = model.model
    backbone, neck = (getattr(network, name, None) for name in ('backbone', 'neck'))
    compact = isinstance(backbone, SparseCompactNetwork) and neck is None
    plain = is_as_written(backbone, HRNASSupernet, inside=False)
    channels = model.channels
    if channels is None or (not compact and not (plain and isinstance(
            neck, (SparseDenseNeck, SparseClassificationNeck)))):
        raise TicketError(f'the C library does not run a {ticket.model.get("type")} with '
                          f'{type(backbone).__name__} and {type(neck).__name__}: it runs '
                          'mmst.HRNASSupernet and a neck of this project. Remedy: export it as '
                          'onnx.')
    features = cast(nn.Module, backbone if compact else neck)
    classifier, single = _classifier(model, features, channels)
    program = Program(int8)
    last = (CompactProgram(program, cast(SparseCompactNetwork, backbone)).write() if compact
            else program.network(backbone, features))
    result = program.classifier(classifier, last)
    blob, outputs = Blob(int8), len(classifier.weight)
    kind = CLASSES if single else HEATMAPS if hasattr(network, 'head') else SEGMENTATION
    settings = preprocessing(ticket)
    blob.numbers(kind, channels, outputs, model.settings.gap, _wants_bgr(ticket, channels), result)
    blob.floats(dense(settings.get('mean') or [0.], channels))
    blob.floats(dense(settings.get('std') or [1.], channels))
    blob.numbers(program.count)
    blob.parts += program.blob.parts
    kept = sum(int(t.count_nonzero()) for t in ticket.state_dict.values() if t.is_floating_point())
    return blob.file(program.version), dict(kind=kind, channels=channels, outputs=outputs,
                                            kept=kept)


def _wants_bgr(ticket: Ticket, channels: int) -> bool:
    """Return whether the network reads blue first: the toolboxes load images so."""
    settings = ticket.model.get('data_preprocessor') or {}
    turned = ('bgr_to_rgb', 'to_rgb', 'rgb_to_bgr')
    return channels == 3 and bool(settings) and not any(settings.get(key) for key in turned)


def _classifier(model: SparseModel, features: nn.Module,
                channels: int) -> tuple[SparseConv, bool]:
    """Return the layer that is all of the head, and whether it is linear: of the image as a whole.

    Raises:
        TicketError: The head does more, or something else.
    """
    inside = {m for part in (model.model.backbone, features)
              for m in cast(nn.Module, part).modules()}
    found = [m for m in model.model.modules() if isinstance(m, (SparseConv, SparseLinear))
             and m not in inside]
    linear = next((m for m in found if isinstance(m, SparseLinear)), None)
    layer = linear or next(iter(found), None)
    seen: dict[str, Any] = {}
    if layer is not None and len(found) == 1 + (linear is not None):
        hooks = [features.register_forward_hook(lambda m, x, y: seen.update(features=y[0])),
                 layer.register_forward_hook(lambda m, x, y: seen.update(x=x[0], y=y))]
        image = torch.randn(1, channels, 64, 64, generator=torch.Generator().manual_seed(0))
        output = model(image)
        for hook in hooks:
            hook.remove()
        if isinstance(output, torch.Tensor) and torch.equal(seen['x'], seen['features']) \
                and torch.equal(seen['y'], output):
            return cast(SparseConv, linear.conv if linear else layer), linear is not None
    raise TicketError('the C library runs heads of one 1x1 convolution or linear layer, and this '
                      'network\'s does something else. Remedy: export it as onnx.')
