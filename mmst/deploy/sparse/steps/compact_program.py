"""Lists the steps of a compacted network."""
from collections.abc import Sequence
from typing import cast

from torch import nn

from ....errors import TicketError
from ..compact_step import Step
from ..nodes import Double, Gather, Mean, Mixer, Ones, Resize, Shift, Sum, Values
from ..sparse_compact import SparseBlocks, SparseCompactNetwork
from ..sparse_conv import SparseConv
from ..sparse_neck import SparseDenseNeck
from ..sparse_stem import SparseStem
from .blob import Blob
from .layers import write_conv, write_mixer, write_stem
from .program import (
    ADD,
    CONV,
    FINISH,
    GATHER,
    IMAGE,
    MEAN,
    MIXER,
    ONES,
    RESIZE,
    SHIFT,
    STEM,
    VALUES,
    Program,
    refusal,
)


class CompactProgram:
    """Appends the steps of a compacted network to a program.

    Args:
        program (Program): Gets the steps.
        network (SparseCompactNetwork): Of one output.
    """

    def __init__(self, program: Program, network: SparseCompactNetwork):
        self.program, self.network = program, network
        self.places: dict[str, int] = {}

    def write(self) -> int:
        """Append all steps; returns the last map."""
        network, program = self.network, self.program
        outputs = network.network.output_names
        if len(outputs) != 1:
            raise TicketError('the C library runs networks of one output, and this one has '
                              f'{len(outputs)}. Remedy: export it as onnx.')
        image = network.image
        if image and any(self._reads_image(step) for step in network.steps):
            self.places[image] = program.step(IMAGE, program.new(), -1)
        for number, step in enumerate(network.steps):
            key = str(number)
            if key not in network.parts:
                raise _missing(network, step)
            self.places[step.node] = self._step(step, network.parts[key])
            for name in network.last_use.get(step.node, ()):
                if name in self.places:
                    program.free(self.places.pop(name))
        return self.places[outputs[0]]

    def _reads_image(self, step: Step) -> bool:
        return not step.stem and any(self.network.image in node.inputs
                                     for node in self.network.nodes[step.node])

    def _step(self, step: Step, part: nn.Module) -> int:
        program = self.program
        if isinstance(part, SparseStem):
            return program.step(STEM, program.new(), -1, write_stem, part)
        if isinstance(part, SparseConv):
            return program.step(CONV, program.new(), self.places[step.source], write_conv,
                                part)
        if isinstance(part, SparseBlocks):
            total = self._blocks(step, part)
            for name in step.terms:
                total = self._add(total, self.places[name])
        else:
            total = self._node(part, [self.places[name] for name in step.reads(self.network.graph)])
        return self._finish(step, total)

    def _blocks(self, step: Step, part: SparseBlocks) -> int:
        program, total = self.program, None
        for parts, block in zip(step.blocks, part.blocks, strict=True):
            maps = [self.places[name] for name in parts.inputs]
            total = (program.neck(block, maps, total) if isinstance(block, SparseDenseNeck)
                     else program.block(block, maps[0], total))
        return cast(int, total)

    def _add(self, total: int, other: int) -> int:
        out = self.program.step(ADD, self.program.new(), total, Blob.numbers, other)
        self.program.free(total)
        return out

    def _finish(self, step: Step, total: int) -> int:
        sources = [self.places[self.network.inputs[name][0]] for name in step.halves]
        for source in sources[1:]:
            wide = self._resize(source, [self._level(step.halves[0]), 0, 0], True)
            total = self._add(total, wide)
            self.program.free(wide)
        if sources or step.relu:
            self.program.step(FINISH, total, sources[0] if sources else -1, flag=step.relu)
        return total

    def _level(self, name: str) -> int:
        return self.network.graph.nodes[name].settings['level']

    def _resize(self, x: int, size: Sequence[int], nearest: bool = False) -> int:
        program = self.program
        return program.step(RESIZE, program.new(), x, _write_numbers, size, nearest)

    def _node(self, part: nn.Module, inputs: Sequence[int]) -> int:
        program = self.program
        if isinstance(part, Resize):
            size = [part.size, 0, 0] if isinstance(part.size, int) else [0, *part.size]
            return self._resize(inputs[0], size)
        if isinstance(part, Double):
            return self._resize(inputs[0], [part.level, 0, 0], True)
        if isinstance(part, Sum):
            total = self._copy(inputs[0]) if len(inputs) == 1 else program.step(
                ADD, program.new(), inputs[0], Blob.numbers, inputs[1])
            for other in inputs[2:]:
                total = self._add(total, other)
            return total
        if isinstance(part, Gather):
            sources = [inputs[i] if i >= 0 else -1 for i in part.sources]
            return program.step(GATHER, program.new(), inputs[0], _write_gather,
                                (sources, part.channels))
        if isinstance(part, Mean):
            return program.step(MEAN, program.new(), inputs[0])
        if isinstance(part, Shift):
            return program.step(SHIFT, program.new(), inputs[0], _write_shift, part, part.relu)
        if isinstance(part, Mixer):
            return program.step(MIXER, program.new(), inputs[0], write_mixer, part)
        if isinstance(part, Ones):
            return program.step(ONES, program.new(), -1, Blob.numbers, part.level)
        if isinstance(part, Values):
            return program.step(VALUES, program.new(), -1, _write_values, part)
        raise refusal(part)

    def _copy(self, x: int) -> int:
        return self.program.step(SHIFT, self.program.new(), x, Blob.numbers, 0)


def _write_numbers(blob: Blob, values: Sequence[int]) -> None:
    blob.numbers(*values)


def _write_gather(blob: Blob, channels: tuple[Sequence[int], Sequence[int]]) -> None:
    blob.numbers(len(channels[0]))
    for values in channels:
        blob.integers(values)


def _write_shift(blob: Blob, part: Shift) -> None:
    blob.numbers(part.bias is not None)
    if part.bias is not None:
        blob.floats(part.bias)


def _write_values(blob: Blob, part: Values) -> None:
    blob.numbers(0, *part.values.shape[2:], part.values.shape[1])
    blob.floats(part.values)


def _missing(network: SparseCompactNetwork, step: Step) -> TicketError:
    op = network.graph.nodes[step.node].op
    return TicketError(f'the C library has no {op} of the form of {step.node}. Remedy: export the '
                       'ticket as onnx.')
