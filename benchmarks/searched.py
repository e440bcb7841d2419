"""Full-width searched networks for measurements, pruned by global magnitude after a short training.

No full training has been made with this repository, so that no searched network of the paper's
settings is at hand: units are removed at random, down to the size that the paper reports on
Cityscapes, the more of them the higher a block's resolution.
"""
import copy
import sys
from pathlib import Path
from typing import Dict, Iterator, Tuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmst.analysis.cost import feature_sizes, layer_costs, total
from mmst.models import DensePredictionNeck, HRNASSupernet, search_blocks
from mmst.pruning.criteria import Magnitude
from mmst.pruning.draw import draw_mask
from mmst.pruning.mask import Mask
from mmst.pruning.prunable import prunable_weights
from mmst.search.surgery import Cut

#: Parameters and MACs of the searched network (paper, Cityscapes), the latter at this size.
PARAMS, MACS, SIZE = 1.3e6, 2.03e9, (512, 1024)
CLASSES = 19
#: One search block in so many keeps a Transformer, with this share of its tokens.
TRANSFORMER_EVERY, TOKENS = 8, .5
#: Height and width of the images of the short training: shares of weights matter, not accuracy.
TRAIN_SIZE = (32, 64)


class Segmentor(nn.Module):
    """Backbone, neck and classifier: what a latency is measured of."""

    def __init__(self):
        super().__init__()
        self.backbone = HRNASSupernet(channels_last=False)
        self.neck = DensePredictionNeck()
        self.classifier = nn.Conv2d(90, CLASSES, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.neck(self.backbone(x))[0])


def supernet(seed: int) -> Segmentor:
    """The full-width supernet for Cityscapes, initialised as for training."""
    torch.manual_seed(seed)
    model = Segmentor()
    for part in (model.backbone, model.neck):
        part._dump_init_info = lambda: None  # mmengine's log of it has thousands of lines
        part.init_weights()
    return model.eval()


def searched(seed: int) -> Segmentor:
    """The supernet after random removals, down to the paper's parameters and MACs."""
    model = supernet(seed)
    return cut(model, *solve(model, seed), seed)


def solve(model: Segmentor, seed: int) -> Tuple[float, float]:
    """Share of hidden channels to keep at stride 32 and how steeply it falls above."""
    sizes = feature_sizes(model, SIZE)
    units = []  # level, channels, their parameters and MACs
    for name, block in search_blocks(model).items():
        path = block.mixconv
        macs = path.macs(*sizes[f'{name}.mixconv'])
        params = sum(p.numel() for p in path.parameters()) - 2 * path.out_channels
        units.append((_level(name), float(params), float(macs.sum())))
    bare = total(layer_costs(cut(copy.deepcopy(model), 0., 0., seed), SIZE))
    low_steep, high_steep = 0., 4.
    for _ in range(30):  # bisection: a steeper removal costs fewer MACs at equal parameters
        steep = (low_steep + high_steep) / 2
        share = (PARAMS - bare['params']) / sum(p * 2**(-steep * (3 - l)) for l, p, _ in units)
        macs = bare['macs'] + share * sum(m * 2**(-steep * (3 - l)) for l, _, m in units)
        low_steep, high_steep = (steep, high_steep) if macs > MACS else (low_steep, steep)
    return share, steep


def cut(model: Segmentor, share: float, steep: float, seed: int) -> Segmentor:
    """Keep ``share`` of the hidden channels at stride 32, 2^-steep of that a step up; in place."""
    draw = torch.Generator().manual_seed(seed)
    for i, (name, block) in enumerate(search_blocks(model).items()):
        for group in (g for module in block.modules() if hasattr(module, 'search_units')
                      for g in module.search_units().values()):
            kept = share * 2**(-steep * (3 - _level(name)))
            if group.kind == 'token':
                kept = TOKENS if i % TRANSFORMER_EVERY == 0 else 0.
            order = torch.rand(len(group), generator=draw).argsort()
            group.keep(order[:round(min(kept, 1.) * len(group))].sort().values, Cut())
    return model


def _level(name: str) -> int:
    """Branch that a block reads: 0 at the highest resolution."""
    parts = name.split('.')
    if parts[0] == 'neck':
        return 0
    if parts[-1] == 'new_branch':
        return int(parts[2])
    return int(parts[-1] if parts[1] == 'fusions' else parts[3])


# -------------------------------------------------------------------------- training, pruning


def scenes(batch: int, size: Tuple[int, int], seed: int) -> Iterator[Tuple[Tensor, Tensor]]:
    """Images of coloured noise at several scales; a pixel's class follows from its colours."""
    draw = torch.Generator().manual_seed(seed)
    palette = torch.randn(CLASSES, 3, generator=draw)
    while True:
        image = sum(F.interpolate(torch.randn(batch, 3, size[0] // s, size[1] // s, generator=draw),
                                  size, mode='bilinear') for s in (4, 16, 32))
        small = F.avg_pool2d(image, 4)
        yield image, torch.einsum('nchw,kc->nkhw', small, palette).argmax(1)


def train(model: Segmentor, steps: int, seed: int, size: Tuple[int, int] = TRAIN_SIZE) -> float:
    """AdamW with a one-cycle schedule, as the Cityscapes config; returns the last loss."""
    model.train()
    weights = [p for p in model.parameters() if p.numel()]
    optimizer = torch.optim.AdamW(weights, lr=.04, eps=1e-3, weight_decay=1e-5)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, .04, steps)
    data = scenes(4, size, seed)
    for _ in range(steps):
        image, label = next(data)
        loss = F.cross_entropy(model(image), label)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    model.eval()
    return float(loss)


@torch.no_grad()
def prune(model: Segmentor, sparsity: float, scope: str, seed: int) -> Mask:
    """Magnitude pruning in place, over all weights or in each layer; then BN statistics anew."""
    weights = prunable_weights(model)
    mask = draw_mask(Magnitude().score(weights, {}), sparsity, scope)
    for name, weight in weights.items():
        weight.masked_fill_(~mask[name], 0)
    norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # cumulative
    model.train()
    for (image, _), _ in zip(scenes(4, TRAIN_SIZE, seed), range(2)):
        model(image)
    return model.eval() and mask


def kept_by_kind(mask: Mask) -> Dict[str, float]:
    """Share of weights kept in each kind of layer."""
    kinds: Dict[str, list] = {}
    for name, kept in mask.items():
        kind = next((k for k in ('expand', 'depthwise', 'project.', 'residual', 'stem')
                     if f'.{k}' in name), 'Transformers')
        counts = kinds.setdefault(kind.strip('.'), [0, 0])
        counts[0] += int(kept.sum())
        counts[1] += kept.numel()
    return {kind: kept / max(1, size) for kind, (kept, size) in kinds.items()}


def main() -> None:
    """Make and train the searched network that ``latency.py`` measures; keep it in a file."""
    path, steps, seed = Path(sys.argv[1]), int(sys.argv[2]), 0
    model = searched(seed)
    costs = total(layer_costs(model, SIZE))
    print(f'{costs["params"] / 1e6:.3f} M parameters, {costs["macs"] / 1e9:.3f} GMACs', flush=True)
    loss = train(model, steps, seed)
    print(f'loss {loss:.3f}')
    path.parent.mkdir(parents=True, exist_ok=True)
    told = dict(training='{} steps at {}x{}'.format(steps, *TRAIN_SIZE), seed=seed, loss=loss)
    torch.save(dict(state_dict=model.state_dict(), **told), path)


def load(path: Path) -> Tuple[Segmentor, dict]:
    """The network of a file that ``main`` wrote, and how it came about."""
    told = torch.load(path, weights_only=True)
    model = Segmentor()
    model.load_state_dict(told.pop('state_dict'))
    return model.eval(), told


if __name__ == '__main__':
    main()
