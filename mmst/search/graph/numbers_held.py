"""Finds numbers held by modules that may have to follow the units of a group."""
from torch import nn

from .plan import Coupled


def numbers_of(model: nn.Module, group: Coupled) -> list[tuple[str, str, int]]:
    """Return whole numbers that modules around a group's layers hold and that fit its units.

    A number fits where it is that of the units, or of all channels along a side of a tensor.

    Returns:
        List[Tuple[str, str, int]]: Path of the module, name of the number, and how many times the
        units it is; numbers of the innermost modules first.
    """
    sizes = {group.units: 1}
    for positions in group.members.values():
        sizes.setdefault(positions.numel(), positions.shape[1])
    found = {}
    for name, _ in group.members:
        path = name.rpartition('.')[0]
        while path:
            path = path.rpartition('.')[0]
            if path in found:
                break
            found[path] = [(path, own, sizes[value])
                           for own, value in vars(model.get_submodule(path)).items()
                           if type(value) is int and value in sizes and value > 1
                           and not own.startswith('_')]
    paths = sorted(found, key=lambda path: -path.count('.'))
    return [number for path in paths for number in found[path]]
