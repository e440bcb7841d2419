"""Explains the pictures of a toolbox's own visualizer."""
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

#: Classes whose colours a legend names at most.
_MOST = 40


def legend(drawer: Any) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Return a description of a picture, and the meaning of its colours.

    Args:
        drawer: A visualizer of mmpretrain, mmpose or mmdet that knows its data set.

    Returns:
        tuple: Words, and pairs of a colour (``#rrggbb``) and its name.
    """
    meta = drawer.dataset_meta or {}
    if hasattr(drawer, 'visualize_cls'):
        return 'the label, then the prediction with its score', ()
    words = 'left the labels, right the predictions'
    if 'keypoint_colors' in meta:
        return words, _sides(meta['keypoint_id2name'].values(), meta['keypoint_colors'])
    colours = list(meta.get('palette') or ())
    return words, tuple((_hex(colour), str(name)) for colour, name in zip(
        colours[:_MOST], meta.get('classes') or (), strict=False))


def _sides(names: Iterable[str], colours: Iterable[Any]) -> tuple[tuple[str, str], ...]:
    """Return a name for each colour of key points: the side that they share, else their names."""
    points = defaultdict(list)
    for name, colour in zip(names, colours, strict=True):
        points[_hex(colour)].append(str(name))
    found = []
    for colour, members in points.items():
        sides = {name.split('_')[0] for name in members}
        shared = f'{sides.pop()} side' if sides in ({'left'}, {'right'}) else None
        found.append((colour, shared or ', '.join(name.replace('_', ' ') for name in members)))
    return tuple(found)


def _hex(colour: Any) -> str:
    return '#' + ''.join(f'{int(value):02x}' for value in colour)
