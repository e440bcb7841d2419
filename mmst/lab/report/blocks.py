"""Finds a search block's place in the supernet (supplement, Fig. 1) by its path."""
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_FUSION = re.compile(r'fusions\.(\d+)\.blocks\.(\d+)\.(\d+)')
_NEW = re.compile(r'fusions\.(\d+)\.new_branch')
_PARALLEL = re.compile(r'parallels\.(\d+)\.(\d+)\.(\d+)')
_NECK = re.compile(r'(widen|downsample)\.(\d+)')


@dataclass(frozen=True)
class Block:
    """Is a search block.

    Attributes:
        path (str): With the part that it belongs to.
        kind (str): ``'fusion'``, ``'new'``, ``'parallel'``, ``'neck'``.
        label (str): Short, for rows of a table.
        name (str): For readers.
        stage (int): From 0; that of a neck is -1.
        branch (int): From 0, the highest resolution.
        source (int): Of a fusion, the branch that it reads.
        depth (int): Of a parallel module and a neck, the place in the row.
    """
    path: str
    kind: str
    label: str
    name: str
    stage: int = -1
    branch: int = 0
    source: int = 0
    depth: int = 0


def blocks_of(widths: Mapping[str, Mapping[str, Any]]) -> list[Block]:
    """Return all blocks, in the order in which images pass them.

    Args:
        widths (Mapping): By part, e.g. a timeline's.
    """
    new = _new_branches(widths.get('backbone', {}))
    found = [_block(part, path, new) for part, blocks in widths.items() for path in blocks]
    order = dict(fusion=0, new=0, parallel=1)
    return sorted(found, key=lambda b: (b.stage < 0, b.stage, order.get(b.kind, 2), b.branch,
                                        b.depth, b.source))


def _new_branches(paths: Mapping[str, Any]) -> dict[int, int]:
    """Return the branch that each stage's fusion module opens."""
    branches: dict[int, int] = {}
    for path in paths:
        found = _FUSION.fullmatch(path)
        if found:
            stage, branch = int(found[1]), int(found[2])
            branches[stage] = max(branches.get(stage, 0), branch + 1)
    return branches


def _block(part: str, path: str, new: Mapping[int, int]) -> Block:
    full, found = f'{part}.{path}', _match(path)
    if found is None:
        return Block(full, 'neck', full.replace('.block', ''), full.replace('.block', ''))
    kind, numbers = found
    if kind == 'fusion':
        stage, branch, source = numbers
        return Block(full, kind, f'stage {stage + 1}, branch {source + 1} to {branch + 1}',
                     f'stage {stage + 1}, fusion, branch {branch + 1} from branch {source + 1}',
                     stage, branch, source)
    if kind == 'new':
        stage, branch = numbers[0], new.get(numbers[0], 0)
        return Block(full, kind, f'stage {stage + 1}, new branch {branch + 1}',
                     f'stage {stage + 1}, fusion, new branch {branch + 1}', stage, branch,
                     branch - 1)
    if kind == 'parallel':
        stage, branch, depth = numbers
        return Block(full, kind, f'stage {stage + 1}, branch {branch + 1}, block {depth + 1}',
                     f'stage {stage + 1}, parallel, branch {branch + 1}, block {depth + 1}',
                     stage, branch, branch, depth)
    branch = numbers[0] + (kind == 'downsample')
    label = f'neck {kind} {numbers[0] + 1}'
    return Block(full, 'neck', label, label, -1, branch, branch - (kind == 'downsample'),
                 int(kind == 'downsample'))


def _match(path: str) -> tuple | None:
    for kind, pattern in (('fusion', _FUSION), ('new', _NEW), ('parallel', _PARALLEL)):
        found = pattern.fullmatch(path)
        if found:
            return kind, tuple(map(int, found.groups()))
    found = _NECK.fullmatch(path)
    return (found[1], (int(found[2]), )) if found else None
