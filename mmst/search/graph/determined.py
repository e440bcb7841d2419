"""Takes chance out of a pass of a network."""
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...dispatch import DispatchMode

aten = torch.ops.aten
#: Below the usual shares of dropped values: kept where drawn numbers are compared with 1 - p.
DRAWN = 0.4


@contextmanager
def without_chance() -> Iterator[None]:
    """Run passes that do not depend on chance, nor on the shapes that numbers were drawn for.

    Drop-outs of all kinds become identities, noise becomes 0. Other random numbers are the same
    each time.
    """
    states = random.getstate(), np.random.get_state()
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)
    try:
        with _Constants():
            yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])


class _Constants(DispatchMode):
    """Gives constants in the place of random numbers."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    def __torch_dispatch__(self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (),
                           kwargs: dict[str, Any] | None = None) -> Any:
        kwargs = kwargs or {}
        packet = getattr(func, '_overloadpacket', None)
        if packet is aten.native_dropout:
            return args[0].clone(), torch.ones_like(args[0], dtype=torch.bool)
        out = func(*args, **kwargs)
        if packet in (aten.bernoulli, aten.bernoulli_):
            share = args[1] if len(args) > 1 else kwargs.get('p', args[0])
            # Of a drop-out: the values that are kept are divided by their share.
            return out.copy_(share) if isinstance(share, Tensor) else out.fill_(share)
        if packet in (aten.rand, aten.rand_like):
            return out.fill_(DRAWN)
        if packet is aten.uniform_:
            low, high = args[1] if len(args) > 1 else 0., args[2] if len(args) > 2 else 1.
            return out.fill_(low + DRAWN * (high - low))
        if packet in (aten.randn, aten.randn_like, aten.normal_):
            return out.fill_(args[1] if packet is aten.normal_ and len(args) > 1 else 0.)
        return out
