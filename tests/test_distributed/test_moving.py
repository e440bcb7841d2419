"""A run goes on with another number of processes."""
import pytest
import rank_moves
import ranks

from mmst.tickets import Ticket

EPOCHS, STOP = 5, 3


def on(size, job, *args):
    return [job(*args)] if size == 1 else ranks.run(size, job, *args)


@pytest.mark.by_turns(4)
@pytest.mark.parametrize('before, after', [(1, 2), (2, 1)])
def test_a_moved_run_starts_from_the_same_bits_and_ends_at_the_target(tmp_path, before, after):
    stopped = on(before, rank_moves.begin, tmp_path, STOP)[0][-1]
    assert {part for part, _ in stopped['digests']} >= {'masks', 'optimizer', 'averaged'}
    answers = on(after, rank_moves.go_on, tmp_path)
    for states, _ in answers:
        assert states[0]['digests'] == stopped['digests']
        assert [s['step'] for s in states] == [STOP + 1, STOP + 1, STOP + 2]
    for states in zip(*(states[1:] for states, _ in answers), strict=True):
        assert all(s['digests'] == states[0]['digests'] for s in states)
    done = [(e['kind'], e['step']) for e in answers[0][0][-1]['events']
            if e['kind'] in ('search', 'prune')]
    assert done == [('prune', 1), ('search', 2), ('prune', 2), ('prune', 3), ('search', 4),
                    ('prune', 4), ('prune', 5)]
    assert Ticket.load(tmp_path / 'ticket.pth').sparsity == pytest.approx(0.5, abs=1e-3)


@pytest.mark.by_turns(4)
@pytest.mark.parametrize('before, after', [(1, 2), (2, 1)])
def test_schedules_and_warm_up_go_on_where_they_were(tmp_path, before, after):
    """An epoch has 4 iterations on one process, 2 on two."""
    on(before, rank_moves.begin, tmp_path, STOP)
    _, places = on(after, rank_moves.go_on, tmp_path)[0]
    _, expected = on(after, rank_moves.go_on, tmp_path / 'never moved')[0]
    expected = expected[-len(places):]
    assert len(places) == (EPOCHS - STOP) * 4 // after
    assert [iteration for iteration, _, _ in places] == [iteration for iteration, _, _ in expected]
    for place, other in zip(places, expected, strict=True):
        assert place == pytest.approx(other, rel=1e-9)


@pytest.mark.by_turns(3)
def test_on_as_many_processes_it_ends_as_if_never_stopped(tmp_path):
    begun = ranks.run(2, rank_moves.begin, tmp_path / 'stopped', STOP)
    whole = ranks.run(2, rank_moves.go_on, tmp_path / 'whole')
    resumed = ranks.run(2, rank_moves.go_on, tmp_path / 'stopped')
    for rank in range(2):
        at_ends = begun[rank] + resumed[rank][0][1:]
        for uninterrupted, other in zip(whole[rank][0][1:], at_ends, strict=True):
            assert uninterrupted['digests'] == other['digests'], uninterrupted['step']
            assert uninterrupted['events'] == other['events']
