"""Tables of milliseconds of tiny networks, with costs that are made up."""
from mmst.costs.latency.table import Entry, LatencyTable
from mmst.costs.latency.this_machine import this_machine
from mmst.costs.latency.work import kind_of, timed_modules

COSTS = dict(once=0.01, hidden=0.02, expand=0.001, taps=0.0005, project=0.001, coarse=0.001,
             weights=0.002)


def save_table(supernet, size, path, engine='sparse'):
    """Write a table in which the modules that come first cost most; return its path."""
    LatencyTable(engine, 1, size, this_machine(), {
        name: Entry(kind_of(module), {kind: cost / (1 + place) for kind, cost in COSTS.items()})
        for place, (name, module) in enumerate(timed_modules(supernet).items())
    }, overhead=0.1).save(path)
    return str(path)
