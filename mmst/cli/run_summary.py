"""Reads what a run, or a shared folder, says of a ticket in the ``.json`` of its name, and hands it
on to tickets that are made of it.
"""
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import files
from ..errors import MMSTError, TicketError, config_error
from ..settings.kept_inputs import is_same, keep_inputs
from ..settings.shape import first_shape
from ..tickets import Ticket, summarize


def summary_of(path: str | Path) -> Path:
    """Return where a run, or a shared folder, keeps the summary of a ticket."""
    return Path(path).with_suffix('.json')


def summary_beside(out: str | Path, key: str = '--out') -> Path:
    """Return where the summary of a new ticket goes.

    Raises:
        ConfigError: The ticket would lie there itself, and be lost.
    """
    path = summary_of(out)
    if path == Path(out):
        raise config_error(key, str(out), 'is the place of the ticket\'s summary',
                           'name the ticket FILE.pth')
    return path


@dataclass(frozen=True)
class Summary:
    """Holds where the facts of a ticket come from that is made of another, and where they go to.

    Attributes:
        source (str): The ticket that it is made of, which has a summary.
        path (Path): The ``.json`` to write.
        level (float, optional): Of a family: the level that it is.
    """
    source: str
    path: Path
    level: float | None = None

    @classmethod
    def for_output(cls, source: str, out: str, level: float | None = None) -> 'Summary | None':
        """Return the summary that goes with a file; None where no run has told anything, or the
        one that is there holds for it as well. To be called before work.

        Raises:
            ConfigError: It would take the place of the summary of all levels, or of the file.
        """
        own, path = summary_of(source), summary_beside(out)
        if level is not None:
            keep_inputs('--out', path, own)
        wanted = own.is_file() and not is_same(own, path)
        return cls(source, path, level) if wanted else None

    def write(self, ticket: Ticket) -> None:
        """Write the costs of the ticket, and the metrics that its run has measured; say so where
        the file beside its source is another one.
        """
        try:
            facts = known_facts(self.source, ticket)
            if self.level is not None:
                facts['metrics'] = level_metrics(self.source).get(self.level, {})
        except MMSTError as error:
            print(f'without costs and metrics: {error}')
            return
        files.write_bytes(self.path, files.to_json(facts).encode())
        print(f'{self.path}: its costs and metrics')


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
