"""mmengine's own features around searches, prunes and reactivations: each in one run."""
import shutil

import pytest
import torch
import torch._dynamo
from mmengine.runner import Runner
from tiny import WEAKEN, Probe, config, events, find_hook, make, timeline, unwrap

from mmst.engine import PruneHook

#: How often torch compiles one function: its name now, and in older versions.
RECOMPILE_LIMIT = next(name for name in ('recompile_limit', 'cache_size_limit')
                       if hasattr(torch._dynamo.config, name))
ADAMW = dict(type='AdamW', lr=0.01, weight_decay=0.05)


def live(tmp_path, epochs=5, probes=(), **settings):
    """A run whose third epoch ends with a search that removes units and lifts the masks."""
    settings = dict(dict(search=dict(interval=3), prune=dict(sparsity=0.4, debug=True)), **settings)
    runner = make(tmp_path, epochs, probes=[WEAKEN, *probes], **settings)
    runner.train()
    assert timeline(runner, 'search', 'reactivate') == [('search', 3), ('reactivate', 3)]
    assert next(e for e in events(runner) if e['kind'] == 'search')['removed']
    assert find_hook(runner, PruneHook).at_target(runner)
    assert all(bool(p.isfinite().all()) for p in runner.model.parameters())
    return runner


def before_each_step(act):
    """A probe that calls ``act(runner)`` before each real step of the optimizer."""
    return 1, dict(before_train=lambda runner: runner.optim_wrapper.optimizer
                   .register_step_pre_hook(lambda *_: act(runner)))


def test_clipping_and_accumulation(tmp_path):
    """The search falls between the two halves of a step: 3 batches an epoch, 2 a step."""
    norms = []

    def norm(runner):
        norms.append(float(torch.stack([p.grad.norm() for p in runner.model.parameters()
                                        if p.grad is not None]).norm()))

    live(tmp_path, length=12, probes=[before_each_step(norm)],
         wrapper=dict(accumulative_counts=2, clip_grad=dict(max_norm=0.05)))
    assert len(norms) == 8  # of 15 batches, the last alone
    assert max(norms) <= 0.05 * 1.001 and min(norms) > 0


def test_parameter_groups_and_layer_wise_rates(tmp_path):
    """A group for each parameter; removal moves no parameter into another one's group."""
    found = []

    def settings(runner):
        names = {p: name for name, p in unwrap(runner).named_parameters()}
        groups = runner.optim_wrapper.optimizer.param_groups
        found.append({names[p]: (g['lr'], g['weight_decay']) for g in groups for p in g['params']})
        state = runner.optim_wrapper.optimizer.state
        assert all(p.shape == values['exp_avg'].shape for p, values in state.items() if p.numel())

    runner = live(tmp_path, optimizer=ADAMW, probes=[
        (99, dict(before_train=settings, after_train_epoch=settings))],
        wrapper=dict(paramwise_cfg=dict(
            norm_decay_mult=0., bias_decay_mult=0.,
            custom_keys={'backbone.fusions': dict(lr_mult=0.5), 'neck': dict(lr_mult=2.)})))
    assert all(names == found[0] for names in found) and len(found) == 6
    assert set(found[0]) == {name for name, _ in unwrap(runner).named_parameters()}
    assert {rate for rate, _ in found[0].values()} == {0.01, 0.005, 0.02}
    assert {decay for _, decay in found[0].values()} == {0., 0.05}


@pytest.mark.filterwarnings('ignore:.*use_reentrant', 'ignore:None of the inputs')
def test_activation_checkpointing_changes_no_weight(tmp_path):
    plain = live(tmp_path / 'plain', model=dict(transformer='all'))
    blocks = ['backbone.parallels.0.0.0', 'backbone.fusions.1.blocks.0.0', 'neck.block']
    saving = live(tmp_path / 'saving', model=dict(transformer='all'),
                  activation_checkpointing=blocks)
    assert events(plain) == events(saving)
    others = dict(saving.model.named_parameters())
    assert all(torch.equal(p, others[name]) for name, p in plain.model.named_parameters())


@pytest.mark.parametrize('maps', [True, False])
def test_weights_in_channels_last_stay_so(tmp_path, maps):
    """With feature maps in the same format and in the other one."""

    def convert(runner):
        runner.model.to(memory_format=torch.channels_last)

    runner = live(tmp_path, optimizer=ADAMW, probes=[(99, dict(before_train=convert))],
                  model=dict(channels_last=maps))
    weights = [p for p in runner.model.parameters() if p.dim() == 4 and p.numel()]
    assert any(not p.is_contiguous() for p in weights)
    assert all(p.is_contiguous(memory_format=torch.channels_last) for p in weights)
    for weight in weights:
        moment = runner.optim_wrapper.optimizer.state[weight]['exp_avg']
        assert moment.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.by_turns(5)
@torch._dynamo.config.patch({RECOMPILE_LIMIT: 1})
def test_compiled_steps_are_compiled_again_after_each_search(tmp_path):
    """And train as eager ones do. Torch gives a function up that has changed too often."""
    compiled_at, backend = [], torch._dynamo.lookup_backend('aot_eager')

    def counted(*args, **kwargs):
        compiled_at.append(current[-1].epoch)
        return backend(*args, **kwargs)

    torch._dynamo.register_backend(counted, name='counted')
    current = []
    for folder, compile_cfg in (('eager', None), ('compiled', dict(backend='counted'))):
        cfg = config(tmp_path / folder, 2, length=4, search=dict(interval=1), compile=compile_cfg)
        cfg.model.backbone.update(channels=((4, ), ), depths=((1, ), ))
        cfg.model.neck.update(in_channels=(4, ))
        current.append(make_from(cfg))
        current[-1].train()
    assert set(compiled_at) == {0, 1}
    eager, compiled = current
    assert timeline(eager) == timeline(compiled)
    assert any(e['removed'] for e in events(compiled) if e['kind'] == 'search')
    others = dict(compiled.model.named_parameters())
    for name, parameter in eager.model.named_parameters():
        assert torch.allclose(parameter, others[name], atol=1e-5), name


@pytest.mark.by_turns(5)
@pytest.mark.skipif(not shutil.which('g++'), reason='inductor needs a C++ compiler')
def test_steps_compiled_by_inductor_end_like_eager_ones(tmp_path):
    """Before a search and after it. Passes without a step would be compiled as well, for long."""
    runners = []
    for folder, compile_cfg in (('eager', None), ('compiled', dict(backend='inductor'))):
        cfg = config(tmp_path / folder, 2, length=2, search=dict(interval=1), recalibrate=False,
                     compile=compile_cfg)
        cfg.model.backbone.update(channels=((4, ), ), depths=((1, ), ), transformer='none')
        cfg.model.neck.update(in_channels=(4, ), transformer='none')
        runners.append(make_from(cfg))
        runners[-1].train()
    eager, compiled = runners
    assert timeline(eager) == timeline(compiled)
    others = dict(compiled.model.named_parameters())
    for name, parameter in eager.model.named_parameters():
        assert torch.allclose(parameter, others[name], atol=1e-4), name


def make_from(cfg):
    """A runner whose units become unimportant before each search."""
    runner = Runner.from_cfg(cfg)
    runner.register_hook(Probe(**WEAKEN[1]), WEAKEN[0])
    return runner
