"""Parameter groups by weight decay."""
from typing import Dict, List, Tuple

import torch
from mmengine.optim import DefaultOptimWrapperConstructor, OptimWrapper
from mmengine.utils import digit_version
from torch import nn

from ...pruning.prunable import PRUNABLE
from ...registry import OPTIM_WRAPPER_CONSTRUCTORS


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class DecayGroupsConstructor(DefaultOptimWrapperConstructor):
    """Weight decay on the weights of convolutions and linears only, as released.

    Two groups in all: mmengine makes one for each of some thousand parameters, and an optimizer's
    step then costs a loop over them. With a ``paramwise_cfg`` mmengine's rules hold, without decay of
    norms and biases unless it says otherwise, but parameters of equal settings share a group. The optimizer's fused form is used where it has one (Adam and AdamW; torch from 2.4 on CPU)
    unless the config says otherwise. Same arguments.
    """

    def __call__(self, model: nn.Module) -> OptimWrapper:
        self.by_rules = bool(self.paramwise_cfg)
        self.paramwise_cfg = {**dict(norm_decay_mult=0., bias_decay_mult=0.),
                              **(self.paramwise_cfg or {})}
        if self.optimizer_cfg['type'] in ('Adam', 'AdamW') and fused_available(model):
            self.optimizer_cfg = dict(dict(fused=True), **self.optimizer_cfg)
        return super().__call__(model)

    def add_params(self, params: List[dict], module: nn.Module, **kwargs) -> None:
        if self.by_rules:
            separate: List[dict] = []
            super().add_params(separate, module, **kwargs)  # which comes back here for each child
            base = dict(lr=self.base_lr, weight_decay=self.base_wd)
            params.extend(merged(separate, {k: v for k, v in base.items() if v is not None}))
            return
        weights = {id(m.weight) for m in module.modules() if isinstance(m, PRUNABLE)}
        trained = [p for p in module.parameters() if p.requires_grad]
        params.append(dict(params=[p for p in trained if id(p) in weights]))
        params.append(dict(params=[p for p in trained if id(p) not in weights], weight_decay=0.))


def merged(groups: List[dict], base: dict) -> List[dict]:
    """One group for all parameters of equal settings, ``base`` where they have none of their own."""
    found: Dict[Tuple, dict] = {}
    for group in groups:
        settings = {**base, **{key: value for key, value in group.items() if key != 'params'}}
        params = group['params']
        first = found.setdefault(tuple(sorted(settings.items())), dict(settings, params=[]))
        first['params'].extend([params] if isinstance(params, nn.Parameter) else params)
    return list(found.values())


def fused_available(model: nn.Module) -> bool:
    """Whether Adam's fused form runs where the model's parameters are."""
    on_cpu = any(p.device.type == 'cpu' for p in model.parameters())
    return not on_cpu or digit_version(torch.__version__) >= digit_version('2.4')
