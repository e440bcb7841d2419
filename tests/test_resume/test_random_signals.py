"""SIGTERM and SIGINT at any moment: a run ends soon, and goes on bit for bit."""
import os
import random
import signal
import subprocess
import time
from pathlib import Path

import forks
import kills
import pytest

#: Seeds of the moments.
SEEDS = range(25)
#: Seconds in which a process that was asked to end is there no more.
SOON = 5.


def started(folder):
    """A process that trains from where the folder's run is, as the leader of a session."""
    process = forks.context().Process(target=kills.lead, args=(
        str(folder), dict(resume=True, number=signal.SIGTERM)))
    process.start()
    return process


def heeds(pid):
    """Whether a process has a handler for SIGTERM."""
    status = Path(f'/proc/{pid}/status').read_text()
    return int(status.partition('SigCgt:')[2].split()[0], 16) >> (signal.SIGTERM - 1) & 1


def members(session):
    """The processes of a session that are left, by their state and name."""
    found = subprocess.run(['ps', '-o', 'stat=,comm=', '--sid', str(session)], check=False,
                           capture_output=True, text=True).stdout.splitlines()
    return [line for line in found if not line.startswith('Z')]


@pytest.mark.slow
@pytest.mark.parametrize('seed', SEEDS)
def test_a_run_that_is_asked_to_end_at_any_moment_goes_on_bit_for_bit(uninterrupted, tmp_path,
                                                                      seed):
    chance = random.Random(seed)
    for _ in range(2):
        number, twice = chance.choice([signal.SIGTERM, signal.SIGINT]), chance.random() < 0.3
        process = started(tmp_path)
        while process.is_alive() and not heeds(process.pid):
            time.sleep(0.01)
        time.sleep(chance.uniform(0, 6))
        if process.is_alive():
            os.kill(process.pid, number)
        if twice:
            time.sleep(2.1)  # sooner, it counts as the same request
            if process.is_alive():
                os.kill(process.pid, signal.SIGTERM)
        process.join(SOON)
        assert process.exitcode in {0, 128 + number} | ({-signal.SIGTERM} if twice else set())
        assert not members(process.pid)
        if process.exitcode == 128 + number:
            printed = [line for line in (tmp_path / 'log').read_text().splitlines()
                    if not line.startswith('Loads checkpoint')]
            assert len(printed) <= 1 and all('--resume' in line for line in printed)
    kills.finish(tmp_path)
    assert not kills.differences(uninterrupted, kills.left(tmp_path))
    assert not list(Path(tmp_path).rglob('*.tmp'))
