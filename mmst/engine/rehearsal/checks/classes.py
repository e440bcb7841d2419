"""Does the model have an output for each class, or key point, of the data set?"""
import os
from collections.abc import Iterable, Iterator

from mmengine.config import Config

from .paths import holds_file
from .sources import Source, data_error


def check_classes(cfg: Config, source: Source) -> None:
    """Compare the heads with the data set, and classes with their folders.

    Raises:
        DataError: Naming the head's key, e.g. ``model.decode_head.num_classes``.
    """
    check = dict(mmseg=_check_segmentation, mmpretrain=_check_classification, mmpose=_check_pose)
    if source.task in check:
        check[source.task](cfg, source)


def heads(cfg: Config, *names: str) -> Iterator[tuple[str, dict]]:
    """Yield heads of the model with their keys; one name may stand for several heads."""
    for name in names:
        head = cfg.model.get(name)
        parts = head if isinstance(head, (list, tuple)) else [head]
        for i, part in enumerate(parts):
            if isinstance(part, dict):
                yield f'model.{name}' + (f'[{i}]' if part is not head else ''), part


def _check_segmentation(cfg: Config, source: Source) -> None:
    classes = source.dataset.metainfo.get('classes')
    if classes:
        for key, head in heads(cfg, 'decode_head', 'auxiliary_head'):
            _compare(f'{key}.num_classes', head.get('num_classes'), len(classes), 'classes', source)


def _check_classification(cfg: Config, source: Source) -> None:
    dataset = source.dataset
    found, listed = len(dataset.CLASSES or ()), -1
    if getattr(dataset, 'with_label', False):
        if dataset.ann_file:
            folders, listed = _read_list(source)
            _check_filled(source, folders)
        else:
            found = _count_class_folders(source, found)
    for key, head in heads(cfg, 'head'):
        count = head.get('num_classes')
        if found:
            _compare(f'{key}.num_classes', count, found, 'classes', source)
        if isinstance(count, int) and listed >= count:
            raise data_error(
                f'{key}.num_classes', count,
                f'{dataset.ann_file} has an image of class {listed}, counted from 0',
                f'set {key}.num_classes={listed + 1}, or use another file')


def _read_list(source: Source) -> tuple[set[str], int]:
    """Return folders and highest class number of an annotation file."""
    path = source.dataset.ann_file
    folders, highest = set(), -1
    with open(path, encoding='utf-8') as file:
        for number, line in enumerate(file, 1):
            image, _, label = line.strip().rpartition(' ')
            if not label.isdigit():
                raise data_error(f'{source.key}.ann_file', path, f'line {number} ends in no class '
                                 'number', 'each line is a path, a space and a number')
            folders.add(os.path.dirname(image))
            highest = max(highest, int(label))
    return folders, highest


def _check_filled(source: Source, folders: Iterable[str]) -> None:
    root = source.dataset.img_prefix
    for name in sorted(folders):
        if not holds_file(os.path.join(root, name), source.dataset.extensions):
            raise data_error(f'{source.key}.data_root', root, f'the class folder {name!r} holds no '
                             'image', 'fill it, or remove it in all splits and lists')


def _count_class_folders(source: Source, named: int) -> int:
    """Return the number of class folders, each of which must hold an image."""
    dataset, root = source.dataset, source.dataset.img_prefix
    folders = sorted(entry.name for entry in os.scandir(root) if entry.is_dir())
    if not folders:
        raise data_error(
            f'{source.key}.data_root', root, 'it holds no class folders',
            'each class has a folder of its own there, with the same names for all splits')
    _check_filled(source, folders)
    if named and named != len(folders):
        raise data_error(
            f'{source.key}.type', type(dataset).__name__,
            f'it names {named} classes, and {root} holds {len(folders)} class folders',
            'for another set of classes use type=\'CustomDataset\', with_label=True')
    return len(folders)


def _check_pose(cfg: Config, source: Source) -> None:
    for key, head in heads(cfg, 'head'):
        count = source.dataset.metainfo['num_keypoints']
        _compare(f'{key}.out_channels', head.get('out_channels'), count, 'key points', source)


def _compare(key: str, value, wanted: int, what: str, source: Source) -> None:
    if isinstance(value, int) and value != wanted:
        name = type(source.dataset).__name__
        raise data_error(key, value, f'the data set {name} of {source.key} has {wanted} {what}',
                         f'set {key}={wanted}, or use another data set')
