"""Writes metafiles of configs, as OpenMMLab's tools read them (``mim search``, ``mim download``).
"""
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config

from ..settings.hooks import hook_settings
from ..settings.kinds import kind_name

PAPER = dict(
    Title='SuperTickets: Drawing Task-Agnostic Lottery Tickets from Supernets via Jointly '
    'Architecture Searching and Parameter Pruning',
    URL='https://arxiv.org/abs/2207.03677')

#: Class of the training data to the name that model indices give them.
DATA = dict(ImageNet='ImageNet-1k', CityscapesDataset='Cityscapes', ADE20KDataset='ADE20K',
            CocoDataset='COCO')
GENERATED = 'data/demo/'


def metafile(collection: str, configs: Mapping[str, Config]) -> dict[str, Any]:
    """Return a collection and its models, as plain data for YAML.

    No model has results or weights: none of the full settings has been trained here.

    Args:
        collection (str): Its name.
        configs (Mapping[str, Config]): Path in the repository to the whole config.
    """
    models = [model_entry(collection, path, cfg) for path, cfg in configs.items()]
    data = sorted({model['Metadata']['Training Data'] for model in models})
    return dict(
        Collections=[dict(Name=collection, Metadata={'Training Data': data}, Paper=dict(PAPER),
                          Frameworks=['PyTorch'])],
        Models=models)


def model_entry(collection: str, path: str, cfg: Config) -> dict[str, Any]:
    """Return the facts of a config's model that are known without training it."""
    return {'Name': Path(path).stem, 'In Collection': collection, 'Config': path,
            'Metadata': {key: value for key, value in _metadata(cfg).items() if value is not None}}


def _metadata(cfg: Config) -> dict[str, Any]:
    prune, search = hook_settings(cfg, 'PruneHook'), hook_settings(cfg, 'SearchHook')
    retrain = cfg.get('retrain') or {}
    return {
        'Training Data': cfg.get('training_data') or training_data(cfg.train_dataloader.dataset),
        'Training Techniques': _techniques(search, prune, retrain),
        'Epochs': retrain.get('epochs') or cfg.train_cfg.max_epochs,
        'Batch Size per Process': cfg.train_dataloader.batch_size,
        'Target Sparsity': prune['sparsity'] if prune else None,
        'Architecture': _architecture(cfg),
        'Starts From': retrain.get('start') or retrain.get('ticket') or retrain.get('checkpoint'),
    }


def training_data(dataset: Mapping[str, Any]) -> str:
    """Return the data set's name, and that the images are generated where they are."""
    name = DATA.get(kind_name(dataset), kind_name(dataset))
    generated = str(dataset.get('data_root')).startswith(GENERATED)
    return f'generated, as {name}' if generated else name


def _techniques(search: Mapping | None, prune: Mapping | None, retrain: Mapping
                ) -> Sequence[str]:
    if retrain:
        return ['retraining under a fixed mask']
    named = [text for text, there in (('architecture search', search), ('pruning', prune)) if there]
    return named or ['dense training']


def _architecture(cfg: Config) -> Sequence[str]:
    head = cfg.model.get('decode_head') or cfg.model.get('bbox_head') or cfg.model.get('head')
    parts = cfg.model.backbone, cfg.model.get('neck'), head
    return [kind_name(part) for part in parts if part]
