"""Reads a work directory as plain data for the page."""
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from mmengine.config import Config

from ... import files
from ...engine.run import timeline
from ...engine.run.events import KEY
from ...engine.run.resume import find_checkpoint
from ...errors import TicketError, config_error, one_line
from ...openmmlab.safe_checkpoints import safe_load
from ...tickets import Ticket
from ..baselines import Baseline, read_baselines
from . import logs
from .dumped_config import read_dumped
from .supernet import supernet_widths, widths_of_survivors
from .undescribed import describe_run

Entry = dict[str, Any]
#: More steps, weights or multiply-adds has no run.
MOST = 1e18


@dataclass(frozen=True)
class RunData:
    """Holds a run, finished or not.

    Attributes:
        name (str): Of the work directory.
        run (Mapping): First line of the timeline; without ``TimelineHook``, the
            same from config and checkpoint.
        entries (List[Mapping]): Events, oldest first.
        summary (Mapping, optional): ``ticket.json``; None while the run has not ended.
        losses (List): Steps done, a fraction of an epoch too, and the loss.
        before, after (Mapping): Widths of the search blocks by part, of the supernet and now; empty
            where the network has none.
        layers (Mapping): Share pruned of each weight.
        cfg (Config, optional): The run's config.
        config_path (Path, optional): Its file.
        starts (List[str]): When processes began to work at it.
        weights (Path, optional): Ticket or checkpoint that the network can be taken from.
        notes (List[str]): Sentences about missing files.
        baselines (List[Baseline]): Networks that the run is compared with.
    """
    name: str
    run: Mapping[str, Any]
    entries: list[Entry]
    summary: Mapping[str, Any] | None
    losses: list[tuple[float, float]]
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    layers: Mapping[str, float]
    cfg: Config | None
    config_path: Path | None
    starts: list[str]
    weights: Path | None
    notes: list[str] = field(default_factory=list)
    baselines: list[Baseline] = field(default_factory=list)

    @property
    def unit(self) -> str:
        """Return the unit of steps: ``'epoch'`` or ``'iteration'``."""
        return self.run.get('unit', 'epoch')

    @cached_property
    def ticket(self) -> Ticket:
        """Return the run's ticket, read once; only where ``weights`` are a ticket.

        Raises:
            TicketError: The file is damaged.
        """
        assert self.weights is not None, 'the run has no ticket'
        return Ticket.load(self.weights)

    @property
    def last_step(self) -> int:
        """Return the step of the last event."""
        return max((e['step'] for e in self.entries), default=0)

    @property
    def reached(self) -> float:
        """Return how far the run is known to have come: its last event or logged loss."""
        return max([self.last_step, *(step for step, _ in self.losses[-1:])])

    @property
    def finished(self) -> bool:
        """Return whether the run has ended with a ticket."""
        return self.summary is not None

    @property
    def mask_step(self) -> int:
        """Return the step of the mask in ``layers``: since then, weights may be reactivated.
        """
        if self.summary is not None:
            return self.summary['step']
        return max((e['step'] for e in self.entries if e.get('state', {}).get('layers')), default=0)

    @property
    def state(self) -> Mapping[str, Any]:
        """Return the network after the last event that changed it; empty where nobody has looked.
        """
        return next((e['state'] for e in self.entries[::-1] if 'state' in e), {})

    @property
    def supernet(self) -> Mapping[str, float] | None:
        """Return ``params`` and ``macs`` before the search."""
        if self.summary is not None:
            return {key: self.summary[key]['supernet'] for key in ('params', 'macs')}
        return self.run.get('supernet')

    def of_kind(self, *kinds: str) -> list[Entry]:
        """Return events of one of ``kinds``."""
        return [entry for entry in self.entries if entry['kind'] in kinds]


def collect(work_dir: str | Path) -> RunData:
    """Read the files of a run; nothing is written.

    Raises:
        ConfigError: There is no run in the folder.
        TicketError: ``ticket.json`` is damaged.
    """
    folder = Path(work_dir)
    if not folder.is_dir():
        raise config_error('WORK_DIR', str(work_dir), 'no such folder',
                           'give the work directory of a training run')
    notes: list[str] = []
    run, entries = timeline.read(folder)
    weights, checkpoint = _checkpoint(folder, run is None, notes)
    if run is None:
        entries = _through_json(_events(checkpoint))
    if not entries and weights is None and not (folder / 'ticket.json').is_file():
        raise config_error('WORK_DIR', str(work_dir), 'holds no run: neither timeline.jsonl nor a '
                           'checkpoint nor ticket.json', 'give the work directory of a training '
                           'run that has begun')
    summary = _summary(folder, entries, notes)
    path = logs.config_file(folder)
    cfg = _config(path, notes)
    run = run or describe_run(cfg, checkpoint)
    before = run.get('widths') or _before(cfg, notes)
    return RunData(
        folder.resolve().name, run, entries, summary, _losses(folder, run), before,
        _after(before, entries, summary, checkpoint), _layers(entries, summary), cfg, path,
        logs.starts(folder),
        folder / 'ticket.pth' if summary and (folder / 'ticket.pth').is_file() else weights, notes,
        read_baselines(folder, notes))


def _checkpoint(folder: Path, needed: bool, notes: list[str]):
    """Return the path of the last whole checkpoint and, where it is needed, its content."""
    try:
        found = find_checkpoint(folder)
    except TicketError as error:
        notes.append(str(error).partition(' Remedy:')[0])
        return None, {}
    if needed:
        notes.append('The run has no timeline.jsonl (mmst.TimelineHook was not among its hooks): '
                     'events are those of its last checkpoint, without histograms and without '
                     'costs after each of them.')
    return Path(found) if found else None, safe_load(found, 'cpu') if found and needed else {}


def _events(checkpoint: Mapping[str, Any]) -> list[Entry]:
    hub = checkpoint.get('message_hub') or {}
    return list((hub.get('runtime_info') or {}).get(KEY, []))


def _through_json(value: Any) -> Any:
    """Return a value as it comes back from a JSON file."""
    return json.loads(json.dumps(value))


def _summary(folder: Path, entries: list[Entry], notes: list[str]) -> Mapping[str, Any] | None:
    path = folder / 'ticket.json'
    if not path.is_file():
        return None
    try:
        summary = files.parse_json(files.read_text(path))
        _check_summary(summary)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise TicketError(f'{path} cannot be read ({type(error).__name__}: {error}). Remedy: '
                          'remove it; resuming the finished run writes it again.') from error
    if entries and max(e['step'] for e in entries) < summary['step']:
        notes.append(f'ticket.json is of an earlier run, which ended at {summary["step"]}; it is '
                     'left out.')
        return None
    return summary


def _check_summary(summary: Mapping[str, Any]) -> None:
    """Raise where an entry that the page reads is missing or of another kind."""
    shares = [summary['sparsity'], *summary['layer_sparsity'].values()]
    counts = [summary['step'], *(costs[name] for costs in (summary['params'], summary['macs'])
                                 for name in ('supernet', 'searched', 'sparse'))]
    wrong = [value for values, most in ((shares, 1), (counts, MOST)) for value in values
             if type(value) not in (int, float) or not 0 <= value <= most]
    wrong += [part for part in summary['widths'].values() if not isinstance(part, dict)]
    if wrong:
        raise ValueError(f'{wrong[0]!r} is no entry that a run writes there')


def _config(path: Path | None, notes: list[str]) -> Config | None:
    if path is None:
        notes.append('The work directory has no config.')
        return None
    try:
        return read_dumped(path)
    except Exception as error:  # Anything can be wrong with a file that may be anybody's.
        notes.append(f'The config {path.name} cannot be read: {one_line(error, 300)}')
        return None


def _before(cfg: Config | None, notes: list[str]) -> Mapping[str, Any]:
    try:
        return supernet_widths(cfg.model) if cfg is not None and 'model' in cfg else {}
    except Exception as error:  # Constructors of a config that may come from elsewhere.
        notes.append(f'The supernet cannot be built: {" ".join(str(error).split())}')
        return {}


def _after(before: Mapping[str, Any], entries: list[Entry], summary: Mapping[str, Any] | None,
           checkpoint: Mapping[str, Any]) -> Mapping[str, Any]:
    state = next((e['state'] for e in entries[::-1] if 'state' in e), None)
    if state is not None:
        return state['widths']
    if summary is not None:
        return summary['widths']
    survivors = (checkpoint.get('mmst_search') or {}).get('survivors') or {}
    return widths_of_survivors(before, survivors)


def _layers(entries: list[Entry], summary: Mapping[str, Any] | None) -> Mapping[str, float]:
    """Return the layers after the last event with a mask; reactivated ones have none."""
    if summary is not None:
        return summary['layer_sparsity']
    return next((e['state']['layers'] for e in entries[::-1] if e.get('state', {}).get('layers')),
                {})


def _losses(folder: Path, run: Mapping[str, Any]) -> list[tuple[float, float]]:
    """Return losses by steps; none where nothing says how many iterations a step has."""
    length = run.get('iterations_per_step')
    return [(iteration / length, loss) for iteration, loss in logs.losses(folder)] if length else []
