"""Measures images a second for ``benchmarks/gpu.py``."""
import itertools
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from events import weaken
from gpu_parts import Case
from latency_gpu import ROOT, RUN, dense, measured, measured_compressed
from latency_tickets import SEARCHED
from networks import load_networks
from torch import nn
from training_tasks import DEVICE, clean

from mmst.engine import SearchHook
from mmst.engine.run.runner_views import find_hook, unwrap

#: The ticket that is measured next to supernet and searched network.
TICKET = '90% global'


def inference(case: Case, forms: Sequence[str]) -> dict:
    """Measure images a second at two sizes, and 2:4 tickets with compressed weights."""
    skipped = []
    if DEVICE == 'cpu':
        skipped = [f'{name} needs a GPU' for name in (*forms, '2:4 compressed')
                   if name not in ('eager', 'TorchScript')]
        forms = [name for name in forms if name in ('eager', 'TorchScript')]
        if not forms:
            return dict(skipped=skipped)
    networks = tiny_networks(case) if case.tiny else shipped_networks()
    rows = []
    sizes = list(dict.fromkeys(case.size(1, *size)[1:] for size in ((512, 1024), (1024, 2048))))
    for size, precision, name in itertools.product(sizes, ('fp32', 'bf16'), forms):
        rows += measured(dense(networks), 1, size, precision, name, case.rounds)
    for name in forms if DEVICE == 'cuda' and not case.tiny else ():
        if name in ('eager', 'CUDA graph'):
            rows += measured_compressed(networks, 1, sizes[0], name, case.rounds)
    return dict(rows=rows, skipped=skipped)


def shipped_networks() -> dict[str, nn.Module]:
    """Return supernet, searched network and tickets of the shipped commands, made if need be."""
    if not Path(SEARCHED).is_file():
        subprocess.run([sys.executable, str(ROOT / 'latency_tickets.py')], check=True)
    tickets = [RUN / 'p90_global.pth', RUN / 'p50_2of4.pth']
    return load_networks(str(ROOT / 'configs/full_width.py'), str(SEARCHED),
                         list(map(str, tickets)), compacted=(TICKET, ))


def tiny_networks(case: Case) -> dict[str, nn.Module]:
    """Return a narrow network before a search and after it."""
    found = {}
    for name in ('supernet', 'searched'):
        run = case.runner(case.size(1, 32, 64))
        if name == 'searched':
            weaken(run)
            find_hook(run, SearchHook).search(run, 10)
        found[name] = unwrap(run).eval()
        clean(dict(run=run))
    return found
