"""Checks that the model has an output for each class, or key point, of the data set."""
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from mmengine.config import Config
from mmengine.dataset import BaseDataset

from ...errors import DataError, config_error
from ...settings.checks import as_whole

#: Things that a data set lists, heads with an output for each, and the setting that counts them.
_OUTPUTS = (('classes', ('decode_head', 'auxiliary_head', 'head'), 'num_classes'),
            ('num_keypoints', ('head', ), 'out_channels'))


def check_outputs(cfg: Config, key: str, dataset: BaseDataset,
                  infos: Sequence[dict[str, Any]]) -> None:
    """Compare the heads with the data set and with its images' labels.

    Raises:
        DataError: Naming the head's key, e.g. ``model.decode_head.num_classes``.
    """
    name, metainfo = type(dataset).__name__, dataset.metainfo
    for things, names, setting in _OUTPUTS:
        found = metainfo.get(things) or 0
        wanted = found if isinstance(found, int) else len(found)
        for head, settings in heads(cfg, *names):
            given = settings.get(setting)
            if wanted and as_whole(given) not in (None, wanted):
                raise _error(f'{head}.{setting}', given, f'the data set {name} of {key} has '
                             f'{wanted} {things.replace("num_keypoints", "key points")}',
                             f'set {head}.{setting}={wanted}, or use another data set')
    _check_classes(cfg, key, dataset)
    lengths = {info['keypoints'].shape[1] for info in infos if 'keypoints' in info}
    for length in sorted(lengths - {metainfo.get('num_keypoints')}):
        raise _error(f'{key}.ann_file', dataset.ann_file, f'it has people with {length} key '
                     f'points, and {name} has {metainfo.get("num_keypoints")}', 'give a file of '
                     'its key points, e.g. annotations/person_keypoints_val2017.json of COCO')


def heads(cfg: Config, *names: str) -> Iterator[tuple[str, dict]]:
    """Return heads of the model with their keys; one name may stand for several heads."""
    for name in names:
        head = cfg.model.get(name)
        parts = head if isinstance(head, (list, tuple)) else [head]
        for i, part in enumerate(parts):
            if isinstance(part, dict):
                yield f'model.{name}' + (f'[{i}]' if part is not head else ''), part


def _check_classes(cfg: Config, key: str, dataset: BaseDataset) -> None:
    """Check a classification: each class has an image, and each image's class an output."""
    if not getattr(dataset, 'with_label', False):
        return
    counts, classes = Counter(dataset.get_gt_labels().tolist()), dataset.CLASSES or ()
    for i, name in enumerate(classes if not dataset.ann_file else ()):
        if not counts[i]:
            raise _error(f'{key}.data_root', dataset.img_prefix, f'the class folder {name!r} holds '
                         'no image', 'fill it, or remove it in all splits and lists')
    for head, settings in heads(cfg, 'head'):
        most, count = max(counts), settings.get('num_classes')
        if as_whole(count) is not None and most >= count:
            raise _error(f'{head}.num_classes', count, f'{dataset.ann_file} has an image of class '
                         f'{most}, counted from 0', f'set {head}.num_classes={most + 1}, or use '
                         'another file')


def _error(key: str, value: Any, problem: str, remedy: str) -> DataError:
    return DataError(str(config_error(key, value, problem, remedy)))
