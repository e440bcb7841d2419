"""Runs a finished ticket on a CPU without computing zeros."""
import copy
import logging
import weakref
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from math import isfinite
from pathlib import Path
from typing import Any

import torch
from mmengine.logging import print_log
from torch import Tensor, nn

from ...errors import config_error
from ...search.copyable import copyable
from ...settings.checks import check_flag, check_number
from ...tickets import Ticket
from ..open import open_ticket
from .call import call
from .engine_settings import EngineSettings
from .images import check_images, image_channels, uncompiled_method, untraceable
from .kernel_module import KernelModule
from .library import free_scratch, kernel
from .nan_pattern import NaNPattern
from .round_weights import round_weights
from .sparsify import MAX_DENSITY, sparsify
from .whole_network import WholeNetwork


class SparseModel(nn.Module):
    """Runs a network by the sparse kernel; layers that are too dense, or not ours, run by torch.

    ``SparseModel.from_ticket('ticket.pth')(images)`` gives the outputs of the model's head. The
    network itself is ``.model``: it has the interface of the toolbox's model, so that ``predict``
    and the toolboxes' inferencers work with it. Maps between the backbone's modules are written
    over where nothing of the network reads them any more: a hook that keeps one has to clone it.

    It computes in float32, under autocast too; NaN in images is NaN in the outputs that torch would
    give NaN for. It can be copied, pickled and used after a fork. torch.compile leaves it alone.

    Args:
        model (nn.Module): A whole network or a part of one, its pruned weights 0; it is copied.
        threads (int): Of the kernel. Defaults to 1.
        max_density (float): Blocks with a larger share of non-zero weights stay dense.
        int8 (bool): Round the weights to eight bits and a scale an output channel: the outputs are
            those of a C library with such weights. The arithmetic stays that of float32, and as
            fast. Defaults to False.

    Shape:
        (N, channels, H, W) float32 of any size, on the CPU, to the head's output.
    """

    def __init__(self, model: nn.Module, threads: int = 1, max_density: float = MAX_DENSITY,
                 int8: bool = False):
        super().__init__()
        self.settings = EngineSettings()
        self.threads = threads
        max_density = check_number('max_density', max_density, low=0, high=1,
                                   remedy='give a share of the weights, e.g. 0.5')
        check_flag('int8', int8)
        if isinstance(model, SparseModel):
            raise config_error('model', 'SparseModel', 'is sparse already', 'give the network or '
                               'the ticket that it was made of')
        with plain_defaults():
            self.model = copy.deepcopy(copyable(model)).cpu()
            self.model.eval()  # not chained: some toolboxes' backbones return nothing from it
            self.channels = image_channels(self.model)
            self.pattern: NaNPattern | None = None
            if self.channels is not None:
                self.model.float()
                self.pattern = NaNPattern(self.model)
            self.blocks: dict[str, int] = sparsify(self.model, self.settings, max_density)
        log_blocks(self.blocks, self.channels is not None)
        if int8 and not round_weights(self.model):
            raise config_error('int8', int8, 'no layer of the network runs by the sparse kernel',
                               'omit it')
        self._whole = WholeNetwork(self.model, self.channels, self.settings)
        weakref.finalize(self, free_scratch).atexit = False

    @classmethod
    def from_ticket(cls, ticket: str | Path | Ticket, **settings: Any) -> 'SparseModel':
        """Return the network of a ticket or of its file.

        Raises:
            TicketError: The file is missing, damaged or no ticket, or that of a run under way.
        """
        if not isinstance(ticket, Ticket):
            ticket = open_ticket(str(ticket))
        with plain_defaults():
            network = ticket.build()
        return cls(network, **settings)

    @property
    def threads(self) -> int:
        """Return threads of the kernel."""
        return self.settings.threads

    @threads.setter
    def threads(self, number: int) -> None:
        self.settings.threads = check_number('threads', number, low=1, whole=True,
                                            remedy='use the number of cores')

    @torch.inference_mode()
    def time_layers(self, images: Tensor) -> Counter[nn.Module] | None:
        """Return the nanoseconds of each layer of ``model`` in one call of the kernel.

        Args:
            images (Tensor): (N, channels, H, W) float32 on the CPU, of a size that the network
                takes as it is.

        Returns:
            Counter, optional: None where modules run one by one, see ``docs/performance.md``.
        """
        self.settings.stay_alone_after_fork()
        return self._by_one_call().time_layers(check_images(images, self.channels))

    def state_dict(self, *args: Any, **kwargs: Any) -> Any:
        """Return what torch blocks hold, with a warning: packed weights are no entries of it."""
        print_log('SparseModel packs its weights for the kernel, so its state_dict lacks them. '
                  'Remedy: save the ticket or a sparse file, or pickle the model.', 'current',
                  logging.WARNING)
        return super().state_dict(*args, **kwargs)

    @uncompiled_method
    @torch.inference_mode()
    def forward(self, images: Tensor) -> Any:
        """Return the output of the head.

        Raises:
            ConfigError: The images are of another shape or type, or on another device.
        """
        self.settings.stay_alone_after_fork()
        images = check_images(images, self.channels)
        with torch.autocast('cpu', enabled=False):
            outputs = self._by_one_call()(images)
            if outputs is None:
                outputs = call(self.model, images)
            # NaN and infinity survive any sum.
            if self.pattern is None or isfinite(float(images.sum())):
                return outputs
            return self.pattern.onto(outputs, images)

    def _by_one_call(self) -> WholeNetwork:
        """Return what runs ``model``, which may have been replaced, by one call."""
        if self._whole.network is not self.model:
            self._whole = WholeNetwork(self.model, self.channels, self.settings)
        return self._whole

    def release(self) -> None:
        """Give back the memory that grows with the images; the next call allocates its own."""
        for module in self.modules():
            if isinstance(module, KernelModule):
                module.release()
        free_scratch()

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        weakref.finalize(self, free_scratch).atexit = False

    def __prepare_scriptable__(self) -> 'SparseModel':
        """Refuse torch.jit.script, which asks for this and would quote all of the source."""
        raise untraceable()

    def train(self, mode: bool = True) -> 'SparseModel':
        """Stay in eval mode: there is nothing to train."""
        return super().train(False)


@contextmanager
def plain_defaults() -> Iterator[None]:
    """Make new tensors float32 on the CPU inside the block, whatever the caller's defaults are."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float32)
    try:
        with torch.device('cpu'):
            yield
    finally:
        torch.set_default_dtype(before)


def log_blocks(blocks: dict[str, int], ours: bool) -> None:
    """Log how much of a network the kernel runs; a warning where that is nothing."""
    if blocks['sparse'] or kernel() is None:
        print_log('Sparse inference: {sparse} blocks by the kernel, {dense} dense ones.'.format(
            **blocks), logger='current')
    else:
        why = ('all of them are denser than max_density: raise it' if ours and blocks['dense'] else
               'it has no search blocks of mmst.HRNASSupernet: export it with mmst export for '
               'a runtime of its own, or train the task with one of the shipped configs')
        print_log('Sparse inference: 0 blocks are accelerated, the outputs are torch\'s at '
                  f'torch\'s speed, since {why}.', logger='current', level=logging.WARNING)
