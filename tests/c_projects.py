"""Tickets and builds for tests of exported C libraries."""
import shutil
import subprocess
from pathlib import Path

import pytest
from deploy_tickets import small_config
from mmengine.registry import DefaultScope
from small_nets import CHANNELS, NARROW, cut_at_random, initialised

from mmst.pruning.criteria import Magnitude
from mmst.pruning.draw import draw_mask
from mmst.pruning.prunable import prunable_weights
from mmst.registry import MODELS
from mmst.tickets import Ticket

DRIVER = Path(__file__).parent / 'hostile_ticket.cpp'


def four_branches(task='cityscapes', sparsity=0.8):
    """A ticket of a narrow network with every kind of fusion."""
    cfg = small_config(task)
    cfg.model.backbone.update(NARROW)
    cfg.model.neck.update(in_channels=CHANNELS, expand_ratio=2, tokens=5)
    if task == 'imagenet':
        cfg.model.neck.channels = (6, 8, 10, 12)
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        model = MODELS.build(cfg.model)
    for part in (model.backbone, model.neck):
        initialised(part)
    cut_at_random(model, 0.3)
    scores = Magnitude().score(prunable_weights(model), {})
    meta = dict(default_scope=cfg.default_scope, input_shape=[64, 64])
    return Ticket.from_model(model, cfg.model, draw_mask(scores, sparsity, 'layer'), meta)


def need(*programs):
    """Skip the test, naming the first program that is not installed."""
    for program in programs:
        if shutil.which(program) is None:
            pytest.skip(f'{program} is not installed')


def make(folder, *settings):
    """Build a project by its Makefile."""
    need('make', 'gcc', 'g++')
    done = subprocess.run(['make', '-s', *settings], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]


def driver(folder, name, *flags, compiler='g++', linker=None):
    """Compile tests/hostile_ticket.cpp with the library, and skip where the compiler lacks flags.

    Another program may link it: some linkers of clang's make nothing that runs.
    """
    need(compiler, *filter(None, [linker]))
    sources = ['ticket.cpp', str(DRIVER)]
    if linker is None:
        built(folder, compiler, *flags, *sources, '-o', name, '-pthread')
    else:
        for source, made in zip(sources, ('ticket.x', 'driver.x'), strict=True):
            built(folder, compiler, *flags, '-c', source, '-o', made)
        built(folder, linker, '-static', 'ticket.x', 'driver.x', '-o', name, '-pthread')
    return folder / name


def built(folder, compiler, *words):
    done = subprocess.run([compiler, '-std=c++17', '-I.', *words], cwd=folder, capture_output=True,
                          text=True)
    if done.returncode and 'ticket' not in done.stderr:
        pytest.skip(f'{compiler} cannot build with {" ".join(words)}')
    assert done.returncode == 0, done.stderr[-3000:]
