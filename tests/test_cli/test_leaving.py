"""A process that ends with an error disconnects from the others first."""
import pytest

from mmst.cli import leaving
from mmst.engine.run import launcher


@pytest.mark.parametrize('code', [0, 2])
def test_a_process_disconnects_before_it_ends(monkeypatch, code):
    calls = []
    monkeypatch.setattr(launcher, 'stop_processes', lambda: calls.append(0))
    with pytest.raises(SystemExit) as ended:
        leaving.leave(code)
    assert ended.value.code == code and len(calls) == 1


@pytest.mark.parametrize('code', leaving.ASKED)
def test_a_process_that_was_asked_to_end_does_not_wait_for_others(monkeypatch, code):
    """They may not be there any more."""
    calls, codes = [], []
    monkeypatch.setattr(launcher, 'stop_processes', lambda: calls.append(0))
    monkeypatch.setattr(leaving.atexit, '_run_exitfuncs', lambda: None)

    def leave_at_once(number):
        codes.append(number)
        raise KeyboardInterrupt  # os._exit does not return

    monkeypatch.setattr(leaving.os, '_exit', leave_at_once)
    with pytest.raises(KeyboardInterrupt):
        leaving.leave(code)
    assert codes == [code] and not calls
