"""Compares the networks of a demo: sizes, score and speed of each, a row a network."""
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.evaluator import Evaluator
from mmengine.runner import Runner
from torch import nn

from ...costs.cost import image_channels
from ...costs.table import cell, render
from ...deploy.export import save_sparse
from ...deploy.export.deployed import smallest
from ...deploy.ticket_cost import kept_weights, network_cost
from ...models.hrnas.widths import without_widths
from ...pruning.mask import Mask
from ...tickets import Ticket
from .speed import Exporter, Run, attempt, milliseconds, sparse_engine


@dataclass
class Row:
    """Describes one network.

    Args:
        name (str): Its name in the table.
        params (float, optional): Parameters that are kept.
        megabytes (float, optional): As it is stored, weights in single precision.
        macs (float, optional): Multiply-adds of an image, of kept weights.
        score (float, optional): On the validation images.
        run (Callable, optional): The network, to be timed.
        export (Callable, optional): Waits for the network where it is still exported.
        why (str): Why it is not timed.
    """
    name: str
    params: float | None = None
    megabytes: float | None = None
    macs: float | None = None
    score: float | None = None
    run: Run | None = None
    why: str = ''
    export: Callable[[], Run] | None = None
    milliseconds: float | None = field(default=None, init=False)


def compare(ticket: Ticket, summary: Mapping[str, Any], record: Mapping[str, Any], cfg: Config,
            metric: str) -> list[Row]:
    """Return the rows of a finished demo.

    Args:
        ticket (Ticket): The demo's.
        summary (Mapping): Its ``ticket.json``.
        record (Mapping): The record of this demo by ``benchmarks/demo_baselines.py``: the
            networks ``dense``, ``searched`` and ``pruned``; may be empty.
        cfg (Config): The demo's config; its validation data are read.
        metric (str): The score's name.
    """
    shape = summary['input_shape']
    with tempfile.TemporaryDirectory() as folder, Exporter(shape, Path(folder)) as export:
        rows = [_supernet(ticket, summary, record, metric, export),
                *_recorded_rows(record, metric),
                _ticket(ticket, summary, metric, export),
                _compact_row(ticket, shape, cfg, metric, export),
                _sparse_file(ticket, summary, cfg, metric, Path(folder) / 'ticket.sparse')]
        for row in rows:  # all exports are under way
            if row.export is not None:
                row.run, row.why = attempt(row.export)
        image = torch.randn(1, image_channels(ticket.build()), *shape)
        runs = {row.name: row.run for row in rows if row.run is not None}
        times = milliseconds(runs, image)
        for row in rows:
            row.milliseconds = times.get(row.name)
    return rows


def table(rows: list[Row], metric: str, shape) -> str:
    """Return the rows as text, and a line for each network that was not timed."""
    height, width = shape
    lines = [render(
        f'at {height}x{width}, one thread of this machine',
        ['network', 'params (M)', 'MB', 'GMACs', metric, 'ms a frame'],
        [[row.name, cell(row.params, 1e6, 3), cell(row.megabytes, 1, 2), cell(row.macs, 1e9, 4),
          cell(row.score, 1, 2), cell(row.milliseconds, 1, 1)] for row in rows])]
    lines += [f'{row.name}: not timed, {row.why}' for row in rows if row.why]
    return '\n'.join(lines)


def score(model: Any, cfg: Config, metric: str) -> float:
    """Return the score of a toolbox's model on the config's validation images."""
    loader = Runner.build_dataloader(cfg.val_dataloader, seed=0)
    evaluator = Evaluator(cfg.val_evaluator)
    evaluator.dataset_meta = loader.dataset.metainfo
    with torch.inference_mode():
        for batch in loader:
            evaluator.process(model.test_step(batch), batch)
    return float(evaluator.evaluate(len(loader.dataset))[metric])


def _supernet(ticket, summary, record, metric, export) -> Row:
    network = ticket.supernet()
    plain = Ticket(without_widths(ticket.model), network.state_dict(), Mask({}), ticket.meta)
    return Row('supernet, dense (recorded)', summary['params']['supernet'],
               _megabytes(network), summary['macs']['supernet'],
               _score_of(record, 'dense', metric), export=export('supernet', plain))


def _recorded_rows(record, metric) -> list[Row]:
    """Return the searched network and, pruned without training, the same: its zeros are stored."""
    if not {'searched', 'pruned'} <= set(record):
        return []
    stored = record['searched']['params'] * 4 / 1e6
    return [Row(name, record[key]['params'], stored, record[key]['macs'],
                _score_of(record, key, metric))
            for key, name in (('searched', 'searched (recorded)'), ('pruned', 'S+P (recorded)'))]


def _ticket(ticket, summary, metric, export) -> Row:
    return Row(f'ticket, {ticket.sparsity:.0%} sparse', summary['params']['sparse'],
               _megabytes(ticket.build()), summary['macs']['sparse'],
               summary['metrics'].get(metric), export=export('ticket', ticket))


def _compact_row(ticket, shape, cfg, metric, export) -> Row:
    small = smallest(ticket)
    if small is ticket:
        return Row('ticket, compacted', why='its network cannot be compacted')
    network = small.build()
    cost = network_cost(network, tuple(shape), kept_weights(small, network)).total()
    exported = export('compact', small)
    return Row('ticket, compacted', cost['nonzero'], _megabytes(network), cost['sparse_macs'],
               score(network, cfg, metric), export=exported)


def _sparse_file(ticket, summary, cfg, metric, path: Path) -> Row:
    size = save_sparse(ticket, path)['bytes'] / 1e6
    engine, why = attempt(lambda: sparse_engine(ticket))
    found = score(engine.model, cfg, metric) if engine is not None else None
    return Row('sparse file, sparse engine', summary['params']['sparse'], size,
               summary['macs']['sparse'], found, engine, why)


def _megabytes(network: nn.Module) -> float:
    return sum(t.numel() * t.element_size() for t in network.state_dict().values()) / 1e6


def _score_of(record: Mapping[str, Any], key: str, metric: str) -> float | None:
    return record.get(key, {}).get('metrics', {}).get(metric)
