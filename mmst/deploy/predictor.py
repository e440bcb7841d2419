"""Runs a ticket on pictures: from a file or an array to a label map or a class."""
import threading
from os import PathLike
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from ..errors import TicketError, config_error
from ..settings.checks import check_choice
from ..tickets import Ticket
from .answers import find_answer, labels_pixels, slides
from .channels import channels_of
from .export.deployed import preprocessing
from .export.images import swaps_colours
from .sparse import SparseModel
from .sparse.library import kernel_is_built

ENGINES = ('auto', 'sparse', 'torch')


class Predictor:
    """Predicts by a ticket, one picture at a time.

    ``predictor(image)`` gives the label map of a segmentation ticket, whole numbers (H, W), and the
    scores of a classification ticket, (classes, ), as the toolbox predicts them. Of key
    points, which need the boxes of people, and of detectors it gives none: ``predictor.network``
    works with their toolboxes' inferencers.

    Args:
        ticket (Ticket): Compact or not.
        engine (str): ``'sparse'``: the CPU engine, whose kernel is compiled first where it has not
            been (half a minute); ``'torch'``; ``'auto'``: the engine where its kernel is compiled,
            else torch until a compiler in the background has done it. Defaults to ``'auto'``.
        threads (int): Of the engine. Defaults to 1.

    Attributes:
        ticket (Ticket): As it was given.
        network (nn.Module): The one that predicts now; ``.engine`` says which that is.
        classes (tuple[str]): Names of the labels.
        palette (ndarray, optional): A colour (R, G, B) of each label.
    """

    def __init__(self, ticket: Ticket, engine: str = 'auto', threads: int = 1):
        check_choice('engine', engine, ENGINES)
        self.ticket = ticket
        meta = ticket.meta.get('dataset_meta') or {}
        self.classes = tuple(meta.get('classes') or ())
        self.palette = np.array(meta['palette'], np.uint8) if meta.get('palette') else None
        settings = preprocessing(ticket)
        self._mean = _numbers(settings.get('mean'), 0.)
        self._std = _numbers(settings.get('std'), 1.)
        model = ticket.build()
        self._channels = channels_of(ticket, model)
        # Pictures are read as B, G, R in training, and turned where the settings say so.
        self._blue_first = self._channels == 3 and not swaps_colours(settings)
        self._compiling: threading.Thread | None = None
        self.network: nn.Module = model
        if engine == 'sparse' or (engine == 'auto' and kernel_is_built()):
            self.network = SparseModel(model, threads=threads)
        elif engine == 'auto':
            self._compiling = threading.Thread(target=self._compile, args=(threads, ), daemon=True)
            self._compiling.start()

    @property
    def engine(self) -> str:
        """Return ``'sparse'`` or ``'torch'``: who computes the next prediction."""
        return 'sparse' if isinstance(self.network, SparseModel) else 'torch'

    @property
    def _model(self) -> nn.Module:
        """Return the toolbox's model."""
        network = self.network
        return network.model if isinstance(network, SparseModel) else network

    def wait(self) -> 'Predictor':
        """Return when no compiler is at work in the background any more."""
        if self._compiling is not None:
            self._compiling.join()
        return self

    def __call__(self, image: 'str | PathLike[str] | NDArray[np.uint8]') -> NDArray[Any]:
        """Return the prediction.

        Args:
            image: Path of a picture, or (H, W, 3) uint8 in the order R, G, B. The size is the
                network's: pictures much larger than in training are to be made smaller before.
                A network of one channel takes (H, W), too, and makes colours grey; one of other
                channels takes (H, W, channels) in their order in training, uint8.

        Raises:
            ConfigError: It is no picture.
            TicketError: The task needs more than a picture.
        """
        pixels = read_image(image, self._channels)
        answer = find_answer(self._model, self.ticket.meta.get('default_scope'))
        scores = self._slide(pixels) if slides(self._model) else self.scores(pixels)
        return answer(scores, (len(pixels), len(pixels[0])))

    @torch.inference_mode()
    def scores(self, pixels: NDArray[np.uint8]) -> Tensor:
        """Return the head's output (1, classes, …) of a picture (H, W, channels), three of them
        R, G, B.
        """
        output = self.network(self._normalise(pixels))
        return next(leaf for leaf in tree_leaves(output) if isinstance(leaf, Tensor))

    @torch.inference_mode()
    def _slide(self, pixels: NDArray[np.uint8]) -> Tensor:
        """Return scores (1, classes, H, W) of windows, as the toolbox joins them."""
        model: Any = self._model
        return model.slide_inference(self._normalise(pixels), [dict(img_shape=pixels.shape[:2])])

    def _normalise(self, pixels: NDArray[np.uint8]) -> Tensor:
        image = torch.from_numpy(pixels[..., ::-1].copy() if self._blue_first else pixels)
        return (image.permute(2, 0, 1)[None].float() - self._mean) / self._std

    def draw(self, image: 'str | PathLike[str] | NDArray[np.uint8]',
             opacity: float = 0.5) -> NDArray[np.uint8]:
        """Return the picture with the colours of its labels over it, (H, W, 3) in R, G, B.

        Raises:
            TicketError: The ticket has no colours for its labels.
        """
        if self.palette is None or not labels_pixels(self._model):
            raise TicketError('the ticket has no colours for labels of pixels. Remedy: draw its '
                              'predictions with mmst visualize.')
        pixels = read_image(image, self._channels)
        if pixels.shape[2] not in (1, 3):
            raise TicketError(f'pictures of {pixels.shape[2]} channels have no colours to draw on. '
                              'Remedy: draw predictor.palette[predictor(image)].')
        labels = self(pixels)
        if labels.max() >= len(self.palette):
            raise TicketError(f'the ticket has {len(self.palette)} colours, and none for label '
                              f'{labels.max()}. Remedy: set predictor.palette.')
        mixed = (1 - opacity) * pixels + opacity * self.palette[labels]
        return np.rint(mixed).astype(np.uint8)

    def _compile(self, threads: int) -> None:
        """Compile the kernel and let the engine predict from then on."""
        found = SparseModel(self.network, threads=threads)
        if kernel_is_built():
            self.network = found


def read_image(image: 'str | PathLike[str] | NDArray[np.uint8]',
               channels: int = 3) -> NDArray[np.uint8]:
    """Return a picture as (H, W, channels) uint8, three of them in the order R, G, B.

    For one channel colours become grey. Files have no other channels.

    Raises:
        ConfigError: It is none.
    """
    if isinstance(image, (str, PathLike)):
        return _read_file(str(image), channels)
    array = np.asarray(image)
    if channels == 1 and array.ndim == 2:
        array = array[..., None]
    fits = array.ndim == 3 and array.shape[2] in ((1, 3) if channels == 1 else (channels, ))
    if array.dtype != np.uint8 or not fits or not array.size:
        raise config_error('image', f'{array.dtype} {array.shape}', 'is no picture for the network',
                           f'give {_WANTED.get(channels, f"(height, width, {channels})")} as uint8')
    array = np.ascontiguousarray(array)
    if array.shape[2] != channels:
        return np.asarray(cv2.cvtColor(array, cv2.COLOR_RGB2GRAY)[..., None], np.uint8)
    return array


#: Pictures by the network's channels.
_WANTED = {1: '(height, width), or colours (height, width, 3), R, G, B,',
           3: 'height, width and three colours, R, G, B,'}


def _read_file(path: str, channels: int) -> NDArray[np.uint8]:
    if channels not in (1, 3):
        raise config_error('image', path, f'files have colours, and the network takes {channels} '
                           'channels', f'give an array (height, width, {channels}) of uint8')
    pixels = cv2.imread(path, cv2.IMREAD_COLOR if channels == 3 else cv2.IMREAD_GRAYSCALE)
    if pixels is None:
        raise config_error('image', path, 'cannot be read', 'give the path of a picture')
    if channels == 1:
        return np.asarray(pixels[..., None], np.uint8)
    return np.ascontiguousarray(pixels[..., ::-1], np.uint8)


def _numbers(values: Any, default: float) -> Tensor:
    """Return one number a channel, or one for all, (numbers, 1, 1)."""
    return torch.tensor(values or (default, )).view(-1, 1, 1)
