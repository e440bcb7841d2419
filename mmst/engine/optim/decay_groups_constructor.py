"""Groups parameters by weight decay."""
import inspect
from typing import Any

import torch
from mmengine.optim import DefaultOptimWrapperConstructor, OptimWrapper
from mmengine.registry import OPTIMIZERS
from mmengine.utils import digit_version
from torch import nn

from ...errors import config_error
from ...pruning.prunable import PRUNABLE
from ...registry import OPTIM_WRAPPER_CONSTRUCTORS
from ...settings.kinds import kind_name


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class DecayGroupsConstructor(DefaultOptimWrapperConstructor):
    """Makes few groups: by default weight decay acts on convolutions' and linears' weights only.

    That is as released, in two groups. mmengine makes a group for each of some thousand parameters,
    and an optimizer's step then costs a loop over them. With a ``paramwise_cfg`` mmengine's rules
    hold in the place of the default (norms and biases do not decay unless it says otherwise; a
    custom key without ``decay_mult`` decays in full), but parameters of equal settings share a
    group.

    The optimizer's fused form is used where it has one (Adam and AdamW; torch from 2.4 on CPU)
    unless the config says otherwise. Arguments as in mmengine's constructor.
    """

    optimizer_cfg: dict[str, Any]

    def __init__(self, optim_wrapper_cfg: dict, paramwise_cfg: dict | None = None):
        if paramwise_cfg:
            optim_wrapper_cfg = with_decay(optim_wrapper_cfg)
        super().__init__(optim_wrapper_cfg, paramwise_cfg)
        self.by_rules = bool(paramwise_cfg)
        self.paramwise_cfg = {**dict(norm_decay_mult=0., bias_decay_mult=0.),
                              **(paramwise_cfg or {})}

    def __call__(self, model: nn.Module) -> OptimWrapper:
        others = {'foreach', 'differentiable'} & set(self.optimizer_cfg)  # torch allows one form
        if (kind_name(self.optimizer_cfg) in ('Adam', 'AdamW') and not others
                and fused_available(model)):
            self.optimizer_cfg = dict(dict(fused=True), **self.optimizer_cfg)
        return super().__call__(model)

    def add_params(self, params: list[dict], module: nn.Module, prefix: str = '',
                   **kwargs) -> None:
        if self.by_rules:
            super().add_params(params, module, prefix, **kwargs)  # comes back here for children
            if not prefix:
                base = dict(lr=self.base_lr, weight_decay=self.base_wd)
                params[:] = merge(params, {k: v for k, v in base.items() if v is not None})
            return
        # Not m.weight, which may be computed from parameters at each look (weight_norm).
        weights = {id(m._parameters.get('weight')) for m in module.modules()
                   if isinstance(m, PRUNABLE)}
        trained = [p for p in module.parameters() if p.requires_grad]
        params.append(dict(params=[p for p in trained if id(p) in weights]))
        params.append(dict(params=[p for p in trained if id(p) not in weights], weight_decay=0.))


def with_decay(optim_wrapper_cfg: dict) -> dict:
    """Return settings with the optimizer's ``weight_decay`` spelled out: mmengine's rules need it.
    """
    optimizer = dict(optim_wrapper_cfg['optimizer'])
    kind = optimizer['type']
    kind = OPTIMIZERS.get(kind) if isinstance(kind, str) else kind
    default = inspect.signature(kind).parameters.get('weight_decay') if kind else None
    if default is not None:
        optimizer.setdefault('weight_decay', default.default)
    return dict(optim_wrapper_cfg, optimizer=optimizer)


def merge(groups: list[dict], base: dict) -> list[dict]:
    """Return one group for parameters of equal settings, ``base`` where they have none of their
    own.

    Raises:
        ConfigError: A parameter is in two groups: two layers share it.
    """
    found: dict[str, dict] = {}
    seen: set[int] = set()
    for group in groups:
        settings = {**base, **{key: value for key, value in group.items() if key != 'params'}}
        first = found.setdefault(repr(sorted(settings.items())), dict(settings, params=[]))
        first['params'].extend(group['params'])
        if seen & {id(p) for p in group['params']}:
            raise config_error('optim_wrapper.paramwise_cfg', 'bypass_duplicate=False',
                               'two layers share a parameter', 'set bypass_duplicate=True in it')
        seen.update(id(p) for p in group['params'])
    return list(found.values())


def fused_available(model: nn.Module) -> bool:
    """Return whether Adam's fused form runs where the model's parameters are."""
    on_cpu = any(p.device.type == 'cpu' for p in model.parameters())
    return not on_cpu or digit_version(torch.__version__) >= digit_version('2.4')
