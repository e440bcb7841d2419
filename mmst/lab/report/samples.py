"""Draws the network's predictions for a few validation images."""
import copy
import inspect
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.model import BaseModel
from mmengine.registry import DATASETS, VISUALIZERS, init_default_scope
from torch import nn

from ...errors import TicketError
from ...models.build import build_model
from ...openmmlab.safe_checkpoints import safe_load
from ...settings.parts import leaves
from ...settings.resolve import resolve
from ...tickets.registered import check_settings, only_registered
from ..gallery import Column, prediction, segmentation_gallery
from .collect import RunData
from .legend import legend
from .memory import more_memory

#: Shorter side of a classified image, in pixels: its label is written into it.
_SIZE = 320
#: Bytes that a page's samples may take: those of a full-width network on Cityscapes' images.
MEMORY = 6 << 30


@dataclass(frozen=True)
class Sample:
    """Is a picture with its caption and, where the picture has no legend of its own, one.

    ``png`` is None where there is none, ``text`` says why.
    """
    png: bytes | None
    text: str
    legend: tuple[tuple[str, str], ...] = ()


def draw_samples(data: RunData, count: int) -> list[Sample]:
    """Draw labels and predictions of ``count`` evenly chosen validation images of the run.

    Where data, weights or packages are missing, one sample without a picture says so.
    """
    if not count:
        return [Sample(None, 'No samples were asked for (--samples 0).')]
    if data.cfg is None or data.weights is None or not data.cfg.get('val_dataloader'):
        missing = ('config' if data.cfg is None else 'ticket or checkpoint'
                   if data.weights is None else 'validation set')
        return [Sample(None, f'The run has no {missing} to draw samples with.')]
    try:
        with tempfile.TemporaryDirectory() as folder, more_memory(MEMORY), \
                only_registered(data=True, folder=folder):
            return _draw(data.cfg, data, data.weights, count, Path(folder))
    except Exception as error:  # Data sets and models of any toolbox: anything can come.
        line = ' '.join(str(error).split())[:300]
        remedy = ('draw them with mmst visualize, which trusts your config'
                  if isinstance(error, TicketError) else
                  'make the report from the folder that the run was started in, with its data in '
                  'place')
        return [Sample(None, f'Samples could not be drawn ({type(error).__name__}: {line}). '
                       f'Remedy: {remedy}.')]


def _draw(cfg: Config, data: RunData, weights: Path, count: int, folder: Path) -> list[Sample]:
    scope = cfg.get('default_scope', 'mmengine')
    loader, settings, visualizer = (check_settings(cfg.get(key), scope)
                                    for key in ('val_dataloader', 'model', 'visualizer'))
    init_default_scope(scope)
    dataset = DATASETS.build(_without_downloads(loader.dataset))
    chosen = [i * len(dataset) // count for i in range(min(count, len(dataset)))]
    model, name = _network(settings, data, weights), weights.name
    if 'palette' in (getattr(dataset, 'metainfo', None) or {}) and hasattr(model, 'decode_head'):
        path = folder / 'samples.png'
        segmentation_gallery([Column(name, prediction(model))], dataset, chosen, path)
        return [Sample(path.read_bytes(), f'image, labels and prediction of {name}, images '
                       f'{", ".join(map(str, chosen))} of the validation set')]
    if not visualizer:
        return [Sample(None, 'The run\'s config has no visualizer to draw samples with. Remedy: '
                       'inherit the toolbox\'s default_runtime.py, or set visualizer.')]
    drawer = VISUALIZERS.build(dict(visualizer, vis_backends=[], save_dir=str(folder),
                                    name='mmst_report'))
    drawer.dataset_meta = dataset.metainfo
    if hasattr(drawer, 'set_dataset_meta'):
        drawer.set_dataset_meta(dataset.metainfo)
    how, colours = legend(drawer)
    return [_sample(drawer, model, dataset[i], Sample(
        None, f'image {i} of the validation set, {name}: {how}', colours)) for i in chosen]


def _without_downloads(dataset: Any) -> Any:
    """Return settings by which no data set, however deep in others, fetches its data, as some of
    mmpretrain's do.
    """
    settings = copy.deepcopy(dataset)
    for _key, part in leaves(settings):
        kind = resolve(DATASETS, part.get('type')) if isinstance(part, dict) else None
        if kind is not None and 'download' in inspect.signature(kind).parameters:
            part['download'] = False
    return settings


def _network(settings: Any, data: RunData, weights: Path) -> nn.Module:
    """Return a ticket's network, or a checkpoint's: the averaged one where the run has averages."""
    if weights.name == 'ticket.pth':
        return data.ticket.build()
    content = safe_load(str(weights), 'cpu')
    model = build_model(settings, content)
    model.load_state_dict(content['state_dict'])
    model.eval()
    return model


def _image(sample: Any, path: str | None) -> Any:
    """Return the (H, W, 3) RGB image of a sample; data sets such as CIFAR's have no files."""
    import cv2
    # Key points are given in the file's pixels, not in those of the network's input.
    image = None if path is None else cv2.imread(path)
    if image is None:
        image = torch.as_tensor(sample['inputs']).permute(1, 2, 0).numpy()
        if image.dtype.name != 'uint8':
            raise ValueError('images without a file are drawn as the pipeline leaves them, and it '
                             f'leaves {image.dtype.name} rather than uint8')
    return image[..., ::-1].copy()


@torch.no_grad()
def _sample(drawer: Any, model: BaseModel, sample: Any, empty: Sample) -> Sample:
    """Return the sample with the drawing of the toolbox's own visualizer."""
    import cv2
    result = model.test_step(pseudo_collate([sample]))[0]
    image = _image(sample, result.metainfo.get('img_path'))
    if hasattr(drawer, 'visualize_cls'):
        classes = drawer.dataset_meta.get('classes')
        drawer.visualize_cls(image, result, classes=classes, resize=_SIZE)
    else:
        drawer.add_datasample('sample', image, result, kpt_thr=0., show=False)
    done, encoded = cv2.imencode('.png', drawer.get_image()[..., ::-1])
    return replace(empty, png=encoded.tobytes() if done else None)
