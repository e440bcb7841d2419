"""Reads what a run, or a shared folder, says of a ticket in the ``.json`` of its name."""
import math
from pathlib import Path
from typing import Any

from .. import files
from ..errors import TicketError
from ..settings.shape import first_shape
from ..tickets import Ticket, summarize


def summary_of(path: str | Path) -> Path:
    """Return where a run, or a shared folder, keeps the summary of a ticket."""
    return Path(path).with_suffix('.json')


def known_facts(path: str, ticket: Ticket) -> dict[str, Any]:
    """Return the facts of a ticket, with the metrics that its run has written, also those of its
    levels.

    Raises:
        TicketError: The file next to it is damaged.
    """
    facts = summarize(ticket, first_shape(None, ticket.meta.get('input_shape')),
                      ticket.meta.get('supernet'))
    summary = summary_of(path)
    if summary.is_file():
        try:
            facts['metrics'] = _numbers(files.parse_json(files.read_text(summary))['metrics'])
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise TicketError(f'{summary} is no summary of a run ({error}). Remedy: take it from '
                              'the run again, or move it away.') from None
    if ticket.family is not None:
        metrics = level_metrics(path)
        facts['levels'] = [dict(row, metrics=metrics.get(row['level'], {}))
                           for row in facts['levels']]
    return facts


def level_metrics(path: str) -> dict[float, dict[str, float]]:
    """Return the metrics of each level that a run has written next to a family; none where it has
    not.

    Raises:
        TicketError: The file is damaged.
    """
    summary = summary_of(path)
    if not summary.is_file():
        return {}
    try:
        return {float(row['level']): _numbers(row['metrics'])
                for row in files.parse_json(files.read_text(summary)).get('levels', ())}
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise TicketError(f'{summary} is no summary of a family ({error}). Remedy: take it from '
                          'the run again, or move it away.') from None


def _numbers(metrics: Any) -> dict[str, float]:
    """Return the metrics that are finite: one over classes without a label is none."""
    found = {str(name): float(value) for name, value in metrics.items() if value is not None}
    return {name: value for name, value in found.items() if math.isfinite(value)}
