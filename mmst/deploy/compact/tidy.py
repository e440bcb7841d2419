"""Merges sums of sums, and all maps of a sum that do not depend on the image."""
from .graph import Graph, Node
from .shapes import static


def tidy(graph: Graph) -> Graph:
    """Return a graph with fewer additions; the order in which they round may differ."""
    return _group_static(_flatten(graph))


def _flatten(graph: Graph) -> Graph:
    readers, fixed = graph.consumers(), static(graph)
    inner = {node.name for node in graph
             if node.op == 'add' and len(readers[node.name]) == 1
             and readers[node.name] != ['']
             and graph.nodes[readers[node.name][0]].op == 'add'
             and fixed[node.name] == fixed[readers[node.name][0]]}
    new = Graph(graph.flatten)
    new.outputs = list(graph.outputs)

    def terms(name: str):
        if name not in inner:
            return [name]
        return [term for source in graph.nodes[name].inputs for term in terms(source)]

    for node in graph:
        if node.name not in inner:
            inputs = [x for name in node.inputs for x in terms(name)] \
                if node.op == 'add' else list(node.inputs)
            new.nodes[node.name] = Node(node.name, node.op, inputs, node.settings, node.tensors)
    return new


def _group_static(graph: Graph) -> Graph:
    fixed = static(graph)
    new = Graph(graph.flatten)
    new.outputs = list(graph.outputs)
    for node in graph:
        inputs = list(node.inputs)
        constant = [name for name in inputs if fixed[name]]
        if node.op == 'add' and not fixed[node.name] and len(constant) > 1:
            total = new.add('add', f'{node.name}/fixed', *constant)
            inputs = [name for name in inputs if not fixed[name]] + [total]
        new.nodes[node.name] = Node(node.name, node.op, inputs, node.settings, node.tensors)
    return new
