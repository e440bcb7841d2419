"""Tables of milliseconds of tiny networks, measured while other work uses the machine."""
import pytest

from mmst.deploy.profile import profile
from mmst.errors import ConfigError

#: Calls of each network: more of them where the error of the ones before asks for it.
ROUNDS = (2, 8, 32)
NOISY = 'other work hides the modules, by as many calls, too'


def measure(*args, **kwargs):
    """Return what ``mmst.deploy.profile.profile`` measures, and the rounds that it took."""
    for rounds in ROUNDS:
        try:
            return profile(*args, rounds=rounds, **kwargs), rounds
        except ConfigError as error:
            assert 'noise hides' in str(error)
    return pytest.fail(NOISY)


def measure_by(tool, *words):
    """Let ``mmst profile``, which ``tool`` calls with words, measure a table."""
    if all(tool(*words, '--rounds', str(rounds)) for rounds in ROUNDS):
        pytest.fail(NOISY)
