"""Lets the network of a run, of any layers, offer search units."""
import logging
import os.path as osp
from collections.abc import Mapping, Sequence
from typing import Any

from mmengine import dist
from mmengine.logging import print_log
from torch import nn

from ...costs.cost import image_channels
from ...errors import TicketError, config_error, one_line, shorten
from ...openmmlab.safe_checkpoints import safe_load
from ...search.graph.build import count_covered, find_plan
from ...search.graph.channels import attach, channels_of
from ...search.graph.described import describing, plan_for
from ...search.graph.plan import Plan
from ...search.units import find_units
from .plan import RunPlan
from .start_file import start_file

#: Sources of units: modules that declare them, themselves or by an adapter, else all channels that
#: can be followed through the network; the former alone; the latter in any case.
UNITS = ('auto', 'declared', 'graph')
#: So many layers that are left alone are named.
NAMED = 3


def offer_units(plan: RunPlan, units: str, input_shape: Sequence[int]) -> None:
    """Let the plan's model and its average offer units, where they do not yet.

    Args:
        plan (RunPlan): Its model is as built.
        units (str): One of UNITS.
        input_shape (Sequence[int]): Height and width of images.

    Raises:
        ConfigError: No channel of the network can go.
    """
    if units == 'declared' or channels_of(plan.model) is not None:
        return
    if units == 'auto' and find_units(plan.model):
        return
    data = _resumed_channels(plan)
    if data is not None:
        attach_both(plan, plan_for(plan.model, data))
        return
    try:
        found = follow_channels(plan.model, input_shape)
    except Exception as error:  # any that networks raise for an image without labels
        print_log('its channels cannot be followed through the network, which does not run with '
                  f'an image alone: {shorten(one_line(error), 200)}', logger='current',
                  level=logging.WARNING)
        return
    if not found.groups and not find_units(plan.model):
        searched = type(getattr(plan.model, 'backbone', plan.model)).__name__
        raise config_error(
            'model.backbone.type', searched, 'it offers no search units: none can go'
            + (f' ({name_left_alone(found)})' if found.left_alone else ''),
            'use batch norms whose channels pass through functions channel by channel, or write an '
            'adapter (mmst.search.adapters)')
    if found.groups:
        attach_both(plan, found)
        print_log(describe_units(plan.model, found), logger='current')


def _resumed_channels(plan: RunPlan) -> Mapping[str, Any] | None:
    """Return the channels of the checkpoint that a run goes on from: nothing is traced again."""
    path = start_file(plan.cfg) if (plan.cfg or {}).get('resume') else None
    if path is None or not osp.isfile(path):
        return None
    return describing(safe_load(path, 'cpu'))


def follow_channels(model: nn.Module, input_shape: Sequence[int]) -> Plan:
    """Return the coupled channels of a network: those that the first process finds, on all."""
    first = dist.get_rank() == 0
    found: list[Any] = [find_plan(model, input_shape, image_channels(model)) if first else None]
    dist.broadcast_object_list(found)
    return found[0]


def attach_both(plan: RunPlan, found: Plan) -> None:
    """Let the plan's model and its average offer the channels of ``found``."""
    attach(plan.model, found)
    if plan.averaged is not None:
        attach(plan.averaged.module, found)


def accept_ticket(plan: RunPlan, meta: Mapping[str, Any],
                  input_shape: Sequence[int] | None = None) -> None:
    """Let the plan's model take on the channels that a ticket of any network has left.

    A model that is not wholly the ticket's, say with a head for other classes, has channels of its
    own, and these are followed.
    """
    data = describing(meta)
    if data is None or channels_of(plan.model) is not None:
        return
    try:
        found = plan_for(plan.model, data)
    except TicketError:
        shape = input_shape or meta.get('input_shape')
        if shape is None:
            raise
        found = follow_channels(plan.model, shape)
    attach_both(plan, found)


def describe_units(model: nn.Module, found: Plan) -> str:
    """Describe the units that were found, and the parts left alone, for the log."""
    inside, total = count_covered(model, found)
    units = sum(group.units for group in found.groups.values())
    text = (f'{units:,} units in {len(found.groups)} groups of coupled channels: {inside:,} of '
            f'{total:,} channels of batch norms')
    return text + (f'; {name_left_alone(found)}' if found.left_alone else '')


def name_left_alone(found: Plan) -> str:
    """Name layers that are left alone, with the reasons."""
    texts = [f'{name} ({reason})' for name, reason in list(found.left_alone.items())[:NAMED]]
    more = len(found.left_alone) - len(texts)
    return f'left alone: {", ".join(texts)}' + (f' and {more} more' if more > 0 else '')
