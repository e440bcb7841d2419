"""Signals that are noted, and what becomes of the processes that are there."""
import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import time

import pytest

from mmst.engine.run.stop import LAUNCHED, SIGNALS, Stopped, StopSignals, call

fork = multiprocessing.get_context('fork')


def ending(job, number=None, after=None):
    """Exit code of a forked process that leads a group and does ``job``; negative: the signal.

    ``number``: what the whole group is sent after 0.2 s, or when the file ``after`` is there.
    """
    pid = os.fork()
    if not pid:
        os.setpgid(0, 0)
        try:
            job()
        except BaseException:
            os._exit(99)
        os._exit(0)
    if number:
        while after is not None and not after.exists():
            time.sleep(0.02)
        time.sleep(0.2)
        os.killpg(pid, number)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    with pytest.raises(ProcessLookupError):  # nobody of its group is left
        for _ in range(50):
            os.killpg(pid, 0)
            time.sleep(0.05)
    return code


@pytest.mark.parametrize('number, code', [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_the_first_signal_is_noted_and_where_nothing_is_lost_it_ends_the_process(number, code):
    before = [signal.getsignal(n) for n in SIGNALS]
    with StopSignals() as signals:
        signals.deferring = True
        signal.raise_signal(number)
        assert signals.asked == number
    with pytest.raises(Stopped) as caught, StopSignals() as signals:
        signal.raise_signal(number)
    assert caught.value.code == code and signals.asked is None
    assert [signal.getsignal(n) for n in SIGNALS] == before


def test_code_that_turns_every_exception_into_its_own_does_not_hide_a_signal():
    with pytest.raises(Stopped) as caught, StopSignals():
        try:
            signal.raise_signal(15)
        except BaseException:
            raise SyntaxError('cannot be formatted') from None
    assert caught.value.code == 143 and not caught.value.reported
    with pytest.raises(SyntaxError), StopSignals():
        raise SyntaxError('without a signal')


def test_a_signal_that_others_have_caught_counts_where_the_run_would_begin():
    with StopSignals() as signals:
        with contextlib.suppress(BaseException):
            signal.raise_signal(2)
        assert signals.asked is None
        signals.defer()
        assert signals.asked == 2
    with StopSignals() as signals:
        signals.defer()
        assert signals.deferring and signals.asked is None


def test_a_signal_that_comes_in_a_destructor_is_obeyed_a_little_later(monkeypatch):
    printed = []
    monkeypatch.setattr('sys.unraisablehook', lambda lost: printed.append(lost.exc_type))

    class Short:
        def __init__(self, act):
            self.act = act

        def __del__(self):
            self.act()

    def fail():
        raise KeyError('of another kind')

    before = sys.unraisablehook
    with pytest.raises(Stopped) as caught, StopSignals() as signals:
        signals.obey()
        Short(lambda: signal.raise_signal(15))
        assert not printed
        Short(fail)
        signals.obey()
    assert caught.value.code == 143 and sys.unraisablehook is before
    assert printed == [KeyError]


@pytest.mark.parametrize('first, second', [(15, 15), (2, 2), (2, 15)])
def test_a_second_signal_ends_at_once_and_takes_the_children_along(first, second):

    def job():
        with StopSignals() as signals:
            signals.deferring = True
            fork.Process(target=time.sleep, args=(60, )).start()
            signal.raise_signal(first)
            signal.raise_signal(second)
            time.sleep(60)

    assert ending(job) == -second


def test_what_a_launcher_passes_on_is_the_same_request(monkeypatch):
    monkeypatch.setenv(LAUNCHED, 'x')
    monkeypatch.setattr('mmst.engine.run.stop.ECHO', 0.2)

    def job(wait):
        with StopSignals() as signals:
            signals.deferring = True
            signal.raise_signal(2)
            time.sleep(wait)
            signal.raise_signal(2)

    assert ending(lambda: job(0)) == 0
    assert ending(lambda: job(0.3)) == -2


def _count_to(seconds, queue):
    time.sleep(seconds)
    queue.put('whole')


@pytest.mark.parametrize('number', SIGNALS)
def test_a_worker_outlives_what_its_whole_group_is_sent(number):

    def job():
        with StopSignals() as signals:
            signals.deferring = True
            queue = fork.Queue()
            worker = fork.Process(target=_count_to, args=(0.6, queue))
            worker.start()
            assert queue.get(timeout=20) == 'whole'
            worker.join()
            os._exit(worker.exitcode + signals.asked)

    assert ending(job, number) == number


def test_a_worker_still_ends_when_its_parent_says_so():
    with StopSignals():
        worker = fork.Process(target=time.sleep, args=(60, ))
        worker.start()
        time.sleep(0.1)
        worker.terminate()
        worker.join(20)
    assert worker.exitcode == 0


def test_a_run_that_is_killed_takes_its_workers_along():

    def job():
        with StopSignals():
            fork.Process(target=time.sleep, args=(60, )).start()
            time.sleep(0.1)
            os.kill(os.getpid(), signal.SIGKILL)

    assert ending(job) == -signal.SIGKILL


def test_processes_that_are_forked_outside_are_left_alone():
    with StopSignals() as signals:
        pass
    worker = fork.Process(target=time.sleep, args=(60, ))
    worker.start()
    worker.terminate()
    worker.join(20)
    assert worker.exitcode == -signal.SIGTERM and not signals.active


def test_in_another_thread_nothing_is_installed():
    before, found = [signal.getsignal(n) for n in SIGNALS], []

    def look():
        with StopSignals() as signals:
            found.append((signals.active, [signal.getsignal(n) for n in SIGNALS]))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert found == [(False, before)]


@pytest.mark.parametrize('number, code', [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_command_gets_the_signal_once_and_is_waited_for(tmp_path, number, code):
    script = (f'import signal, sys, time; got = []; signal.signal({int(number)}, '
              'lambda n, _: got.append(n)); open("ready", "w"); time.sleep(0.5)\n'
              'while not got: time.sleep(0.05)\n'
              'time.sleep(0.3); sys.exit(128 + got[0] if len(got) == 1 else 1)')

    def job():
        os._exit(call([sys.executable, '-c', script], cwd=tmp_path))

    assert ending(job, number, tmp_path / 'ready') == code
