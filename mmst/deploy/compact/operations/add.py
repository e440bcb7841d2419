"""Adds maps."""
import torch

from ..channels import Channels
from ..writer import Part
from .checks import MOST_INPUTS
from .operation import Operation, where_uniform


class Add(Operation):
    """Sums two maps or more, from the left to the right."""
    reads = (2, MOST_INPUTS)
    keeps_channels = True

    def channels(self, node, inputs) -> Channels:
        kind = torch.stack([x.kind for x in inputs]).amax(0)
        value = torch.stack([x.value for x in inputs]).sum(0)
        return Channels(kind, where_uniform(kind, value), torch.full_like(value, torch.inf))

    def write(self, node, kind, wanted, writer) -> Part:
        terms = [term for source in node.inputs for term in writer.terms(source, wanted)]
        total = torch.zeros(len(writer.known.channels[node.name]), dtype=torch.float64)
        for source in node.inputs:
            known = writer.known.channels[source]
            total += where_uniform(known.kind, known.value)
        numbers = {c: float(total[c]) for c in wanted if total[c] != 0}
        best = next((i for i, term in enumerate(terms) if writer.takes_numbers(term)), 0)
        terms[best] = writer.add_numbers(terms[best], numbers)
        return writer.sum(terms, wanted, node.name)

    def pad(self, node, padder) -> list:
        layouts = [padder.layouts[name] for name in node.inputs]
        if all(layout == layouts[0] for layout in layouts):
            padder.put(node)
            return layouts[0]
        padder.put(node, [padder.strip(name) for name in node.inputs])
        return padder.own_layout(node)

    def run(self, inputs, settings, size):
        total = inputs[0] + inputs[1]
        for x in inputs[2:]:
            total = total + x
        return total
