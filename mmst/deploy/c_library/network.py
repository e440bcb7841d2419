"""Finds the parts of a ticket's network that the C library runs, and makes sure they are all."""
from typing import Any, cast

import torch
from torch import nn

from ...errors import TicketError
from ...tickets import Ticket
from ..compact import is_compact
from ..export.deployed import preprocessing
from ..sparse import SparseModel
from ..sparse.library import functions
from ..sparse.sparse_conv import SparseConv
from ..sparse.sparse_neck import SparseDenseNeck
from .blob import Blob, dense
from .program import Program

#: Kinds of networks, as in ``source/ticket.h``.
SEGMENTATION, HEATMAPS = 0, 1


def encode(ticket: Ticket) -> tuple[bytes, dict[str, Any]]:
    """Return the weights' file of a ticket, and what its sizes are.

    Raises:
        TicketError: The C library cannot run its network.
    """
    if is_compact(ticket):
        raise TicketError('the C library does not run compacted tickets yet. Remedy: export the '
                          'ticket that was compacted; its weights take the same room.')
    functions()  # there is a compiler, or one error says so
    model = SparseModel.from_ticket(ticket)
    network = model.model
    backbone, neck = (getattr(network, name, None) for name in ('backbone', 'neck'))
    if not hasattr(backbone, 'fusions') or not isinstance(neck, SparseDenseNeck):
        raise TicketError(f'the C library does not run a {ticket.model.get("type")} with '
                          f'{type(backbone).__name__} and {type(neck).__name__}: it runs '
                          'mmst.HRNASSupernet and mmst.DensePredictionNeck. Remedy: export it as '
                          'onnx.')
    classifier = _classifier(model, neck)
    program = Program()
    result = program.network(backbone, neck, classifier)
    blob, outputs = Blob(), len(classifier.weight)
    channels = model.channels
    kind = HEATMAPS if hasattr(network, 'head') else SEGMENTATION
    settings = preprocessing(ticket)
    blob.numbers(kind, channels, outputs, model.settings.gap, _wants_bgr(ticket, channels), result)
    blob.floats(dense(settings.get('mean') or [0.], channels))
    blob.floats(dense(settings.get('std') or [1.], channels))
    blob.numbers(program.count)
    blob.parts += program.blob.parts
    kept = sum(int(t.count_nonzero()) for t in ticket.state_dict.values() if t.is_floating_point())
    return blob.file(), dict(kind=kind, channels=channels, outputs=outputs, kept=kept)


def _wants_bgr(ticket: Ticket, channels: int) -> bool:
    """Return whether the network reads blue first: the toolboxes load images so."""
    settings = ticket.model.get('data_preprocessor')
    turned = ('bgr_to_rgb', 'to_rgb', 'rgb_to_bgr')
    return channels == 3 and bool(settings) and not any(settings.get(key) for key in turned)


def _classifier(model: SparseModel, neck: SparseDenseNeck) -> SparseConv:
    """Return the 1x1 convolution that is all of the head.

    Raises:
        TicketError: The head does more, or something else.
    """
    inside = set(neck.modules()) | set(cast(nn.Module, model.model.backbone).modules())
    found = [m for m in model.model.modules() if isinstance(m, SparseConv) and m not in inside]
    seen: dict[str, Any] = {}
    if len(found) == 1:
        hooks = [neck.register_forward_hook(lambda m, x, y: seen.update(neck=y[0])),
                 found[0].register_forward_hook(lambda m, x, y: seen.update(x=x[0], y=y))]
        image = torch.randn(1, model.channels, 64, 64,
                            generator=torch.Generator().manual_seed(0))
        output = model(image)
        for hook in hooks:
            hook.remove()
        if isinstance(output, torch.Tensor) and torch.equal(seen['x'], seen['neck']) \
                and torch.equal(seen['y'], output):
            return found[0]
    raise TicketError('the C library runs heads of one 1x1 convolution, and this network\'s does '
                      'something else. Remedy: export it as onnx.')
