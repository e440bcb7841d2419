"""Trains two-in-one as HR-NAS and the paper describe it, as a plain reference.

Three separate branches a search block; the L1 penalty and weight decay as terms of the loss, summed
in a loop; the product of each weight and its mask in every forward pass; averages and the optimizer
parameter by parameter. It computes what this project's form computes (``tests/test_benchmarks``
compare outputs, gradients and whole steps in double precision) and is what
``benchmarks/training.py`` measures that form against.
"""
import copy
from collections.abc import Callable, Iterator, Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmst.models.hrnas.mixconv import MixConv
from mmst.pruning.prunable import PRUNABLE
from mmst.search.cost import mean_macs, unit_macs
from mmst.search.units import find_units


class SeparateBranches(nn.Module):
    """Is MixConv as the supplement's Fig. 1 draws it: an inverted residual for each kernel size.

    Args:
        joint (MixConv): What it takes its settings and, exactly, its weights from.
    """

    def __init__(self, joint: MixConv):
        super().__init__()
        self.branches, start = nn.ModuleList(), 0
        for depthwise, width in zip(joint.depthwise, joint.widths, strict=True):
            if width:
                self.branches.append(_branch(joint, depthwise, slice(start, start + width)))
            start += width
        self.bn = _norm(joint.project_bn, slice(None))

    def forward(self, x: Tensor) -> Tensor:
        return self.bn(sum(branch(x) for branch in self.branches))

    def joint_tensors(self, of: Callable[[Tensor], Tensor] = Tensor.detach) -> dict[str, Tensor]:
        """Return the tensors by the names of the joint layout; ``of`` gives one of each parameter.
        """
        found = {}
        for name, i, dim in (('expand', 0, 0), ('project', 6, 1)):
            found[f'{name}.weight'] = torch.cat([of(b[i].weight) for b in self.branches], dim)
        for name, i in (('expand_bn', 1), ('depthwise_bn', 4)):
            for key in ('weight', 'bias'):
                found[f'{name}.{key}'] = torch.cat([of(getattr(b[i], key)) for b in self.branches])
        for i, b in enumerate(self.branches):
            found[f'depthwise.{i}.weight'] = of(b[3].weight)
        for key in ('weight', 'bias'):
            found[f'project_bn.{key}'] = of(getattr(self.bn, key))
        return found


def _branch(joint: MixConv, depthwise: nn.Conv2d, part: slice) -> nn.Sequential:
    width, k = part.stop - part.start, depthwise.kernel_size[0]
    branch = nn.Sequential(
        nn.Conv2d(joint.in_channels, width, 1, bias=False), _norm(joint.expand_bn, part), nn.ReLU(),
        nn.Conv2d(width, width, k, joint.stride, k // 2, groups=width, bias=False),
        _norm(joint.depthwise_bn, part), nn.ReLU(),
        nn.Conv2d(width, joint.out_channels, 1, bias=False)).to(joint.expand.weight)
    with torch.no_grad():
        branch[0].weight.copy_(joint.expand.weight[part])
        branch[3].weight.copy_(depthwise.weight)
        branch[6].weight.copy_(joint.project.weight[:, part])
    return branch


def _norm(bn: nn.BatchNorm2d, part: slice) -> nn.BatchNorm2d:
    new = nn.BatchNorm2d(len(bn.weight[part]), bn.eps, bn.momentum).to(bn.weight)
    with torch.no_grad():
        for name in ('weight', 'bias', 'running_mean', 'running_var'):
            getattr(new, name).copy_(getattr(bn, name)[part])
    return new


class MaskedConv2d(nn.Conv2d):
    """Convolves with the product of weight and mask."""

    def forward(self, x: Tensor) -> Tensor:
        return self._conv_forward(x, self.weight * self.mask, self.bias)


class MaskedLinear(nn.Linear):
    """Maps linearly by the product of weight and mask."""

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight * self.mask, self.bias)


def separate_branches(joint: nn.Module) -> nn.Module:
    """Return a copy of a network whose MixConvs are separate branches, with the same weights."""
    model = copy.deepcopy(joint)
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, MixConv):
                setattr(module, name, SeparateBranches(child))
    return model


def published(joint: nn.Module, parts: Sequence[str] = ('backbone', 'neck')) -> nn.Module:
    """Return ``separate_branches``, and a mask of ones in each convolution and linear of ``parts``.
    """
    model = separate_branches(joint)
    for part in parts:
        for module in getattr(model, part).modules():
            if isinstance(module, PRUNABLE):
                module.register_buffer('mask', torch.ones_like(module.weight))
                conv = isinstance(module, nn.Conv2d)
                module.__class__ = MaskedConv2d if conv else MaskedLinear
    return model


def joint_tensors(model: nn.Module, of: Callable[[Tensor], Tensor] = Tensor.detach
                  ) -> dict[str, Tensor]:
    """Return parameters of a network in separate branches by their names in the joint network."""
    found = {}
    for path, module in model.named_modules():
        if isinstance(module, SeparateBranches):
            found.update({f'{path}.{k}': t for k, t in module.joint_tensors(of).items()})
    inside = tuple(f'{path}.' for path, m in model.named_modules()
                   if isinstance(m, SeparateBranches))
    found.update({name: of(p) for name, p in model.named_parameters()
                  if not name.startswith(inside)})
    return found


class PublishedTraining:
    """Takes training steps in the published form.

    Args:
        model (nn.Module): From ``published``.
        penalised (Sequence[Tuple[Parameter, Tensor]]): From ``penalised_scales``.
        loss (Callable): ``loss(model, batch)``, a scalar.
        optimizer (Callable): Makes an optimizer of a list of parameters; no weight decay.
        rho (float): Strength of the L1 penalty.
        weight_decay (float): Factor of the decay.
        decay (float): Of the averages.
    """

    def __init__(self, model: nn.Module, penalised: Sequence[tuple[nn.Parameter, Tensor]],
                 loss: Callable, optimizer: Callable, rho: float = 1.4e-4,
                 weight_decay: float = 1e-5, decay: float = 0.9999):
        self.model, self.loss, self.penalised = model, loss, list(penalised)
        self.decayed = [m.weight for m in model.modules() if isinstance(m, PRUNABLE)]
        self.optimizer = optimizer(list(model.parameters()))
        self.rho, self.weight_decay, self.decay = rho, weight_decay, decay
        self.averages = {name: t.clone() for name, t in self._averaged()}

    def step(self, batch) -> None:
        """Take one step."""
        total = self.loss(self.model, batch) + self.penalty() + self.decay_term()
        self.optimizer.zero_grad()
        total.backward()
        self.optimizer.step()
        self.average()

    def penalty(self) -> Tensor:
        """Return the L1 penalty, unit group by unit group."""
        total = torch.zeros(())
        for scale, cost in self.penalised:
            total = total + (cost * scale.abs()).sum()
        return self.rho * total

    def decay_term(self) -> Tensor:
        """Return half the squared weights, layer by layer."""
        total = torch.zeros(())
        for weight in self.decayed:
            total = total + weight.pow(2).sum()
        return 0.5 * self.weight_decay * total

    @torch.no_grad()
    def average(self) -> None:
        """Move the averages, tensor by tensor."""
        for name, tensor in self._averaged():
            self.averages[name].mul_(self.decay).add_(tensor, alpha=1 - self.decay)

    def _averaged(self) -> Iterator[tuple[str, Tensor]]:
        return ((name, t.detach()) for name, t in self.model.state_dict().items()
                if t.is_floating_point() and not name.endswith('mask'))


def penalised_scales(joint: nn.Module, model: nn.Module, sizes: Mapping
                     ) -> list[tuple[nn.Parameter, Tensor]]:
    """Return importance factors of the published form of ``joint`` with their relative costs.

    Args:
        joint (nn.Module): The network in this project's form.
        model (nn.Module): The same in separate branches.
        sizes (Mapping): From ``mmst.costs.cost.feature_sizes`` of ``joint``.
    """
    groups = find_units(joint)
    macs = unit_macs(groups, sizes)
    mean, found = mean_macs(macs), []
    for name, _group in groups.items():
        module = model.get_submodule(name.rpartition('.')[0])
        scales = ([b[4].weight for b in module.branches]
                  if isinstance(module, SeparateBranches) else [module.input_bn.weight])
        costs = (macs[name] / mean).split([len(scale) for scale in scales])
        found += zip(scales, (cost.to(scale) for cost, scale in zip(costs, scales, strict=True)),
                     strict=True)
    return found
