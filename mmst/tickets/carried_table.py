"""Lists in a table the parts that a transfer carries over (paper Sec. 3.3)."""
from collections.abc import Mapping

from torch import nn

from ..costs.table import render
from ..pruning.mask import Mask


def carried_table(model: nn.Module, mask: Mask, origins: Mapping[str, str]) -> str:
    """Return parts of ``model`` with where they come from, their parameters and sparsity.

    Args:
        model (nn.Module): A whole OpenMMLab model, unwrapped.
        mask (Mask): Of its prunable weights.
        origins (Mapping[str, str]): Part to where it comes from; all others are new.
    """
    rows = []
    for part, module in model.named_children():
        count = sum(p.numel() for p in module.parameters())
        if count:
            own = Mask({n: t for n, t in mask.items() if n.startswith(f'{part}.')})
            rows.append((part, origins.get(part, 'new'), f'{count:,}',
                         f'{own.sparsity:.1%}' if own else '-'))
    return render('carried over', ['part', 'from', 'parameters', 'sparsity'], rows, width=100)
