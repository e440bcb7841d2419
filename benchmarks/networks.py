"""Builds the networks to be timed: supernet, searched network, tickets of shipped commands."""
from collections.abc import Sequence
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch import Tensor, nn

import mmst  # noqa: F401  first: it prepares OpenMMLab's packages
from mmst.costs.cost import layer_costs, total
from mmst.deploy.compact import compact
from mmst.deploy.open import open_ticket
from mmst.engine.build import build_model
from mmst.engine.run.start_file import check_tested
from mmst.pruning.mask import Mask
from mmst.tickets import Ticket


def load_networks(config: str, checkpoint: str, tickets: Sequence[str],
                  compacted: bool | Sequence[str] = False) -> dict[str, nn.Module]:
    """Map names to networks, in eval mode.

    Args:
        config (str): Of the run; ``supernet`` is its untrained model.
        checkpoint (str): Of the run, its masks lifted: ``searched``.
        tickets (Sequence[str]): Files of mmst prune: each is named by sparsity and scope, e.g.
            ``90% global``, and by a criterion other than magnitude; those of other commands by
            their folder.
        compacted (bool | Sequence[str]): Whether each ticket comes compacted, too; or which.
    """
    cfg = Config.fromfile(config)
    init_default_scope(cfg.default_scope)
    torch.manual_seed(0)
    networks = dict(supernet=build_model(cfg), searched=build_model(cfg))
    check_tested(checkpoint, networks['searched'])
    for path in tickets:
        ticket = open_ticket(path)
        name = ticket_name(ticket, path)
        networks[name] = ticket.build()
        if compacted is True or (compacted and name in compacted):
            networks[f'{name} compacted'] = compact(ticket).build()
    return {name: model.eval() for name, model in networks.items()}


def ticket_name(ticket: Ticket, path: str) -> str:
    """Return a ticket's sparsity, scope and criterion, or its folder."""
    origin = ticket.meta.get('origin') or {}
    criterion = origin.get('criterion', 'magnitude')
    return (f'{ticket.sparsity:.0%} {origin.get("scope") or Path(path).absolute().parent.name}'
            + f' by {criterion}' * (criterion != 'magnitude'))


def nonzero(model: nn.Module) -> Mask:
    """Mark the weights of convolutions and linears that are not 0."""
    return Mask({f'{name}.weight': m.weight != 0 for name, m in model.named_modules()
                 if isinstance(m, (nn.Conv2d, nn.Linear))})


def describe(model: nn.Module, size: Sequence[int]) -> dict[str, float]:
    """Count parameters and multiply-adds, those of kept weights too."""
    costs = total(layer_costs(model, tuple(size), nonzero(model)))
    return {key: float(value) for key, value in costs.items()}


def kept_by_kind(model: nn.Module) -> dict[str, float]:
    """Return the share of weights that are not 0, by kind of layer."""
    kinds: dict[str, list] = {}
    for name, kept in nonzero(model).items():
        kind = next((k for k in ('expand', 'depthwise', 'project.', 'residual', 'stem', 'head')
                     if k in name.replace('_proj', '')), 'Transformers')
        counts = kinds.setdefault(kind.strip('.'), [0, 0])
        counts[0] += int(kept.sum())
        counts[1] += kept.numel()
    return {kind: kept / max(1, size) for kind, (kept, size) in kinds.items()}


def random_image(size: Sequence[int], batch: int = 1) -> Tensor:
    """Return normalised noise, the same each time."""
    return torch.randn(batch, 3, *size, generator=torch.Generator().manual_seed(0))
