"""Compares a run with the paper's figures for it."""
from collections.abc import Mapping, Sequence
from typing import Any

from ...costs.table import render
from ...errors import config_error
from ...settings.checks import as_number

#: Costs that the paper reports, by their keys in a ticket's summary, with a table's divisor.
COSTS = {'params': ('parameters (M)', 1e6), 'macs': ('GMACs', 1e9)}


def check_figures(key: str, given: Any) -> list[dict[str, Any]]:
    """Refuse figures that are not ``[dict(source=..., epochs=..., sparsity=..., NAME: number)]``.

    Raises:
        ConfigError: Naming key and value.
    """
    for entry in given if isinstance(given, (list, tuple)) else [given]:
        if (not isinstance(entry, Mapping) or not isinstance(entry.get('source'), str)
                or not {'epochs', 'sparsity'} <= set(entry)
                or any(as_number(v) is None for k, v in entry.items() if k != 'source')):
            raise config_error(key, given, 'must be a list of dicts of a source, epochs, sparsity '
                               'and the figures of a run', "use e.g. [dict(source='Table 1', "
                               'epochs=430, sparsity=0.9, mIoU=66.61)], or leave it out')
    return [dict(entry) for entry in given]


def figures_of(figures: Sequence[Mapping[str, Any]], epochs: int | None,
               sparsity: float) -> Mapping[str, Any] | None:
    """Return the paper's figures of a run of that length and sparsity; None for all others."""
    return next((entry for entry in figures if entry['epochs'] == epochs
                 and abs(entry['sparsity'] - sparsity) < 1e-3), None)


def paper_table(summary: Mapping[str, Any], figures: Mapping[str, Any]) -> str:
    """Compare the ticket of a summary with the paper's: a row a figure, with the difference.

    Args:
        summary (Mapping): As in ``ticket.json``. Costs are those of the kept weights, as the paper
            counts them.
        figures (Mapping): An entry of ``TicketHook.paper``.
    """
    rows = []
    for name, wanted in figures.items():
        if name in ('source', 'epochs', 'sparsity'):
            continue
        label, unit = COSTS.get(name, (name, 1))
        found = summary[name]['sparse'] if name in COSTS else summary['metrics'].get(name)
        own, difference = ('-', '-') if found is None else (
            f'{found / unit:.4g}', f'{(found - wanted) / unit:+.3g}')
        rows.append([label, f'{wanted / unit:.4g}', own, difference])
    return render(f'the paper ({figures["source"]})', ['', 'paper', 'here', 'difference'], rows)
