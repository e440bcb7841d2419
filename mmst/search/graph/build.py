"""Finds the search units of any network."""
import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from ..copyable import copyable
from ..norms import has_scales
from .passes import example
from .plan import Plan, plan_of
from .trace import ChannelTrace, follow
from .verify import exact_groups

#: Pixels of the shorter side, where a network takes images of any size.
SHORT, MULTIPLE = 64, 32
#: Sizes at which layers are looked for that no pass has used, in sizes of the image.
LARGER = (2, 4)


def find_plan(model: nn.Module, input_shape: Sequence[int], channels: int = 3) -> Plan:
    """Return the coupled channels of ``model`` whose removal leaves its outputs exact.

    Args:
        model (nn.Module): A whole OpenMMLab model, unwrapped, or any module of one image;
            unchanged.
        input_shape (Sequence[int]): Height and width of the images.
        channels (int): Of the images. Defaults to 3.
    """
    twin = _twin(model)
    with torch.random.fork_rng(devices=[]):
        shape = tuple(input_shape)
        try:
            shape = smaller(shape)
            runs = example(twin, channels, shape)
            trace = follow(twin, runs)
        except Exception:  # any that a network raises for images of another size
            if shape == tuple(input_shape):
                raise
            shape = tuple(input_shape)
            runs = example(twin, channels, shape)
            trace = follow(twin, runs)
        runs = {**runs, **_larger(twin, trace, channels, shape)}
        plan = exact_groups(twin, plan_of(twin, trace), runs)
    area = input_shape[0] * input_shape[1] / (shape[0] * shape[1])
    return replace(plan, used={name: times * area for name, times in plan.used.items()})


def smaller(shape: Sequence[int]) -> tuple[int, int]:
    """Return a size of about the same form at which a network is quicker to run."""
    factor = SHORT / min(shape)
    height, width = (max(SHORT, round(side * factor / MULTIPLE) * MULTIPLE) for side in shape)
    smaller_one = factor < 1 and height * width < shape[0] * shape[1]
    return (height, width) if smaller_one else (shape[0], shape[1])


def _larger(model: nn.Module, trace: ChannelTrace, channels: int,
            shape: Sequence[int]) -> dict[str, Any]:
    """Follow passes over larger images where layers are unused, as code may decide by the size.

    Returns:
        Dict[str, Callable]: The passes that have used more layers.
    """
    found = {}
    for factor in LARGER:
        unused = trace.unused_names()
        if not unused & {name for name, _ in model.named_parameters()}:
            break
        more = {f'{key}, {factor} times as large': run for key, run in example(
            model, channels, [factor * side for side in shape]).items()}
        try:
            follow(model, more, trace)
        except Exception:  # it takes images of one size, or not of these
            break
        if trace.unused_names() != unused:
            found.update(more)
    return found


def _twin(model: nn.Module) -> nn.Module:
    """Return a copy on the CPU in double precision, without the additions of hooks."""
    twin = copy.deepcopy(copyable(model)).cpu().double()
    for module in twin.modules():
        module._forward_hooks.clear()
        module.__dict__.pop('forward', None)  # of activation checkpointing
    return twin


def count_covered(model: nn.Module, plan: Plan) -> tuple[int, int]:
    """Return the channels of BNs with scales that are units of ``plan``, and all of them."""
    total = {f'{path}.weight'.lstrip('.'): len(m.weight) for path, m in model.named_modules()
             if has_scales(m)}
    inside = sum(group.members[side].numel() for group in plan.groups.values()
                 for side in group.scales if side[0] in total)
    return inside, sum(total.values())
