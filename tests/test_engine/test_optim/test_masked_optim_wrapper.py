"""Pruned weights stay exactly 0; the penalty comes once a real step, unscaled, before clipping."""
import pytest
import torch
from mmengine.config import Config
from mmengine.optim.optimizer import amp_optimizer_wrapper
from tiny import averaged_model, pruned_weights, run
from torch import nn

from mmst.cli.train import in_mixed_precision
from mmst.engine import MaskedAmpOptimWrapper, MaskedOptimWrapper
from mmst.engine.optim import masked_optim_wrapper
from mmst.errors import ConfigError
from mmst.search.penalty import L1Penalty

WRAPPERS = [MaskedOptimWrapper, MaskedAmpOptimWrapper]

OPTIMIZERS = dict(
    sgd=dict(type='SGD', lr=0.05, momentum=0.9, weight_decay=0.1),
    nesterov=dict(type='SGD', lr=0.05, momentum=0.9, nesterov=True),
    adam=dict(type='Adam', lr=0.01, weight_decay=0.1),
    adamw=dict(type='AdamW', lr=0.01, weight_decay=0.1, fused=True),
    amsgrad=dict(type='AdamW', lr=0.01, weight_decay=0.1, amsgrad=True, foreach=False),
    rmsprop=dict(type='RMSprop', lr=0.01, momentum=0.9, weight_decay=0.1))
STEPS = dict(
    clipping=dict(clip_grad=dict(max_norm=0.1)),
    accumulation=dict(accumulative_counts=2),
    bfloat16=dict(type='mmst.MaskedAmpOptimWrapper', clip_grad=dict(max_norm=1.)))
CASES = [(name, {}) for name in OPTIMIZERS] + [('adam', STEPS[name]) for name in STEPS]


@pytest.mark.parametrize('optimizer,wrapper', CASES, ids=[*OPTIMIZERS, *STEPS])
def test_pruned_weights_are_0_after_every_step_at_every_evaluation_and_in_every_checkpoint(
        tmp_path, optimizer, wrapper):
    checked = []

    def check(runner):
        checked.append(0)
        for name, weight, copy, pruned in pruned_weights(runner):
            checked[-1] += int(pruned.sum())
            assert (weight[pruned] == 0).all() and (copy[pruned] == 0).all(), name

    run(tmp_path, 3, val=1, checkpoint=dict(interval=1), search=False, wrapper=wrapper,
        optimizer=OPTIMIZERS[optimizer],
        prune=dict(schedule='one_shot', interval=1, reactivation=None),
        probes=[(60, dict(after_train_iter=check)),
                ('LOWEST', dict(before_val_epoch=check, after_train_epoch=check))])
    # Two steps, the epoch's end and the evaluation; before the first prune there is no mask.
    assert len(checked) == 3 * 4 and checked[:2] == [0, 0] and min(checked[2:]) > 1000
    for epoch in (1, 2, 3):
        state = torch.load(tmp_path / f'epoch_{epoch}.pth', weights_only=True)
        for name, kept in state['mmst_mask']['kept'].items():
            assert (state['state_dict'][name][~kept] == 0).all()
            assert (state['ema_state_dict'][f'module.{name}'][~kept] == 0).all()


def test_live_weights_go_on_learning_and_the_average_follows(tmp_path):
    before = {}

    def remember(runner):
        if runner.epoch == 1:
            before.update({name: (weight.detach().clone(), copy.clone())
                           for name, weight, copy, _ in pruned_weights(runner)})

    runner = run(tmp_path, 2, search=False, probes=[(99, dict(before_train_iter=remember))],
                 prune=dict(schedule='one_shot', interval=1, reactivation=None))
    assert before and averaged_model(runner) is not None
    for name, weight, copy, pruned in pruned_weights(runner):
        if not pruned.all():
            assert (weight != before[name][0])[~pruned].any(), name
            assert (copy != before[name][1])[~pruned].any(), name


# ---------------------------------------------------------------------------- one step alone


def make(kind=MaskedOptimWrapper, lr=1., **kwargs):
    """A wrapper around plain SGD on a weight and a BN scale."""
    weight, gamma = nn.Parameter(torch.ones(4)), nn.Parameter(torch.tensor([1., -1.]))
    wrapper = kind(optimizer=torch.optim.SGD([weight, gamma], lr), **kwargs)
    wrapper.initialize_count_status(nn.Module(), 0, 100)
    return wrapper, weight, gamma


def scaler():
    """A loss scaler that works without a GPU."""
    if not hasattr(torch.amp, 'GradScaler'):
        pytest.skip('this torch scales losses on GPUs only')
    return torch.amp.GradScaler('cpu', init_scale=1024.)


PRUNED = torch.tensor([True, True, False, False])


@pytest.mark.parametrize('kind', WRAPPERS)
@pytest.mark.parametrize('bad', [float('inf'), float('nan')])
@pytest.mark.parametrize('clip', [None, dict(max_norm=1.)])
def test_a_gradient_of_a_pruned_weight_that_is_not_finite_does_no_harm(kind, bad, clip):
    wrapper, weight, _ = make(kind, clip_grad=clip)
    wrapper.set_masks({weight: PRUNED})
    weight.grad = torch.tensor([bad, -bad, 0.6, 0.8])
    wrapper.step()
    torch.testing.assert_close(weight.detach(), torch.tensor([0., 0., 0.4, 0.2]))


@pytest.mark.parametrize('kind', WRAPPERS)
def test_masks_zero_the_weights_at_once(kind):
    wrapper, weight, _ = make(kind)
    wrapper.set_masks({weight: PRUNED})
    assert weight.tolist() == [0., 0., 1., 1.]


@pytest.mark.parametrize('kind', WRAPPERS)
@pytest.mark.parametrize('counts', [1, 3])
def test_the_penalty_is_added_once_a_real_step(kind, counts):
    wrapper, weight, gamma = make(kind, accumulative_counts=counts)
    wrapper.penalty = L1Penalty([gamma], [torch.tensor([1., 2.])], rho=0.1)
    for _i in range(counts):
        assert torch.equal(gamma.detach(), torch.tensor([1., -1.]))
        wrapper.update_params((gamma * 0.5).sum() + weight.sum())
    torch.testing.assert_close(gamma.detach(), torch.tensor([1 - 0.5 - 0.1, -1 - 0.5 + 0.2]))


@pytest.mark.parametrize('kind', WRAPPERS)
def test_clipping_sees_the_penalty_and_no_pruned_weight(kind):
    wrapper, weight, gamma = make(kind, clip_grad=dict(max_norm=1.))
    wrapper.set_masks({weight: PRUNED})
    wrapper.penalty = L1Penalty([gamma], [torch.ones(2)], rho=3.)
    start = gamma.detach().clone()
    wrapper.update_params((weight * torch.tensor([1e6, 1e6, 0., 4.])).sum() + gamma.sum() * 0)
    # Gradients: 4 of a live weight, ±3 of the scales.
    norm = (16 + 9 + 9)**0.5
    torch.testing.assert_close(weight.detach()[2:], torch.tensor([1., 1 - 4 / norm]))
    torch.testing.assert_close(start - gamma.detach(), torch.tensor([3., -3.]) / norm)


@pytest.mark.parametrize('clip', [None, dict(max_norm=100.)])
def test_the_penalty_is_not_scaled_with_the_loss(clip):
    wrapper, weight, gamma = make(MaskedAmpOptimWrapper, clip_grad=clip)
    wrapper.loss_scaler = scaler()
    wrapper.penalty = L1Penalty([gamma], [torch.ones(2)], rho=0.1)
    wrapper.update_params((gamma * 0.5).sum() + weight.sum())
    torch.testing.assert_close(gamma.detach(), torch.tensor([0.4, -1.4]))
    torch.testing.assert_close(weight.detach(), torch.zeros(4))


def test_a_step_that_the_loss_scaler_skips_leaves_pruned_weights_at_0():
    wrapper, weight, _ = make(MaskedAmpOptimWrapper)
    wrapper.loss_scaler = scaler()
    wrapper.set_masks({weight: PRUNED})
    wrapper.update_params((weight * float('inf')).nansum())
    assert weight.tolist() == [0., 0., 1., 1.]


def test_bfloat16_is_used_on_the_cpu_and_weights_stay_in_full_precision():
    linear = nn.Linear(3, 3)
    wrapper = MaskedAmpOptimWrapper(optimizer=torch.optim.SGD(linear.parameters(), 0.1))
    with wrapper.optim_context(linear):
        out = linear(torch.randn(2, 3))
    assert out.dtype == torch.bfloat16 and linear.weight.dtype == torch.float32


def test_state_of_the_bfloat16_wrapper_loads_again():
    wrapper, weight, _ = make(MaskedAmpOptimWrapper)
    wrapper.update_params(weight.sum())
    other, *_ = make(MaskedAmpOptimWrapper)
    other.load_state_dict(wrapper.state_dict())


# --------------------------------------------------------------------------- values kept


def test_values_are_remembered_as_they_were_when_a_weight_was_pruned():
    wrapper, weight, _ = make()
    weight.data = torch.tensor([1., 2., 3., 4.])
    wrapper.set_masks({weight: torch.tensor([True, False, False, False])}, keep_values=True)
    weight.data[2:] += 10.
    wrapper.set_masks({weight: torch.tensor([True, False, True, False])}, keep_values=True)
    wrapper.lift_masks()
    assert weight.tolist() == [1., 2., 13., 14.] and not wrapper.masks


def test_without_remembered_values_revived_weights_are_0():
    wrapper, weight, _ = make()
    wrapper.set_masks({weight: PRUNED})
    wrapper.lift_masks()
    assert weight.tolist() == [0., 0., 1., 1.]


@pytest.fixture
def gpu(monkeypatch):
    """A machine that seems to have a GPU, as far as a wrapper looks; with or without bfloat16."""
    def pretend(bfloat16):
        for module in (amp_optimizer_wrapper, masked_optim_wrapper):
            monkeypatch.setattr(module, 'is_cuda_available', lambda: True)
        monkeypatch.setattr(torch.cuda, 'get_device_capability',
                            lambda: (8, 0) if bfloat16 else (7, 5))
        monkeypatch.setattr(amp_optimizer_wrapper, 'GradScaler', Scaler)

    return pretend


class Scaler(torch.amp.GradScaler):
    """Scales on a CPU, as the one of CUDA does on a GPU."""

    def __init__(self, **settings):
        super().__init__('cpu', **settings)


def amp(**settings):
    parameter = nn.Parameter(torch.ones(2))
    return MaskedAmpOptimWrapper(optimizer=torch.optim.SGD([parameter], lr=0.1), **settings)


def test_mixed_precision_is_bfloat16_without_a_scale_where_the_device_has_it(gpu):
    gpu(bfloat16=True)
    wrapper = amp()
    assert wrapper.cast_dtype == torch.bfloat16 and not wrapper.loss_scaler.is_enabled()


def test_mixed_precision_is_float16_with_a_scale_elsewhere(gpu):
    gpu(bfloat16=False)
    wrapper = amp()
    assert wrapper.cast_dtype == torch.float16 and wrapper.loss_scaler.is_enabled()


@pytest.mark.parametrize('bfloat16', [True, False])
def test_the_precision_can_be_set_either_way(gpu, bfloat16):
    gpu(bfloat16=not bfloat16)
    wrapper = amp(dtype='bfloat16' if bfloat16 else 'float16')
    assert wrapper.cast_dtype == (torch.bfloat16 if bfloat16 else torch.float16)
    assert wrapper.loss_scaler.is_enabled() is not bfloat16


@pytest.mark.parametrize('dtype', ['float16', torch.float16])
def test_a_cpu_says_that_it_trains_in_bfloat16_where_float16_was_asked_for(dtype, monkeypatch):
    lines = []
    monkeypatch.setattr(masked_optim_wrapper, 'print_log', lambda line, *_: lines.append(line))
    assert amp(dtype=dtype).cast_dtype == amp().cast_dtype == torch.bfloat16
    assert len(lines) == 1 and 'CPUs train in bfloat16' in lines[0]


@pytest.mark.parametrize('bfloat16', [True, False])
@pytest.mark.parametrize('asked', [None, 'float16'])
def test_amp_gives_mmengines_wrapper_the_cards_precision_too(gpu, monkeypatch, bfloat16, asked):
    gpu(bfloat16)
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
    monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '0')
    cfg = in_mixed_precision(Config(dict(optim_wrapper=dict(
        optimizer=dict(type='SGD', lr=0.1), **(dict(dtype=asked) if asked else {})))))
    assert cfg.optim_wrapper.type == 'AmpOptimWrapper'
    assert cfg.optim_wrapper.dtype == (asked or ('bfloat16' if bfloat16 else 'float16'))


@pytest.mark.parametrize('before, after', [('bfloat16', 'float16'), ('float16', 'bfloat16')])
def test_a_run_goes_on_in_the_other_precision(gpu, before, after):
    gpu(bfloat16=True)
    state = amp(dtype=before).state_dict()
    wrapper = amp(dtype=after)
    wrapper.load_state_dict(state)
    assert wrapper.loss_scaler.is_enabled() is (after == 'float16')


@pytest.mark.parametrize('scale, key', [
    (-1., 'loss_scale'), (0, 'loss_scale'), (1e38, 'loss_scale'), (None, 'loss_scale'),
    (dict(init_scal=1.), 'loss_scale.init_scal'),
    (dict(growth_interval='x'), 'loss_scale.growth_interval')])
def test_loss_scale_that_is_none_is_refused_on_a_cpu_too(scale, key):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], 0.1)
    with pytest.raises(ConfigError, match=rf'^optim_wrapper\.{key} = '):
        MaskedAmpOptimWrapper(loss_scale=scale, optimizer=optimizer)
    MaskedAmpOptimWrapper(loss_scale=512, optimizer=optimizer)
