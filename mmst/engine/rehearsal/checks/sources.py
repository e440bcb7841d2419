"""Finds and builds the data sets that a config names, without reading any data."""
import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mmengine.config import Config, ConfigDict
from mmengine.dataset import BaseDataset
from mmengine.registry import DATASETS

from ....errors import DataError
from ....settings.resolve import resolve


@dataclass(frozen=True)
class Source:
    """Describes a data set of the config.

    Attributes:
        key (str): Where it stands, e.g. ``train_dataloader.dataset``.
        cfg (ConfigDict): Its settings.
        dataset (BaseDataset, optional): Built, nothing read; None for classes that cannot do this
            and for data on a server.
    """
    key: str
    cfg: ConfigDict
    dataset: BaseDataset | None

    @property
    def is_remote(self) -> bool:
        """Return whether the files lie on a server."""
        return _is_remote(self.cfg)

    @property
    def task(self) -> str | None:
        """Return ``'mmseg'``, ``'mmpretrain'`` or ``'mmpose'``, by the class's ancestry."""
        packages = [c.__module__.partition('.')[0] for c in type(self.dataset).__mro__]
        return next((p for p in packages if p in ('mmseg', 'mmpretrain', 'mmpose')), None)


def find_sources(cfg: Config, loader: str) -> Iterator[Source]:
    """Yield all data sets of a dataloader, those inside wrappers (``ConcatDataset``, …) included.

    Args:
        cfg (Config): The whole config.
        loader (str): E.g. ``'train_dataloader'``. Nothing is found where the config has none.
    """
    settings = cfg.get(loader)
    if isinstance(settings, dict) and isinstance(settings.get('dataset'), dict):
        for key, dataset in _leaves(f'{loader}.dataset', settings['dataset']):
            yield Source(key, dataset, _build_lazily(dataset))


def _leaves(key: str, cfg: ConfigDict) -> Iterator[tuple[str, ConfigDict]]:
    if isinstance(cfg.get('dataset'), dict):
        yield from _leaves(f'{key}.dataset', cfg['dataset'])
    elif isinstance(cfg.get('datasets'), (list, tuple)):
        for i, part in enumerate(cfg['datasets']):
            yield from _leaves(f'{key}.datasets[{i}]', part)
    else:
        yield key, cfg


def _build_lazily(cfg: ConfigDict) -> BaseDataset | None:
    if _is_remote(cfg):
        return None
    kind = resolve(DATASETS, cfg.get('type'))
    lazy = inspect.isclass(kind) and issubclass(kind, BaseDataset)
    return DATASETS.build(dict(cfg, pipeline=[], lazy_init=True)) if lazy else None


def _is_remote(cfg: ConfigDict) -> bool:
    paths = [cfg.get('data_root'), cfg.get('ann_file')]
    backend = (cfg.get('backend_args') or {}).get('backend', 'local')
    return backend != 'local' or any('://' in path for path in paths if isinstance(path, str))


def data_error(key: str, value: Any, problem: str, remedy: str) -> DataError:
    """Return a :class:`DataError` of the project's one form."""
    return DataError(f'{key} = {value!r}: {problem}. Remedy: {remedy}.')
