"""Small tickets of all three tasks, searched and pruned without any training."""
import copy
import functools
from pathlib import Path

import torch.nn.functional as F
from mmengine.config import Config
from mmengine.registry import DefaultScope
from small_nets import cut_at_random, initialised

import mmst  # noqa: F401
from mmst.pruning.criteria import Magnitude
from mmst.pruning.draw import draw_mask
from mmst.pruning.levels import kept_by_levels
from mmst.pruning.mask import Mask
from mmst.pruning.prunable import prunable_weights
from mmst.registry import MODELS
from mmst.tickets import Ticket
from mmst.tickets.family import Family

ROOT = Path(__file__).parents[1]
TASKS = ('cityscapes', 'imagenet', 'coco')
NARROW = dict(stem_channels=(4, 4), channels=((4, ), (4, 6)), depths=((1, ), (1, 1)), tokens=4)


def small_ticket(task='cityscapes', sparsity=0.9, cut=0.3, scope='layer', change=None, **backbone):
    """A ticket of a narrow network: random weights, random units gone, magnitude pruning.

    ``change(model)`` changes the settings of the model first.
    """
    cfg = small_config(task)
    cfg.model.backbone.update(backbone)
    if change:
        change(cfg.model)
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        model = MODELS.build(cfg.model)
    for part in (model.backbone, model.neck):
        initialised(part)
    if cut:
        cut_at_random(model, cut)
    scores = Magnitude().score(prunable_weights(model), {})
    meta = dict(default_scope=cfg.default_scope, input_shape=[40, 48], sparsity=sparsity)
    return Ticket.from_model(model, cfg.model, draw_mask(scores, sparsity, scope), meta)


def with_levels(ticket, levels):
    """The ticket, whose sparsity is the first level, with sparser levels of its own weights."""
    weights = {name: ticket.state_dict[name] for name in ticket.mask}
    counts = kept_by_levels(weights, ticket.mask, levels, levels[0], 'layer')
    return Ticket(ticket.model, ticket.state_dict, ticket.mask, ticket.meta,
                  Family(tuple(levels), counts, [{} for _ in levels]))


def with_n_m_mask(ticket):
    """The ticket with two of every four weights of a row, the larger ones, at most."""
    state, mask = dict(ticket.state_dict), {}
    for name in ticket.mask:
        weight = state[name].flatten(1)
        groups = F.pad(weight, (0, -weight.shape[1] % 4)).unflatten(1, (-1, 4))
        kept = groups.abs().argsort(2, descending=True).argsort(2) < 2
        mask[name] = kept.flatten(1)[:, :weight.shape[1]].reshape(state[name].shape)
        state[name] = state[name] * mask[name]
    return Ticket(ticket.model, state, Mask(mask), ticket.meta)


def small_config(task):
    """A shipped config with a narrow network."""
    cfg = copy.deepcopy(_shipped(task))  # mmengine's Config.copy() shares what is nested
    cfg.model.backbone.update(NARROW)
    cfg.model.neck.update(in_channels=(4, 6), tokens=4, out_channels=8)
    if task == 'imagenet':
        cfg.model.neck.channels = (6, 8)
    head = cfg.model.get('head') or cfg.model.decode_head
    head.in_channels = 8
    if 'channels' in head:
        head.channels = 8
    return cfg


@functools.cache
def _shipped(task):
    return Config.fromfile(ROOT / 'configs' / f'st_hrnas_{task}_p90.py')
