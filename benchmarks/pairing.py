"""Interleaved timings: every round runs each candidate once, so that other work hits all alike."""
import os
import statistics
import time
from typing import Callable, Dict, List, Tuple

#: Candidate to (clock, processor) in seconds, one a round.
Times = Dict[str, List[Tuple[float, float]]]


def measure(candidates: Dict[str, Callable[[], object]], rounds: int, warmup: int = 1,
            prepare: Callable[[str], object] = lambda name: None) -> Times:
    """Seconds of each call, by the clock and of processor; the first rounds are dropped.

    ``prepare(name)`` is called before each candidate's call and not timed.
    """
    times: Times = {name: [] for name in candidates}
    for number in range(rounds + warmup):
        for name, run in candidates.items():
            prepare(name)
            start, busy = time.perf_counter(), time.process_time()
            run()
            busy, passed = time.process_time() - busy, time.perf_counter() - start
            if number >= warmup:
                times[name].append((passed, busy))
    return times


def summary(times: Times, reference: str) -> Dict[str, dict]:
    """Medians in milliseconds, and the median over the rounds of the ratio to ``reference``."""
    found = {}
    for name, own in times.items():
        ratios = [theirs[1] / mine[1] for mine, theirs in zip(own, times[reference])]
        found[name] = dict(
            clock_ms=1e3 * statistics.median(t for t, _ in own),
            processor_ms=1e3 * statistics.median(t for _, t in own),
            fastest_ms=1e3 * min(t for _, t in own),
            speedup=statistics.median(ratios), speedups=[min(ratios), max(ratios)])
    return found


def load() -> float:
    """Load average: how much else the machine does."""
    return round(os.getloadavg()[0], 1)
