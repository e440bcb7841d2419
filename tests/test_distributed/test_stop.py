"""A signal to any one of several processes ends all of them, after the same step."""
import random
import signal

import pytest
import rank_stops
import ranks


@pytest.fixture(scope='module')
def uninterrupted(tmp_path_factory):
    return ranks.run(2, rank_stops.train, tmp_path_factory.mktemp('whole'))


@pytest.mark.parametrize('rank, rate, name', [
    # As seldom as epochs end; at each step, once for either rank.
    (1, 1e6, 'epoch_1.pth'), (1, 1e-6, 'epoch_0_iter_2.pth'), (0, 1e-6, 'epoch_0_iter_2.pth')])
def test_all_stop_at_the_same_step_and_go_on_alike(tmp_path, uninterrupted, rank, rate, name):
    stopped = ranks.run(2, rank_stops.train, tmp_path, stop=(rank, 2), rate=rate)
    assert stopped[0] == stopped[1] and stopped[0][0] == 143 and name in stopped[0][2]
    resumed = ranks.run(2, rank_stops.train, tmp_path, resume=True)
    for before, after in zip(uninterrupted, resumed, strict=True):
        assert after[:2] == before[:2]
        assert after[2] == before[2][-len(after[2]):] and after[2]


@pytest.mark.slow
@pytest.mark.parametrize('seed', range(12))
def test_whichever_process_is_asked_at_any_step_all_go_on_alike(tmp_path, uninterrupted, seed):
    chance = random.Random(seed)
    number = chance.choice([signal.SIGTERM, signal.SIGINT])
    stop, rate = (chance.randrange(2), chance.randint(1, 8)), chance.choice([1e6, 1e-6])
    stopped = ranks.run(2, rank_stops.train, tmp_path, stop=stop, rate=rate, number=number)
    assert stopped[0][:2] == stopped[1][:2] and stopped[0][0] in {0, 128 + number}
    resumed = ranks.run(2, rank_stops.train, tmp_path, resume=True)
    for before, after in zip(uninterrupted, resumed, strict=True):
        assert after[:2] == before[:2]
        assert not after[2] or after[2] == before[2][-len(after[2]):]
