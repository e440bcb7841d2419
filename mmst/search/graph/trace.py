"""Follows channels through one pass of a network."""
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves
from torch.utils.weak import WeakIdKeyDictionary

from ...dispatch import DispatchMode
from .couplings import Couplings
from .planes import Plane, combine
from .rules import COPIES, ELEMENTWISE, MOVES, RULES, aten, move
from .rules.norms import batch_norm


class ChannelTrace(DispatchMode):
    """Labels the channels of parameters and follows them through torch's functions.

    A channel is a position along a dimension of a parameter or buffer. Of a function that no rule
    knows, all channels that enter it stay.

    Args:
        model (nn.Module): The network that is going to run, on the CPU.

    Attributes:
        labels (Dict[str, List[Tensor]]): Name of a parameter or buffer to the labels along each of
            its dimensions.
        used (Dict[str, float]): Name of a weight to the multiply-adds of each of its numbers, in
            the first pass.
        norms (Dict[str, str]): Scales to the shifts of batch norms, by their own names.
        unknown (Dict[str, int]): Functions without a rule that channels have entered, with counts.
    """

    def __init__(self, model: nn.Module):
        super().__init__()  # type: ignore[no-untyped-call]
        self.couplings = Couplings()
        self.labels: dict[str, list[Tensor]] = {}
        self.used: dict[str, float] = {}
        self.norms: dict[str, str] = {}
        self.unknown: dict[str, int] = {}
        self.counting = True
        self._planes: WeakIdKeyDictionary = WeakIdKeyDictionary()
        self._names: dict[int, str] = {}
        self._reached: set[str] = set()
        for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
            self._names[id(tensor)] = name
            if tensor.is_floating_point() and tensor.dim():
                self.labels[name] = [self.couplings.fresh(size) for size in tensor.shape]
                self._planes[tensor] = [
                    own.view([-1 if d == at else 1 for d in range(tensor.dim())])
                    for at, own in enumerate(self.labels[name]) if len(own) > 1]

    def planes_of(self, tensor: Any) -> list[Plane]:
        """Return the planes of a tensor; none of anything else."""
        if not isinstance(tensor, Tensor):
            return []
        name = self._names.get(id(tensor))
        if name is not None:
            self._reached.add(name)
        planes: list[Plane] = self._planes.get(tensor, [])
        return planes

    def unused_names(self) -> set[str]:
        """Return the names of parameters that no pass has used so far."""
        return self.labels.keys() - self._reached

    def keep_outputs(self, outputs: Any) -> None:
        """Keep the network's outputs as they are."""
        for tensor in tree_leaves(outputs):
            for plane in self.planes_of(tensor):
                self.couplings.keep(plane)

    def solve(self) -> dict[str, list[Tensor]]:
        """Return the component of each position along each dimension of each parameter and buffer.

        Components are numbers; 0: it stays.
        """
        for name in self.unused_names():
            for labels in self.labels[name]:
                self.couplings.keep(labels)
        roots = self.couplings.solve()
        return {name: [roots[labels] for labels in sides] for name, sides in self.labels.items()}

    def __torch_dispatch__(self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (),
                           kwargs: dict[str, Any] | None = None) -> Any:
        kwargs = kwargs or {}
        out = func(*args, **kwargs)
        packet = getattr(func, '_overloadpacket', None)
        tensors = [t for t in tree_leaves((args, kwargs)) if isinstance(t, Tensor)]
        if any(self.planes_of(t) for t in tensors):
            for result, planes in self._results(func, packet, out, tensors, args, kwargs):
                if isinstance(result, Tensor):
                    self._planes[result] = planes
        if self.counting:
            self._count(packet, out, args)
        return out

    def _results(self, func: Any, packet: Any, out: Any, tensors: Sequence[Tensor],
                 args: tuple[Any, ...],
                 kwargs: dict[str, Any]) -> list[tuple[Any, list[Plane]]]:
        """Return results of a function with their planes."""
        outs = list(out) if isinstance(out, (tuple, list)) else [out]
        first = outs[0] if outs else out
        if packet in MOVES:
            kept = {k: v for k, v in kwargs.items() if k != 'memory_format'}
            moves = move(self.couplings, self.planes_of, func, args[0], args[1:], kept)
            return list(zip(outs, moves, strict=False))
        if packet in COPIES:
            return [(first, self.planes_of(args[0]))]
        if packet in RULES:
            if RULES[packet] is batch_norm:
                self._note_norm(*args[1:3])
            planes = RULES[packet](self.couplings, self.planes_of, *args, **kwargs)
            return [(o, planes) for o in outs if isinstance(o, Tensor) and o.dim() == (
                planes[0].dim() if planes else -1)]
        if packet in ELEMENTWISE or torch.Tag.pointwise in func.tags:
            return [(first, combine([(t.shape, self.planes_of(t)) for t in tensors],
                                    self.couplings))]
        self.unknown[str(packet)] = self.unknown.get(str(packet), 0) + 1
        for tensor in tensors:
            for plane in self.planes_of(tensor):
                self.couplings.keep(plane)
        return []

    def _note_norm(self, scale: Any, shift: Any) -> None:
        name, other = (self._names.get(id(tensor)) for tensor in (scale, shift))
        if isinstance(scale, nn.Parameter) and name is not None:
            self.norms[name] = other or ''

    def _count(self, packet: Any, out: Any, args: tuple[Any, ...]) -> None:
        name: str | None
        if packet is aten.convolution and id(args[1]) in self._names:
            name, places = self._names[id(args[1])], (args[0] if args[6] else out)[0, 0].numel()
        elif packet in (aten.mm, aten.addmm):
            one, other = args[-2:]
            base = other._base if other._base is not None else other
            name, places = self._names.get(id(base)), len(one)
        else:
            return
        if name is not None:
            self.used[name] = self.used.get(name, 0.) + places


@torch.no_grad()
def follow(model: nn.Module, runs: Mapping[str, Callable[[nn.Module], Any]],
           trace: ChannelTrace | None = None) -> ChannelTrace:
    """Trace a network over several passes.

    Args:
        model (nn.Module): On the CPU; its state is not changed.
        runs (Mapping[str, Callable]): Each runs the model and returns outputs that must stay.
        trace (ChannelTrace, optional): Of passes before, which goes on.
    """
    trace = trace or ChannelTrace(model)
    fused = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)  # one function for a whole layer of attention
    try:
        with trace:
            for run in runs.values():
                trace.keep_outputs(run(model))
                trace.counting = False
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)
    return trace
