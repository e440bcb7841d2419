"""Do the folders and files of a data set exist, and do they hold anything?"""
import os
import os.path as osp
from collections.abc import Iterator, Sequence

from mmengine.config import Config

from .sources import Source, data_error

#: Class of a data set: how its real folder is called and looks, and what generates one like it.
KNOWN = dict(
    CityscapesDataset=('Cityscapes (leftImg8bit/ and gtFine/)', 'cityscapes'),
    ADE20KDataset=('ADEChallengeData2016 (images/ and annotations/)', 'ade20k'),
    ImageNet=('ImageNet (train/ and val/)', 'imagenet'),
    CustomDataset=('a folder of images for each class', 'imagenet'),
    CocoDataset=('COCO (annotations/, train2017/ and val2017/)', 'coco'))


def check_paths(source: Source) -> None:
    """Refuse a data set of which something is missing or empty.

    Raises:
        DataError: Naming the key, e.g. ``train_dataloader.dataset.data_root``.
    """
    if source.is_remote or getattr(source.dataset, 'download', False):
        return
    root = source.cfg.get('data_root')
    if root:
        _check_folder(source, f'{source.key}.data_root', root)
    if source.dataset is None:
        return
    for name, folder in source.dataset.data_prefix.items():
        if folder:
            _check_folder(source, _prefix_key(source, name), folder, _suffix(source, name))
    for name in ('ann_file', 'bbox_file'):
        path = getattr(source.dataset, name, None)
        if path:
            _check_file(source, f'{source.key}.{name}', path)


def check_evaluator_files(cfg: Config, evaluator: str) -> None:
    """Refuse a metric whose annotation file (``CocoMetric``) is missing or empty.

    Raises:
        DataError: Naming the key, e.g. ``val_evaluator.ann_file``.
    """
    for key, path in _annotation_files(evaluator, cfg.get(evaluator)):
        problem = _file_problem(path)
        if problem:
            raise data_error(key, path, problem, 'set it to the annotation file of the data set '
                             'that is evaluated')


def _annotation_files(key: str, cfg) -> Iterator[tuple[str, str]]:
    if isinstance(cfg, (list, tuple)):
        for i, metric in enumerate(cfg):
            yield from _annotation_files(f'{key}[{i}]', metric)
    elif isinstance(cfg, dict) and cfg.get('ann_file'):
        yield f'{key}.ann_file', cfg['ann_file']


def _check_folder(source: Source, key: str, folder: str, suffix: str | None = None) -> None:
    if not osp.isdir(folder):
        problem = f'no such folder{_looked_at(folder)}'
    elif not holds_file(folder, ()):
        problem = f'the folder is empty{_looked_at(folder)}'
    elif suffix and not holds_file(folder, (suffix, )):
        problem = f'no file in it ends in {suffix!r}'
    else:
        return
    raise data_error(key, folder, problem, _remedy(source))


def _check_file(source: Source, key: str, path: str) -> None:
    problem = _file_problem(path)
    if problem:
        raise data_error(key, path, problem, _remedy(source))


def _file_problem(path: str) -> str | None:
    if not osp.isfile(path):
        return f'no such file{_looked_at(path)}'
    return None if osp.getsize(path) else 'the file is empty'


def holds_file(folder: str, suffixes: Sequence[str]) -> bool:
    """Return whether a file with one of the suffixes (of any name, where there are none) lies
    below.
    """
    ends = tuple(suffix.lower() for suffix in suffixes) or ('', )
    return any(name.lower().endswith(ends) for _, _, files in os.walk(folder, followlinks=True)
               for name in files)


def _prefix_key(source: Source, name: str) -> str:
    written = source.cfg.get('data_prefix')
    if isinstance(written, dict) and name in written:
        return f'{source.key}.data_prefix.{name}'
    return f'{source.key}.{"data_prefix" if written else "split"}'


def _suffix(source: Source, name: str) -> str | None:
    """Return the ending of mmseg's files, which otherwise finds none and trains on nothing."""
    return getattr(source.dataset, {'img_path': 'img_suffix', 'seg_map_path': 'seg_map_suffix'}.get(
        name, ''), None)


def _looked_at(path: str) -> str:
    return '' if osp.isabs(path) else f' in {os.getcwd()}'


def _remedy(source: Source) -> str:
    where = f'set {source.key}.data_root to the folder'
    what, generator = KNOWN.get(type(source.dataset).__name__, (None, None))
    if what is None:
        return f'{where} of the data set'
    return (f'{where} of {what}; for data to try things out: '
            f'mmst generate_data {generator} FOLDER')
