"""Finds the parts of a sparse network that a list of steps runs, and makes sure they are all."""
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn

from ....errors import TicketError
from ....models.hrnas.hrnas_supernet import HRNASSupernet
from ...as_written import is_as_written
from ..call import call
from ..modules import SparseClassificationNeck
from ..sparse_compact import SparseCompactNetwork
from ..sparse_conv import SparseConv
from ..sparse_linear import SparseLinear
from ..sparse_neck import SparseDenseNeck
from .blob import LABELS, Blob, dense
from .compact_program import CompactProgram
from .program import Program

#: Kinds of networks, as in ``ticket.h`` of a C library.
SEGMENTATION, HEATMAPS, CLASSES = range(3)


@dataclass
class StepList:
    """Holds the steps of a network.

    Attributes:
        program (Program): All steps.
        kind (int): What the output is.
        channels (int): Of the images.
        outputs (int): Channels of the output.
        result (int): The map that is the output.
        image (Tensor): (1, channels, 64, 64), on which the network was tried.
        output (Tensor): What it gave.
    """
    program: Program
    kind: int
    channels: int
    outputs: int
    result: int
    image: Tensor
    output: Tensor

    def blob(self, gap: int, mean: Sequence[float] = (0., ), std: Sequence[float] = (1., ),
             swaps: bool = False, aligned: bool = False, threshold: float | None = None) -> Blob:
        """Return what ``kernel/network.h`` reads.

        Args:
            gap (int): Floats after each row of a map.
            mean, std (Sequence[float]): Of the images' channels, or of all.
            swaps (bool): Whether the network reads blue first.
            aligned (bool): Whether labels are of scores resized with align_corners.
            threshold (float, optional): Of the only score, above which the label is 1.
        """
        flags = swaps | aligned << 1 | (threshold is not None) << 2
        if flags > 1:
            self.program.version = LABELS
        blob = Blob(self.program.blob.int8)
        blob.numbers(self.kind, self.channels, self.outputs, gap, flags, self.result)
        if threshold is not None:
            blob.floats([threshold])
        blob.floats(dense(mean, self.channels))
        blob.floats(dense(std, self.channels))
        blob.numbers(self.program.count)
        blob.parts += self.program.blob.parts
        return blob


def list_steps(network: nn.Module, channels: int | None, program: Program) -> StepList:
    """Return the steps of a whole network.

    Args:
        network (nn.Module): Sparse already.
        channels (int, optional): Of its images, where it is one of this project.
        program (Program): Gets the steps.

    Raises:
        TicketError: It has parts that no step computes.
    """
    backbone, neck = (getattr(network, name, None) for name in ('backbone', 'neck'))
    compact = isinstance(backbone, SparseCompactNetwork) and neck is None
    plain = is_as_written(backbone, HRNASSupernet, inside=False)
    if channels is None or (not compact and not (plain and isinstance(
            neck, (SparseDenseNeck, SparseClassificationNeck)))):
        raise TicketError(f'the C library does not run a {type(network).__name__} with '
                          f'{type(backbone).__name__} and {type(neck).__name__}: it runs '
                          'mmst.HRNASSupernet and a neck of this project. Remedy: export it as '
                          'onnx.')
    features = cast(nn.Module, backbone if compact else neck)
    image = torch.randn(1, channels, 64, 64, generator=torch.Generator().manual_seed(0))
    classifier, single, output = _classifier(network, features, image)
    last = (CompactProgram(program, cast(SparseCompactNetwork, backbone)).write() if compact
            else program.network(backbone, features))
    result = program.classifier(classifier, last)
    kind = CLASSES if single else HEATMAPS if hasattr(network, 'head') else SEGMENTATION
    return StepList(program, kind, channels, len(classifier.weight), result, image, output)


@torch.inference_mode()
def _classifier(network: nn.Module, features: nn.Module,
                image: Tensor) -> tuple[SparseConv, bool, Tensor]:
    """Return the layer that is all of the head; whether it is linear, of the image as a whole; and
    its output.

    Raises:
        TicketError: The head does more, or something else.
    """
    inside = {m for part in (cast(Any, network).backbone, features) for m in part.modules()}
    found = [m for m in network.modules() if isinstance(m, (SparseConv, SparseLinear))
             and m not in inside]
    linear = next((m for m in found if isinstance(m, SparseLinear)), None)
    layer = linear or next(iter(found), None)
    seen: dict[str, Any] = {}
    if layer is not None and len(found) == 1 + (linear is not None):
        hooks = [features.register_forward_hook(lambda m, x, y: seen.update(features=y[0])),
                 layer.register_forward_hook(lambda m, x, y: seen.update(x=x[0], y=y))]
        try:
            with torch.autocast('cpu', enabled=False):
                output = call(network, image)
        finally:
            for hook in hooks:
                hook.remove()
        if isinstance(output, Tensor) and torch.equal(seen['x'], seen['features']) \
                and torch.equal(seen['y'], output):
            return cast(SparseConv, linear.conv if linear else layer), linear is not None, output
    raise TicketError('the C library runs heads of one 1x1 convolution or linear layer, and this '
                      'network\'s does something else. Remedy: export it as onnx.')
