"""Runs a whole sparse network by one call of the kernel."""
import ctypes
import weakref
from collections import Counter
from itertools import repeat
from operator import contains, itemgetter
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules import module as torch_module

from .engine_settings import EngineSettings
from .library import functions, kernel
from .planes import as_map, with_rows
from .steps import CLASSES, StepList, list_steps
from .steps.program import Program


class WholeNetwork:
    """Runs a network's steps by one call: between its layers there is no Python then.

    They are the steps of a C library, and compute what the network's modules do, bit for bit.

    Args:
        network (nn.Module): Sparse already.
        channels (int, optional): Of its images.
        settings (EngineSettings): The network's.
    """

    def __init__(self, network: nn.Module, channels: int | None, settings: EngineSettings):
        self.network, self.channels, self.settings = network, channels, settings
        self._steps: _OpenSteps | None = None
        self._modules: _Modules | None = None

    def __call__(self, images: Tensor) -> Tensor | None:
        """Return the network's output; None: its modules have to compute it.

        So it is where steps do not cover all of it, where the size of the images is no multiple of
        the network's divisor, and where a module within has a hook, a pass of its own, or is new.

        Args:
            images (Tensor): (N, channels, H, W) float32.
        """
        steps = self._ready()
        return None if steps is None else steps.run(images, self.settings.threads)

    def time_layers(self, images: Tensor) -> Counter[nn.Module] | None:
        """Return the nanoseconds of each layer in a call; None where this computes no output.

        Of one thread they are its own time, else that of the wall.

        Args:
            images (Tensor): (N, channels, H, W) float32.
        """
        steps, found = self._ready(), Counter[nn.Module]()
        if steps is None:
            return None
        times = (ctypes.c_int64 * steps.count)()
        if steps.run(images, self.settings.threads, times) is None:
            return None
        for layer, time in zip(steps.layers, times, strict=True):
            if isinstance(layer, nn.Module):
                found[layer] += time
        return found

    def _ready(self) -> '_OpenSteps | None':
        """Return the steps where they compute what the modules would.

        Nothing is computed here while a hook is there: it would see images that are not the user's.
        """
        if self.channels is None or kernel() is None or _has_global_hooks():
            return None
        modules = self._modules
        states = modules.states() if modules is not None else []
        if modules is None or modules.changed(states):
            modules = _Modules(self.network)
            states = modules.states()
        if _hooked(states):
            return None
        if modules is not self._modules:
            self._steps = _open(self.network, self.channels, self.settings)
            self._modules = _Modules(self.network)  # a first pass may leave something in them
        return self._steps

    def __getstate__(self) -> dict[str, Any]:
        return dict(self.__dict__, _steps=None, _modules=None)


class _OpenSteps:
    """Holds a network's steps as the kernel has read them."""

    def __init__(self, steps: StepList, gap: int):
        self.kind, self.outputs = steps.kind, steps.outputs
        self.kernel = functions()
        self.layers = steps.program.layers
        data, found = steps.blob(gap).body(), (ctypes.c_int32 * 3)()
        self.address = self.kernel.open_steps(data, len(data), found)
        self.levels, self.stride, self.count = found
        if self.address:
            weakref.finalize(self, self.kernel.close_steps, self.address).atexit = False

    def run(self, images: Tensor, threads: int, times: Any = None) -> Tensor | None:
        """Return the output, None where the kernel cannot run images of this size at once.

        ``times``, a place for each step, gets nanoseconds.
        """
        count, (height, width) = len(images), images.shape[2:]
        if not self.address or height % (1 << self.levels) or width % (1 << self.levels):
            return None
        size = (1, 1) if self.kind == CLASSES else (height // self.stride, width // self.stride)
        out = torch.empty(count, self.outputs, *size, dtype=torch.float32, device='cpu')
        images = with_rows(images)  # perhaps a copy, which has to outlive the call
        if not self.kernel.run_steps(self.address, as_map(images), as_map(out), threads,
                                     times):
            return None
        return out[..., 0, 0] if self.kind == CLASSES else out


def _open(network: nn.Module, channels: int, settings: EngineSettings) -> _OpenSteps | None:
    """Return the steps of a network, None where they do not give what its modules do."""
    try:
        steps = list_steps(network, channels, Program())
    except Exception:  # another network than ours may fail in any way on images of another size
        return None
    found = _OpenSteps(steps, settings.gap)
    output = found.run(steps.image, settings.threads)
    return found if output is not None and torch.equal(output, steps.output) else None


class _Modules:
    """Tells whether all modules of a network pass as they did when this was made.

    Each call asks, and a network has hundreds: what walks over them is C alone. A module is the
    same while it has the same class, the same children and as many attributes: a method that is set
    on it is one more.
    """

    def __init__(self, network: nn.Module):
        self.modules = list(network.modules())
        self.children = [dict(module._modules) for module in self.modules]
        self.sizes, self.classes = list(map(len, self.states())), self._classes()
        self.passes = self._passes()

    def states(self) -> list[dict[str, Any]]:
        """Return what each module holds now; one call looks at it several times."""
        return list(map(vars, self.modules))

    def changed(self, states: list[dict[str, Any]]) -> bool:
        """Return whether a module was added, removed, replaced or given a method of its own."""
        return (list(map(itemgetter('_modules'), states)) != self.children
                or list(map(len, states)) != self.sizes
                or self._classes() != self.classes or self._passes() != self.passes)

    def _classes(self) -> list[type]:
        return list(map(type, self.modules))

    def _passes(self) -> list[Any]:
        return [vars(kind).get('forward') for kind in dict.fromkeys(self.classes)]


def _hooked(states: list[dict[str, Any]]) -> bool:
    """Return whether a module has a hook, or a pass that is not its class's."""
    return (any(map(itemgetter('_forward_hooks'), states))
            or any(map(itemgetter('_forward_pre_hooks'), states))
            or any(map(contains, states, repeat('forward'))))


def _has_global_hooks() -> bool:
    """Return whether torch calls a hook for all modules."""
    return bool(torch_module._global_forward_hooks or torch_module._global_forward_pre_hooks)
