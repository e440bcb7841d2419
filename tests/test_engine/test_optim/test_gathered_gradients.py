"""Gradients that wait for their step survive checkpoints, and searches."""
import pytest
import rank_jobs
import ranks
import torch
from tiny import WEAKEN, Probe, averaged_model, events, find_hook, make, run, unwrap

from mmst.engine import SearchHook
from mmst.errors import TicketError

#: Two iterations an epoch, four a step, ten in all: a checkpoint, a search or a prune falls into
#: the middle of a step, and the last step is of two iterations only.
RUN = dict(epochs=5, search=dict(interval=1), prune=dict(interval=2, sparsity=0.4),
           probes=[WEAKEN], noise=0.1, optimizer=dict(type='AdamW', lr=0.02),
           custom_hooks=[dict(type='mmst.SeedHook')])
FOUR = dict(accumulative_counts=4)
WRAPPERS = {'float32': dict(FOUR, clip_grad=dict(max_norm=1.)),
            'AMP': dict(FOUR, type='mmst.MaskedAmpOptimWrapper'),
            'three iterations a step': dict(accumulative_counts=3)}


def state(runner):
    """All that training goes on from, by name."""
    optimizer = runner.optim_wrapper.optimizer.state_dict()['state']
    found = {f'{i}.{key}': torch.as_tensor(v) for i, s in optimizer.items() for key, v in s.items()}
    return {**found, **unwrap(runner).state_dict(),
            **{f'average {n}': t for n, t in averaged_model(runner).state_dict().items()}}


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[n], other[n]) for n in one)


def look_at_start(runner):
    """The gradients that are there when training begins."""
    found = {}

    def act(runner):
        found.update((name, p.grad.clone()) for name, p in unwrap(runner).named_parameters()
                     if p.grad is not None)

    runner.register_hook(Probe(before_train=act), 'LOWEST')
    return found


@pytest.mark.by_turns(5)
@pytest.mark.parametrize('wrapper', WRAPPERS.values(), ids=WRAPPERS)
def test_a_run_resumed_between_two_steps_ends_alike(tmp_path, wrapper):
    whole = run(tmp_path, wrapper=wrapper, checkpoint=dict(interval=1), **RUN)
    assert any(e['removed'] for e in events(whole) if e['kind'] == 'search' and e['step'] == 3)
    for epoch in (1, 3):
        saved = tmp_path / f'epoch_{epoch}.pth'
        assert ('gathered_gradients' in torch.load(saved, weights_only=True)['optimizer']) == (
            2 * epoch % wrapper['accumulative_counts'] > 0)
        again = make(tmp_path / str(epoch), wrapper=wrapper, resume=True, load_from=str(saved),
                     **RUN)
        again.train()
        assert same(state(whole), state(again))


def test_an_iteration_based_run_does_too(tmp_path):
    settings = dict(RUN, wrapper=FOUR, search=dict(interval=3), prune=dict(interval=5),
                    train_cfg=dict(by_epoch=False, max_iters=10, val_interval=100))
    settings.pop('epochs')
    loader = make(tmp_path, **settings).cfg.train_dataloader
    loader.sampler = dict(type='InfiniteSampler', shuffle=True)
    settings['train_dataloader'] = loader
    whole = run(tmp_path, checkpoint=dict(interval=3, by_epoch=False), **settings)
    again = make(tmp_path / 'again', resume=True, load_from=str(tmp_path / 'iter_6.pth'),
                 **settings)
    again.train()
    assert same(state(whole), state(again))


def test_a_search_keeps_what_was_gathered_for_the_units_that_are_left(tmp_path):
    found = []

    def look(runner):
        survivors = find_hook(runner, SearchHook).survivors if runner.epoch == 0 else {}
        found.append({group: (list(left), _expand(runner, group).grad.clone())
                      for group, left in survivors.items()})

    run(tmp_path, **dict(RUN, epochs=2, probes=[WEAKEN, (69, dict(after_train_epoch=look)),
                                                (80, dict(after_train_epoch=look))]), wrapper=FOUR)
    before, after = found[:2]
    changed = 0
    for group, (left, gradient) in after.items():
        assert torch.equal(before[group][1][left], gradient)
        changed += len(left) < len(before[group][0])
        assert gradient.abs().sum() > 0
    assert changed > 1


def _expand(runner, group):
    return unwrap(runner).get_submodule(group.rpartition('.')[0]).expand.weight


def test_another_length_of_a_step_leaves_them_out_with_a_warning(tmp_path):
    run(tmp_path, wrapper=FOUR, checkpoint=dict(interval=1), **dict(RUN, epochs=2))
    again = make(tmp_path / 'again', wrapper=dict(accumulative_counts=3), resume=True,
                 load_from=str(tmp_path / 'epoch_1.pth'), **dict(RUN, epochs=2))
    found = look_at_start(again)
    again.train()
    assert found == {}


def test_a_checkpoint_at_a_step_holds_none(tmp_path):
    run(tmp_path, wrapper=dict(accumulative_counts=2), checkpoint=dict(interval=1),
        **dict(RUN, epochs=2))
    assert 'gathered_gradients' not in torch.load(
        tmp_path / 'epoch_1.pth', weights_only=True)['optimizer']


@pytest.mark.parametrize('damage', [
    lambda saved: saved.update(ranks=[]), lambda saved: saved.update(ranks=None),
    lambda saved: saved.update(ranks=[{0: torch.zeros(1, 2, 3)}]),
    lambda saved: saved.update(ranks=[{10**6: torch.zeros(1)}]),
    lambda saved: saved.update(of='4'), lambda saved: saved.pop('gathered')])
def test_damaged_ones_are_refused(tmp_path, damage):
    runner = make(tmp_path, wrapper=FOUR, **RUN)
    wrapper = runner.build_optim_wrapper(runner.optim_wrapper)
    wrapper._inner_count = 2
    for parameter in runner.model.parameters():
        parameter.grad = torch.ones_like(parameter)
    saved = wrapper.state_dict()
    damage(saved['gathered_gradients'])
    wrapper.load_state_dict(saved)
    with pytest.raises(TicketError, match=r'gathered_gradients do not fit.*Remedy') as error:
        wrapper.initialize_count_status(runner.model, 2, 10)
    assert '\n' not in str(error.value)


# ----------------------------------------------------------------------- several processes


def test_each_process_goes_on_with_its_own(tmp_path):
    """Searches fall into steps, too; mmengine averages gradients over processes at a step only."""
    settings = dict(RUN, epochs=4, length=16, wrapper=FOUR,
                    probes=[(60, dict(after_train_epoch=rank_jobs.weaken))],
                    wrap=dict(gradient_as_bucket_view=True))
    whole = ranks.run(2, rank_jobs.train, tmp_path, **settings, checkpoint=dict(interval=1))
    again = ranks.run(2, rank_jobs.train, tmp_path / 'again', **settings, resume=True,
                      load_from=str(tmp_path / 'epoch_3.pth'))
    for rank in (0, 1):
        first, second = whole[rank][-1], again[rank][-1]
        # Statistics of its own batches are not in a checkpoint.
        names = [key for key in first['digests'] if 'statistics' not in key[0]]
        assert names and all(first['digests'][n] == second['digests'][n] for n in names)


def test_one_process_goes_on_with_the_mean_of_two(tmp_path):
    """A step of both averages what each has gathered."""
    settings = dict(RUN, probes=[], length=16, wrapper=FOUR)
    means = ranks.run(2, rank_jobs.gathered, tmp_path, **dict(settings, epochs=2),
                      checkpoint=dict(interval=1))
    runner = make(tmp_path / 'again', **dict(settings, epochs=2, length=8), resume=True,
                  load_from=str(tmp_path / 'epoch_1.pth'))
    found = look_at_start(runner)
    runner.train()
    assert found and found.keys() == means[0].keys()
    for name, gradient in found.items():
        torch.testing.assert_close(gradient, means[0][name], rtol=1e-6, atol=1e-9)
