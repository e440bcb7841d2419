"""Keeps a run's searches, prunes, reactivations and evaluations, in the message hub."""
from collections.abc import Mapping
from typing import Any

from mmengine.runner import Runner

from .search_advice import describe_nearness

KEY = 'mmst_events'


def events(runner: Runner) -> list[dict[str, Any]]:
    """Return all events so far, oldest first, as plain data; they travel in checkpoints."""
    return runner.message_hub.runtime_info.get(KEY, [])


def add_event(runner: Runner, kind: str, step: int, **details: Any) -> None:
    """Record an event and log it."""
    event = dict(kind=kind, step=step, **details)
    runner.message_hub.update_info(KEY, [*events(runner), event])
    if kind in _DESCRIBE:
        runner.logger.info(describe_event(event))


def happened(runner: Runner, step: int, *kinds: str) -> bool:
    """Return whether an event of one of ``kinds`` was recorded at ``step``."""
    return any(e['step'] == step and e['kind'] in kinds for e in events(runner)[::-1])


def follows(runner: Runner, kind: str, *others: str) -> bool:
    """Return whether there is an event of ``kind``, and none of ``others`` after it."""
    kinds = [e['kind'] for e in events(runner) if e['kind'] in (kind, *others)]
    return bool(kinds) and kinds[-1] == kind


def is_lifted_at(runner: Runner, step: int) -> bool:
    """Return whether the mask was lifted at ``step``, and none was drawn since."""
    return follows(runner, 'reactivate', 'prune') and happened(runner, step, 'reactivate')


def describe_event(event: Mapping[str, Any]) -> str:
    """Return an event as text for the log."""
    return _DESCRIBE[event['kind']](event)


def _search(event: Mapping[str, Any]) -> str:
    counts: dict[str, int] = {}
    for removal in event['removed']:
        for label, number in removal['removed'].items():
            name = 'tokens' if removal['kind'] == 'token' else f'{label}x{label} channels'
            counts[name] = counts.get(name, 0) + number
    gone = ', '.join(f'{counts[name]} {name}' for name in sorted(counts)) or 'nothing'
    return (f'search at {event["step"]}: removed {gone}; {len(event["removed"])} blocks changed; '
            f'now {event["params"] / 1e6:.3f} M parameters, {event["macs"] / 1e9:.3f} GMACs'
            f'{describe_nearness(event)}')


def _prune(event: Mapping[str, Any]) -> str:
    return (f'prune at {event["step"]}: sparsity {event["sparsity"]:.4%} (target '
            f'{event["ratio"]:.2%}), {event["total"] - event["pruned"]:,} of {event["total"]:,} '
            'prunable weights left')


def _reactivate(event: Mapping[str, Any]) -> str:
    return f'reactivate at {event["step"]}: {event["revived"]:,} pruned weights train again'


def _recalibrate(event: Mapping[str, Any]) -> str:
    return f'recalibrate at {event["step"]}: BN statistics from {event["batches"]} batches'


_DESCRIBE = dict(search=_search, prune=_prune, reactivate=_reactivate, recalibrate=_recalibrate)
