"""Jobs for the processes of ``ranks``, with networks that know nothing of a search."""
from unittest import mock

import any_nets
import rank_jobs
import tiny
import torch
from mmengine import dist
from mmengine.runner import Runner

from mmst.engine.run import offered_units
from mmst.engine.run.runner_views import models, unwrap
from mmst.search.graph.channels import channels_of
from mmst.search.units import find_units


@torch.no_grad()
def weaken(runner) -> None:
    """The first third of each group's units lose their importance, also in the average."""
    for model in models(runner):
        for group in find_units(model).values():
            for scale in group.scales:
                scale.parameter.index_fill_(
                    scale.dim, scale.index[:len(group) // 3].flatten(), 0)


def make(folder, epochs, weak=True, **settings) -> Runner:
    """A runner of the network with all kinds of couplings that has not started."""
    cfg = tiny.config(folder, epochs, **rank_jobs.distributed(), **settings)
    cfg.model = any_nets.MODEL
    runner = Runner.from_cfg(cfg)
    if weak:
        runner.register_hook(tiny.Probe(after_train_epoch=weaken), 60)
    return runner


def train(folder, epochs) -> list:
    """Return the state at the end of each epoch of a run."""
    runner, found = make(folder, epochs), []
    runner.register_hook(tiny.Probe(
        after_train_epoch=lambda runner: found.append(rank_jobs.state(runner))), 75)
    runner.train()
    return found


def plans(folder) -> tuple:
    """The channels that a run has found, as plain data, and how often this process has traced."""
    runner = make(folder, 1, weak=False, search=dict(interval=1))
    with mock.patch.object(offered_units, 'find_plan', wraps=offered_units.find_plan) as traced:
        runner.train()
    assert dist.get_world_size() == 2
    return channels_of(unwrap(runner)).plan.to_plain(), traced.call_count
