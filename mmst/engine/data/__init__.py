"""Checks that the data sets of a config can be read, and fit the model and each other."""
import inspect
import io
import os
from collections.abc import Iterator, Sequence
from contextlib import redirect_stdout, suppress
from typing import Any

import numpy as np
from mmengine.config import Config, ConfigDict
from mmengine.dataset import BaseDataset
from mmengine.logging import MMLogger
from mmengine.registry import DATASETS

from ...errors import DataError, config_error
from ...files import may_never_end
from ...settings.kinds import kind_name
from ...settings.resolve import resolve
from ..explain import Places, explaining
from .images import check_endings, check_pictures
from .label_maps import check_label_maps
from .outputs import check_outputs

#: Class of a data set: name and look of its real folder, and the generator of one like it.
KNOWN = dict(
    CityscapesDataset=('Cityscapes (leftImg8bit/ and gtFine/)', 'cityscapes'),
    ADE20KDataset=('ADEChallengeData2016 (images/ and annotations/)', 'ade20k'),
    ImageNet=('ImageNet (train/ and val/)', 'imagenet'),
    CustomDataset=('a folder of images for each class', 'imagenet'),
    CocoDataset=('COCO (annotations/, train2017/ and val2017/)', 'coco'))
#: Images of a data set that are looked for, and label maps that are read.
MOST = 200


def check_data(cfg: Config, splits: Sequence[str]) -> None:
    """Refuse data sets that are missing, empty or do not fit the model.

    They are read as the run reads them; of files on servers and of data that are downloaded nothing
    is.

    Args:
        cfg (Config): The whole config.
        splits (Sequence[str]): Of ``'train'``, ``'val'``, ``'test'``.

    Raises:
        DataError: Naming the key.
    """
    places = Places(cfg)
    for key, settings in (found for split in splits for found in data_sets(
            f'{split}_dataloader', cfg.get(f'{split}_dataloader'))):
        with explaining(places, key, _hint(key, settings)):
            dataset = _build(settings)
            if dataset is None:
                continue
            check_endings(key, dataset)
            _read_list(key, settings, dataset)
            infos = list(_pick_entries(dataset))
        with explaining(places, key):
            check_outputs(cfg, key, dataset, infos)
            check_pictures(infos)
            check_label_maps(cfg, key, dataset, settings.get('pipeline') or (), infos)


def data_sets(key: str, settings: Any) -> Iterator[tuple[str, ConfigDict]]:
    """Return keys and settings of data sets, those inside wrappers (``ConcatDataset``) too."""
    if isinstance(settings, (list, tuple)):  # loaders of a loop of the user's own
        for i, part in enumerate(settings):
            yield from data_sets(f'{key}[{i}]', part)
    elif not isinstance(settings, dict):
        return
    elif isinstance(settings.get('dataset'), dict):
        yield from data_sets(f'{key}.dataset', settings['dataset'])
    elif key.endswith('_dataloader'):
        return
    elif isinstance(settings.get('datasets'), (list, tuple)):
        for i, part in enumerate(settings['datasets']):
            yield from data_sets(f'{key}.datasets[{i}]', part)
    else:
        yield key, settings


def _build(settings: ConfigDict) -> BaseDataset | None:
    """Return the data set without its list; None where that takes a server, or other classes."""
    kind = resolve(DATASETS, settings.get('type'))
    paths = [settings.get('data_root'), settings.get('ann_file')]
    backend = (settings.get('backend_args') or {}).get('backend', 'local')
    remote = backend != 'local' or any('://' in path for path in paths if isinstance(path, str))
    if remote or not (inspect.isclass(kind) and issubclass(kind, BaseDataset)):
        return None
    dataset = DATASETS.build(dict(settings, pipeline=[], lazy_init=True))
    return None if getattr(dataset, 'download', False) else dataset


def _read_list(key: str, settings: ConfigDict, dataset: BaseDataset) -> None:
    """Read the list of images; files that are not there are the system's to name.

    Raises:
        DataError: The list is empty, or no list of this class.
    """
    if isinstance(path := dataset.ann_file, str) and may_never_end(path):  # joined with the root
        raise OSError(f'{path!r} is a pipe or a device. Remedy: copy the data again')
    MMLogger.get_current_instance()  # else one that is made meanwhile would print nowhere for good
    try:
        with redirect_stdout(io.StringIO()):
            dataset.full_init()
    except (ValueError, KeyError, TypeError, IndexError, AssertionError) as error:
        if isinstance(error, AssertionError) and not os.path.exists(dataset.ann_file or ''):
            raise
        setting = _blame(settings, dataset)
        raise DataError(str(config_error(
            f'{key}.{setting}', settings.get(setting), f'{type(dataset).__name__} finds nothing '
            f'there that it can use ({type(error).__name__}: {error})', 'copy it again, or give '
            'annotations that this class reads (e.g. people with key points)'))) from error


def _blame(settings: ConfigDict, dataset: BaseDataset) -> str:
    """Return the setting without which the list can be read; else the one that says where it is."""
    for name in settings.keys() - {'type', 'data_root', 'ann_file', 'data_prefix'}:
        kept = {key: value for key, value in settings.items() if key != name}
        with suppress(Exception), redirect_stdout(io.StringIO()):
            DATASETS.build(dict(kept, pipeline=[], lazy_init=True)).full_init()
            return name
    usual = inspect.signature(type(dataset)).parameters.get('data_prefix')
    named, given = getattr(usual, 'default', None), settings.get('data_prefix')
    lacks = isinstance(named, dict) and isinstance(given, dict) and named.keys() - given.keys()
    return 'data_prefix' if lacks or not dataset.ann_file else 'ann_file'


def _pick_entries(dataset: BaseDataset) -> Iterator[dict[str, Any]]:
    """Return the data set's entries of at most ``MOST`` images that exist, evenly spaced."""
    count = len(dataset)
    for index in np.unique(np.linspace(0, count - 1, min(count, MOST)).round().astype(int)):
        info = dataset.get_data_info(int(index))
        path = info.get('img_path')
        if isinstance(path, str) and not os.path.exists(path):
            raise FileNotFoundError(f'no such file: {path!r}')
        yield info


def _hint(key: str, settings: ConfigDict) -> str:
    called, generator = KNOWN.get(kind_name(settings), ('the data set', None))
    generated = (f'; for data to try things out: mmst generate_data {generator} FOLDER'
                 if generator else '')
    return f' ({key}.data_root is the folder of {called}){generated}'
