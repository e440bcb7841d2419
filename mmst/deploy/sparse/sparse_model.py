"""A finished ticket as a network that runs on a CPU without computing zeros."""
import copy
from pathlib import Path
from typing import Any, Dict, Union

import torch
from mmengine.logging import print_log
from mmengine.model import BaseModel
from torch import Tensor, nn

from ...errors import config_error
from ...tickets import Ticket
from ..open import open_ticket
from .options import Options
from .sparsify import MAX_DENSITY, sparsify


class SparseModel(nn.Module):
    """A network by the sparse kernel; layers that are too dense, or not ours, by torch.

    ``SparseModel.from_ticket('ticket.pth')(images)`` gives what the model's head gives. The network
    itself is ``.model``: it has the interface of the toolbox's model, so that ``predict`` and the
    toolboxes' inferencers work with it. Maps between the backbone's modules are written over where
    nothing of the network reads them any more: a hook that keeps one has to clone it.

    Args:
        model (nn.Module): A whole network or a part of one, its pruned weights 0; it is copied.
        threads (int): Of the kernel. Defaults to 1.
        max_density (float): Blocks with a larger share of non-zero weights stay dense.

    Shape:
        (N, 3, H, W) float32 of any size to the head's output.
    """

    def __init__(self, model: nn.Module, threads: int = 1, max_density: float = MAX_DENSITY):
        super().__init__()
        self.options = Options()
        self.threads = threads
        self.model = copy.deepcopy(model)
        self.model.eval()  # not chained: some toolboxes' backbones return nothing from it
        self.blocks: Dict[str, int] = sparsify(self.model, self.options, max_density)
        print_log('Sparse inference: {sparse} blocks by the kernel, {dense} dense ones.'.format(
            **self.blocks), logger='current')

    @classmethod
    def from_ticket(cls, ticket: Union[str, Path, Ticket], **settings: Any) -> 'SparseModel':
        """The network of a ticket or of its file.

        Raises:
            TicketError: The file is missing, damaged or no ticket, or that of a run under way.
        """
        if not isinstance(ticket, Ticket):
            ticket = open_ticket(str(ticket))
        return cls(ticket.build(), **settings)

    @property
    def threads(self) -> int:
        """Threads of the kernel."""
        return self.options.threads

    @threads.setter
    def threads(self, number: int) -> None:
        if not isinstance(number, int) or number < 1:
            raise config_error('threads', number, 'must be a whole number above 0',
                               'use the number of cores')
        self.options.threads = number

    @torch.inference_mode()
    def forward(self, images: Tensor) -> Any:
        """Output of the head."""
        if images.dim() != 4 or min(images.shape) < 1:
            raise config_error('images.shape', tuple(images.shape), 'must be (N, C, H, W)',
                               'give a batch of images')
        # mmpose's models ask for data samples, None allowed.
        model = self.model
        return model(images, None) if isinstance(model, BaseModel) else model(images)

    def train(self, mode: bool = True) -> 'SparseModel':
        """It stays in eval mode: there is nothing to train."""
        return super().train(False)
