"""Reads what a run, or a shared folder, says of a ticket in the ``.json`` of its name, and hands it
on to tickets that are made of it.
"""
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import files
from ..engine.hooks.labels_hook import UNLABELLED
from ..errors import MMSTError, TicketError, config_error
from ..settings.kept_inputs import is_same, keep_inputs
from ..settings.shape import first_shape
from ..tickets import Ticket, summarize
from ..tickets.family import is_same_level

#: Of files that hold a ticket.
_ENDINGS = ('.pth', '.safetensors', '.sparse')


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


def keep_others(path: Path, key: str = '--out') -> None:
    """Refuse to write a summary over a file that is none.

    Raises:
        ConfigError: It would be lost.
    """
    if path.is_file() and not _is_summary(path):
        raise config_error(key, str(path), 'is the place of the ticket\'s summary, and no summary '
                           'of another one, so it would be lost', f'give another path as {key}')


def _is_summary(path: Path) -> bool:
    """Return whether a file is there that a run has written next to a ticket or a family."""
    try:
        content = files.parse_json(files.read_text(path))
    except (OSError, ValueError):
        return False
    return isinstance(content, dict) and ('layer_sparsity' in content
                                          or {'levels', 'metrics'} <= content.keys())


def _facts(path: Path, level: float | None) -> tuple[Any, ...] | None:
    """Return the metrics and the sparsity of a summary, or of its level; None where there is none.
    """
    if not _is_summary(path):
        return None
    content = files.parse_json(files.read_text(path))
    try:
        rows = [content] if level is None else [
            row for row in content.get('levels') or () if is_same_level(row['level'], level)]
        return next(((_numbers(row['metrics']), row.get('sparsity')) for row in rows), None)
    except (TypeError, KeyError, ValueError, AttributeError):
        return None


@dataclass(frozen=True)
class Summary:
    """Holds where the facts of a ticket come from that is made of another, and where they go to.

    Attributes:
        source (str): The ticket that it is made of, which has a summary.
        path (Path): The ``.json`` to write.
        level (float, optional): Of a family: the level that it is.
        rounded (bool): Its weights are not those that the metrics were measured with.
    """
    source: str
    path: Path
    level: float | None = None
    rounded: bool = False

    @classmethod
    def for_output(cls, source: str, out: str, level: float | None = None,
                   rounded: bool = False) -> 'Summary | None':
        """Return the summary that goes with a file; None where no run has told anything and no
        other one lies there, or the one that lies there holds for it as well. To be called before
        work.

        Raises:
            ConfigError: It would take the place of the source's summary, which says something else,
                of the file, or of a file that is no summary.
        """
        own, path = summary_of(source), summary_beside(out)
        if level is not None or rounded:
            keep_inputs('--out', path, own)
        if is_same(own, path) or not (own.is_file() or _is_summary(path)):
            return None
        keep_others(path)
        files.replaceable(path)
        found = cls(source, path, level, rounded)
        found.keep_other_tickets(Path(out))
        return found

    def keep_other_tickets(self, out: Path) -> None:
        """Refuse to take the place of the summary of another ticket, of another ending, or to
        become it.

        Raises:
            ConfigError: Naming that ticket.
        """
        others = [path for path in map(out.with_suffix, _ENDINGS)
                  if path.is_file() and not is_same(path, out)]
        if others and not (self._to_tell() and self._to_tell() == _facts(self.path, None)):
            raise config_error('--out', str(out), f'{others[0]} is another ticket, and {self.path} '
                               'is the place of its summary, too', 'give another name as --out')

    def _to_tell(self) -> tuple[Any, ...] | None:
        """Return the metrics and the sparsity that are to be told."""
        found = _facts(summary_of(self.source), self.level)
        return found and (({}, found[1]) if self.rounded else found)

    def write(self, ticket: Ticket) -> None:
        """Write the costs of the ticket, and the metrics that its run has measured; say so where
        the file beside its source is another one. No summary of another ticket stays.
        """
        try:
            facts = known_facts(self.source, ticket)
            if self.rounded:
                facts['metrics'] = {}
            elif self.level is not None:
                facts['metrics'] = metrics_at(self.level, level_metrics(self.source))
        except MMSTError as error:
            self.path.unlink(missing_ok=True)
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
    facts['metrics'] = {}
    summary = summary_of(path)
    if summary.is_file():
        try:
            content = files.parse_json(files.read_text(summary))
            facts['metrics'] = _numbers(content['metrics'])
            if content.get(UNLABELLED):
                facts[UNLABELLED] = [str(name) for name in content[UNLABELLED]]
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise TicketError(f'{summary} is no summary of a run ({error}). Remedy: take it from '
                              'the run again, or move it away.') from None
    if ticket.family is not None:
        metrics = level_metrics(path)
        facts['levels'] = [dict(row, metrics=metrics_at(row['level'], metrics))
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


def metrics_at(level: float, metrics: Mapping[float, dict[str, float]]) -> dict[str, float]:
    """Return the metrics of a level; none where there are none of it."""
    return next((found for known, found in metrics.items() if is_same_level(known, level)), {})


def _numbers(metrics: Any) -> dict[str, float]:
    """Return the metrics that are finite: one over classes without a label is none."""
    found = {str(name): float(value) for name, value in metrics.items() if value is not None}
    return {name: value for name, value in found.items() if math.isfinite(value)}
