"""Ranks that train by CUDA graphs: memory that runs out on one of them."""
import pytest
import rank_graphs
import ranks

#: Without a search, which would drop graphs for another reason; eight steps an epoch.
SETTINGS = dict(search=False, prune=dict(interval=2, reactivation=None), length=32, batch_size=2)


@pytest.fixture(scope='module')
def healthy(tmp_path_factory):
    return ranks.run(2, rank_graphs.train, tmp_path_factory.mktemp('healthy'), **SETTINGS)


def test_ranks_with_enough_memory_train_by_graphs(healthy):
    for parts, _ in healthy:
        assert [captures for captures, *_ in parts] == [1, 1]
        assert not any(reasons or off for _, reasons, off, _ in parts)


@pytest.mark.parametrize('failing', [0, 1])
def test_where_one_rank_runs_out_of_memory_in_a_capture_both_go_on_without_graphs(
        tmp_path, failing):
    answers = ranks.run(2, rank_graphs.train, tmp_path, failing=failing, **SETTINGS)
    for rank, (parts, _) in enumerate(answers):
        assert all(off and not forms for _, _, off, forms in parts)
        printed = [reason for _, reasons, _, _ in parts for reason in reasons]
        assert printed and all('CUDA out of memory. Tried to allocate 2 GiB' in t for t in printed)
        assert all((f'rank {failing}' in t) == (rank != failing) for t in printed)
    first, second = (parameters(answer) for answer in answers)
    assert first == second  # as their gradients went on to meet


def parameters(answer):
    """Digests of the network's parameters at the end."""
    return {key: value for key, value in answer[1][-1].items() if key[0] == 'parameters'}
