"""Parts that draw random numbers on the processor, which a graph would repeat, are not captured."""
import cProfile
import random
import sys

import numpy as np
import pytest
import torch
from graphs import Part, stand_in, step

from mmst.kernels import graphed
from mmst.kernels.graphed import GraphedForward


class OfGpu(torch.Generator):
    """Stands for a generator of a GPU."""
    device = torch.device('cuda')


HELD = dict(numpy=np.random.default_rng(1), legacy=np.random.RandomState(1),
            python=random.Random(1), torch=torch.Generator().manual_seed(1),
            gpu=OfGpu().manual_seed(1))
DRAWS = {
    'random.random': random.random,
    'np.random.rand': np.random.rand,
    'a generator of NumPy': HELD['numpy'].random,
    'a RandomState': lambda: HELD['legacy'].randint(2),
    'a Random': lambda: HELD['python'].choice([0, 1]),
    'a generator of torch': lambda: torch.rand((), generator=HELD['torch']).item(),
    'a generator of a GPU': lambda: torch.rand((), generator=HELD['gpu']).item(),
    'by a builtin function': lambda: next(map(HELD['numpy'].integers, [2])),
    'a fresh generator of NumPy': lambda: np.random.default_rng().random(),
    'a fresh RandomState': lambda: np.random.RandomState().rand(),
    'a fresh Random': lambda: random.Random().random(),
    'a fresh generator of torch': lambda: torch.Generator().seed() * 0,
    'the system': lambda: random.SystemRandom().random(),
}


class Drawing(Part):
    """A part whose passes draw a number as ``draw`` does."""

    def __init__(self, draw):
        super().__init__()
        self.draw = draw

    def forward(self, x):
        return super().forward(x) if self.draw() < 2 else x


@pytest.mark.parametrize('name', DRAWS)
def test_what_draws_random_numbers_on_the_processor_is_not_captured(monkeypatch, name):
    stand_in(monkeypatch)
    printed = []
    monkeypatch.setattr(graphed, 'print_log', lambda text, *_: printed.append(text))
    module = Drawing(DRAWS[name])
    module.forward = GraphedForward(module)
    assert [step(module)[1] for _ in range(3)] == [None] * 3
    assert len(printed) == 1 and 'without a CUDA graph: it draws random numbers' in printed[0]
    assert sys.getprofile() is None


def look_at_states():
    """Reads and sets states, as checkpoints of activations do, and draws nothing."""
    HELD['python'].setstate(HELD['python'].getstate())
    HELD['legacy'].set_state(HELD['legacy'].get_state())
    HELD['torch'].set_state(HELD['torch'].get_state())
    return 0


def name_of_a_file_in_the_first_pass(passes=[]):  # noqa: B006
    passes.append(random.SystemRandom().random() if len(passes) == 1 else 0)
    return 0


@pytest.mark.parametrize('draw', [look_at_states, name_of_a_file_in_the_first_pass])
def test_what_draws_nothing_that_a_graph_would_repeat_is_captured(monkeypatch, draw):
    stand_in(monkeypatch)
    module = Drawing(draw)
    module.forward = GraphedForward(module)
    for _ in range(3):
        module(torch.randn(4, 3)).sum().backward()
    assert module.forward.captures == 1 and module.forward.forms()


def test_layers_that_draw_by_the_own_generator_of_a_gpu_are_captured(monkeypatch):
    stand_in(monkeypatch)
    monkeypatch.setattr(torch.cuda, 'default_generators', (HELD['gpu'], ))
    module = Drawing(DRAWS['a generator of a GPU'])
    module.forward = GraphedForward(module)
    for _ in range(2):
        module(torch.randn(4, 3)).sum().backward()
    assert module.forward.captures == 1 and module.forward.forms()


def test_a_profiler_of_the_users_stays(monkeypatch):
    stand_in(monkeypatch)
    module = Drawing(random.random)
    module.forward = GraphedForward(module)
    with cProfile.Profile():
        own = sys.getprofile()
        step(module), step(module)
        assert sys.getprofile() is own
    assert 'draws random numbers' in module.forward.reasons[0]
