"""Trains the full supernet in each form that ``benchmarks/training.py`` compares."""
import argparse
from dataclasses import replace

import torch
from foreach_form import ForeachTraining, all_masks
from published_form import PublishedTraining, penalised_scales, published, separate_branches
from training_tasks import DEVICE, BenchmarkNetwork, network

from mmst.costs.cost import feature_sizes
from mmst.kernels.graph_parts import graph_parts
from mmst.kernels.ops import KernelOps
from mmst.kernels.side_streams import SideStreams
from mmst.models.hrnas.ops import Ops, use_ops
from mmst.search.cost import mean_macs, unit_macs
from mmst.search.units import find_units

#: The op set that computes a search block, by a form's ``kernel``.
OPS = dict(none=Ops(), all=KernelOps(('cpu', 'cuda')),
           depthwise=KernelOps(('cpu', 'cuda'), ('depthwise', )),
           products=KernelOps(('cpu', 'cuda'), ('depthwise', 'pointwise')))
_FORMS = {'foreach forms': dict(separate=True, channels_last=False, kernel='none'),
          'joint layout': dict(separate=False, channels_last=False, kernel='none'),
          'channels_last': dict(separate=False, channels_last=True, kernel='none'),
          'depthwise kernel': dict(separate=False, channels_last=True, kernel='depthwise')}
_CPU = {'products, BN kernel': dict(separate=False, channels_last=True, kernel='all'),
        'memory kept': dict(separate=False, channels_last=True, kernel='all')}
_GPU = {'CUDA graphs': dict(separate=False, channels_last=True, kernel='all', graph=True)}
#: From the published form to this project's, one change after the other: arguments of ``form``.
RUNGS: dict[str, dict] = {'published form': {}, **_FORMS, **(_GPU if DEVICE == 'cuda' else _CPU)}
#: As the last two on a CPU, without the BN kernel.
WITHOUT_BN = {name: dict(separate=False, channels_last=True, kernel='products')
              for name in ('products', 'products, memory kept')}


def loss(model: BenchmarkNetwork, batch: dict) -> torch.Tensor:
    """Return the task's loss alone."""
    return model(**batch, mode='loss')['loss']


def slow_adamw(params) -> torch.optim.Optimizer:
    """Return AdamW in a loop over parameters."""
    return torch.optim.AdamW(params, lr=1e-4, eps=1e-3, weight_decay=0., foreach=False, fused=False)


def fused_adamw(groups) -> torch.optim.Optimizer:
    """Return AdamW as the configs have it."""
    return torch.optim.AdamW(groups, lr=1e-4, eps=1e-3, fused=True)


def form(args: argparse.Namespace, separate: bool, channels_last: bool, kernel: str,
         graph: bool = False) -> ForeachTraining:
    """Train with foreach forms, the network in either layout; kernels: none, depthwise or all."""
    model = network(args.task, args.transformer, **vars(args).get('network', {}))
    model.backbone.channels_last = channels_last
    sizes = feature_sizes(model, args.size[1:])
    groups = find_units(model)
    macs = unit_macs(groups, sizes)
    scales, costs = [g.gamma for g in groups.values()], [m / mean_macs(macs) for m in macs.values()]
    if separate:
        joint, model = model, separate_branches(model)
        scales, costs = zip(*penalised_scales(joint, model, sizes), strict=True)
    ops, sides = OPS[kernel], None
    if graph and isinstance(ops, KernelOps) and SideStreams.obstacle() is None:
        sides = SideStreams()  # as shipped
        ops = replace(ops, streams=sides)
    use_ops(model, ops)
    if graph:
        graph_parts(model, sides)
    return ForeachTraining(model, scales, costs, loss, fused_adamw, masks=all_masks(model))


def published_training(args: argparse.Namespace) -> PublishedTraining:
    """Return training in the published form."""
    joint = network(args.task, args.transformer)
    joint.backbone.channels_last = False
    model = published(joint)
    return PublishedTraining(model, penalised_scales(joint, model,
                                                     feature_sizes(joint, args.size[1:])),
                             loss, slow_adamw)
