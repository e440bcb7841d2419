"""Says which part of a network a run prunes and searches."""
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from torch import nn

from ..pruning.matrices import matrix_names
from ..search.units import searched_parameters


@dataclass(frozen=True)
class Coverage:
    """Counts learnable parameters by their fate in a run.

    Attributes:
        total (int): Of the whole network; a shared one counts once.
        prunable (int): Weights that pruning chooses among.
        searched (int): Parameters that a search may cut, those of modules that offer units or that
            hold a channel of a group; many of them are prunable, too.
        left_out (Dict[str, int]): All other weights, by part of the network, the largest first.
    """
    total: int
    prunable: int
    searched: int
    left_out: dict[str, int]

    def line(self, largest: int = 3) -> str:
        """Return a line for the log; it names the ``largest`` parts that are left out."""
        lines = [f'{name} {self._share(count)}'
                 for name, count in list(self.left_out.items())[:largest] if count]
        rest = sum(list(self.left_out.values())[largest:])
        lines += [f'other {self._share(rest)}'] if rest else []
        out = sum(self.left_out.values())
        named = f' ({", ".join(lines)})' if lines else ''
        return (f'of {self.total:,} parameters {self._share(self.prunable)} are prunable and '
                f'{self._share(self.searched)} lie in searched modules; neither: '
                f'{self._share(out)}{named}')

    def _share(self, count: int) -> str:
        return f'{count / max(self.total, 1):.1%}'


def coverage(model: nn.Module, pruned: Mapping[str, nn.Parameter],
             searched: Iterable[str] = (), parts: Sequence[str] = ()) -> Coverage:
    """Return the coverage of a run: the parts that it leaves as they are.

    Args:
        model (nn.Module): A whole OpenMMLab model, unwrapped.
        pruned (Mapping[str, nn.Parameter]): The prunable weights.
        searched (Iterable[str]): Names of the groups of search units; see ``find_units``.
        parts (Sequence[str]): Parts of the model in which weights are pruned. Of these the norms
            and biases are distinguished from other tensors.
    """
    inside = searched_parameters(model, searched)
    own = {id(p) for p in pruned.values()}
    sums: Counter[str] = Counter()
    prunable = within = 0
    for name, p in model.named_parameters():
        found, is_searched = id(p) in own, name in inside
        prunable += p.numel() * found
        within += p.numel() * is_searched
        if not found and not is_searched:
            sums[_part(model, name, p, parts)] += p.numel()
    total = sum(p.numel() for p in model.parameters())
    return Coverage(total, prunable, within, dict(sums.most_common()))


def _part(model: nn.Module, name: str, parameter: nn.Parameter, parts: Sequence[str]) -> str:
    part, _, rest = name.partition('.')
    if not rest or (parts and part not in parts):
        return part
    path, _, key = name.rpartition('.')
    if parameter.dim() < 2:
        return f'norms and biases of {part}'
    # Matrices that were left alone by layer, embeddings, positions and the like by their own name.
    return path if key in matrix_names(model.get_submodule(path)) else name
