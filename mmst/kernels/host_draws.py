"""Finds random choices that a graph of a pass may freeze."""
import gc
import os
import pickle
import random
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import compress
from typing import Any

import numpy as np
import torch

#: Types of generators, which keep their state themselves.
GENERATORS = (random.Random, np.random.BitGenerator, torch.Generator)
#: Types whose methods draw; a generator of torch draws by functions, which its state tells.
DRAWING = (random.Random, np.random.Generator, np.random.RandomState)
#: Methods of theirs that draw nothing.
STATE = ('seed', 'getstate', 'setstate', 'get_state', 'set_state', 'spawn')


@contextmanager
def host_draws(default: bool) -> Iterator[Callable[[], bool]]:
    """Watch random numbers that no graph draws again; the value tells whether some were drawn.

    Generators that exist (Python's, NumPy's, torch's of any device, whoever holds them) are
    compared with themselves before; but not torch's own of a GPU, from which layers draw in graphs,
    too. From others of a GPU graphs draw again in some versions of torch only. Those that a pass
    makes for itself, and the system's random numbers, are seen where Python calls them. Generators
    of other libraries, and those that a pass makes within compiled code, are not seen.

    Args:
        default (bool): Whether torch's own generator of the processor counts, from which layers on
            a CPU draw.
    """
    layers = [*torch.cuda.default_generators, *([] if default else [torch.default_generator])]
    generators = [g for g in living_generators() if not any(g is own for own in layers)]
    before, calls = [state_of(g) for g in generators], []

    def watch(frame: Any, event: str, called: Any) -> None:
        if event == 'c_call' and draws(called):
            calls.append(called)

    def drawn() -> bool:
        return bool(calls) or [state_of(g) for g in generators] != before

    free = sys.getprofile() is None  # a profiler of the user's stays
    if free:
        sys.setprofile(watch)
    try:
        yield drawn
    finally:
        if free:
            sys.setprofile(None)


def living_generators() -> list[Any]:
    """Return all generators of the process that something refers to, each once.

    Objects that somebody has set aside by ``gc.freeze`` are in no list; they are taken back.
    """
    if gc.get_freeze_count():
        gc.unfreeze()
    # Of millions of objects: calls from C. By the objects that refer to them, as torch's are not
    # tracked.
    objects = gc.get_referents(*gc.get_objects())
    known = set(subclasses(*GENERATORS))
    found = {id(g): g for g in compress(objects, map(known.__contains__, map(type, objects)))}
    return list(found.values())


def subclasses(*types: type) -> Iterator[type]:
    """Yield types, and those derived from them."""
    for each in types:
        yield each
        yield from subclasses(*type.__subclasses__(each))


def state_of(generator: Any) -> bytes:
    """Return a generator's state as bytes; none of one that has none (``SystemRandom``)."""
    if isinstance(generator, torch.Generator):
        return generator.get_state().numpy().tobytes()
    try:
        return pickle.dumps(generator.getstate() if isinstance(generator, random.Random)
                            else generator.state)
    except NotImplementedError:
        return b''


def draws(called: Any) -> bool:
    """Return whether a call of this builtin function draws a random number."""
    own = getattr(called, '__self__', None)
    if issubclass(type(own), torch.Generator):
        return called.__name__ == 'seed'  # by the system's random numbers
    return called is os.urandom or (issubclass(type(own), DRAWING)
                                    and called.__name__ not in STATE)
