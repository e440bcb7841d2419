"""A pruned network learns from the dense one that it was, or from another one."""
import copy

import pytest
import rank_jobs
import ranks
import tiny
import torch
from tiny import WEAKEN, find_hook, make, unwrap

from mmst.engine import DistillationHook
from mmst.engine.distillation.dense_average import TEACHER
from mmst.errors import ConfigError, TicketError
from mmst.tickets import Ticket

DISTILL = dict(type='mmst.DistillationHook', module='classifier', every=1)


def settings(work_dir, **changes):
    hooks = dict(prune=dict(sparsity=0.5, interval=2), search=dict(interval=3), length=8)
    return dict(hooks, custom_hooks=[dict(DISTILL, **changes)], probes=[WEAKEN])


def distilled(runner):
    """Whether each iteration's losses had that of the teacher, and its mask was in force."""
    found = []
    step = runner.model.train_step

    def watch(*args, **kwargs):
        losses = step(*args, **kwargs)
        found.append(('loss_distill' in losses, bool(runner.optim_wrapper.masks)))
        return losses

    runner.model.train_step = watch
    return found


def test_teacher_acts_at_every_second_iteration_and_only_under_a_mask(tmp_path):
    """Prunes at 2, 4, 6, searches (which lift the mask) at 3 and 6; two iterations an epoch."""
    runner = make(tmp_path, 6, **settings(tmp_path, every=2))
    found = distilled(runner)
    runner.train()
    masked = [epoch in (2, 4, 5) for epoch in range(6) for _ in range(2)]
    assert [mask for _, mask in found] == masked
    assert [loss for loss, _ in found] == [mask and i % 2 == 0 for i, mask in enumerate(masked)]


def test_teacher_is_the_average_of_the_steps_without_a_mask_since_the_last_change(tmp_path):
    dense, teachers = [], []

    def note(runner):
        hook = find_hook(runner, DistillationHook)
        state = {k: v.clone() for k, v in unwrap(runner).state_dict().items()
                 if v.is_floating_point()}
        (teachers if runner.optim_wrapper.masks else dense).append(
            copy.deepcopy(hook.average.module.state_dict()) if runner.optim_wrapper.masks
            else state)

    runner = make(tmp_path, 5, **dict(settings(tmp_path), probes=[
        WEAKEN, (1, dict(after_train_iter=note))]))
    runner.train()
    # Dense are epochs 1 and 2, and 4, after the search at 3; under a mask epochs 3 and 5.
    for teacher, steps in ((teachers[0], dense[:4]), (teachers[2], dense[4:])):
        for name in steps[0]:
            mean = torch.stack([state[name] for state in steps]).mean(0)
            torch.testing.assert_close(teacher[name], mean, rtol=1e-4, atol=1e-5)
    assert all(torch.equal(teachers[0][name], teachers[1][name]) for name in teachers[0])


def test_search_under_a_mask_leaves_the_teacher_alone(tmp_path):
    sizes = []

    def note(runner):
        hook = find_hook(runner, DistillationHook)
        sizes.append([sum(p.numel() for p in model.parameters())
                      for model in (unwrap(runner), hook.average.module)])

    run_settings = dict(settings(tmp_path), probes=[WEAKEN, (90, dict(after_train_epoch=note))],
                        prune=dict(sparsity=0.5, interval=1, reactivation=None))
    runner = make(tmp_path, 4, **run_settings)
    losses = distilled(runner)
    runner.train()
    (before, teacher), *_, (after, same) = sizes
    assert after < before and teacher == same == before
    assert all(loss for loss, mask in losses if mask)


def test_pruned_network_ends_nearer_to_its_teacher(tmp_path):
    """With the same seed, of the logits on the training images."""
    distances = {}
    for name, hooks in (('with', [dict(DISTILL, weight=20., temperature=1)]),
                        ('without', [dict(DISTILL, weight=1e-9)])):
        runner = make(tmp_path / name, 4, search=False, custom_hooks=hooks, ema=False,
                      prune=dict(sparsity=0.6, interval=2, reactivation=None,
                                 schedule='one_shot'))
        runner.train()
        hook, model = find_hook(runner, DistillationHook), unwrap(runner).eval()
        images = runner.train_dataloader.dataset.images
        with torch.no_grad():
            distances[name] = float((hook.average.module(images).softmax(1)
                                     - model(images).softmax(1)).abs().mean())
    assert distances['with'] < 0.9 * distances['without']


def end_of(folder, **more):
    """All that a run ends with, weights and teacher."""
    runner = make(folder, 5, checkpoint=dict(interval=1), length=4, batch_size=2, **more, **{
        key: value for key, value in settings(folder).items() if key != 'length'})
    runner.train()
    average = find_hook(runner, DistillationHook).average
    teacher = {f'teacher.{name}': value for name, value in average.module.state_dict().items()}
    return dict(unwrap(runner).state_dict(), **teacher, steps=torch.tensor(average.steps))


@pytest.fixture(scope='module')
def through(tmp_path_factory):
    """The folder of a run that went through, and its end."""
    folder = tmp_path_factory.mktemp('through')
    return folder, end_of(folder)


@pytest.mark.parametrize('epoch', [1, 3, 4])
def test_resumed_run_ends_with_every_bit_of_the_run_that_went_through(tmp_path, through, epoch):
    """Resumed while the teacher is averaged, is kept under a mask, is averaged again."""
    folder, wanted = through
    resumed = end_of(tmp_path, resume=True, load_from=str(folder / f'epoch_{epoch}.pth'))
    assert resumed.keys() == wanted.keys()
    assert [name for name in wanted if not torch.equal(wanted[name], resumed[name])] == []


@pytest.mark.by_turns(3)
def test_two_processes_have_the_same_teacher(tmp_path):
    probes = [(60, dict(after_train_epoch=rank_jobs.weaken))]
    answers = ranks.run(2, rank_jobs.train, tmp_path, 5, keep=rank_jobs.teacher,
                        **dict(settings(tmp_path), probes=probes))
    (states, teacher), (others, same) = answers
    assert teacher == same and len(teacher) > 10
    for one, other in zip(states, others, strict=True):
        for key, value in one['digests'].items():
            if 'statistics' not in key[0]:
                assert other['digests'][key] == value


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    """A ticket and a checkpoint of a network, and the config that they were trained with."""
    folder = tmp_path_factory.mktemp('trained')
    tiny.run(folder, 2, ticket=True, checkpoint=dict(interval=2), probes=[WEAKEN])
    return folder


def test_ticket_may_be_the_teacher_also_under_a_mask_from_the_first_step(tmp_path, trained):
    teacher = dict(checkpoint=str(trained / 'ticket.pth'))
    runner = make(tmp_path, 1, search=False, prune=False, custom_hooks=[
        dict(type='mmst.FixedMaskHook', ticket=teacher['checkpoint']),
        dict(DISTILL, teacher=teacher)])
    found = distilled(runner)
    runner.train()
    assert found == [(True, True)] * 2
    hook = find_hook(runner, DistillationHook)
    ticket = Ticket.load(trained / 'ticket.pth')
    assert all(torch.equal(value, ticket.state_dict[name])
               for name, value in hook.given.state_dict().items())
    assert not hook.given.training


@pytest.mark.parametrize('change,words', [
    (dict(teacher=5), ('DistillationHook.teacher', "use 'own'")),
    (dict(teacher='himself'), ('DistillationHook.teacher', "use 'own'")),
    (dict(teacher=dict(checkpont='a.pth')), ('checkpont', "'checkpoint'")),
    (dict(teacher=dict(config='a.py')), ('teacher.checkpoint', )),
    (dict(teacher=dict(checkpoint='none.pth')), ('none.pth', 'no such file')),
    (dict(every=0), ('DistillationHook.every', )),
    (dict(every=1.5), ('DistillationHook.every', )),
    (dict(weight=float('nan')), ('DistillationHook.weight', )),
    (dict(temperature=0), ('DistillationHook.temperature', )),
    (dict(loss='l1'), ('DistillationHook.loss', "'mse'")),
    (dict(module='classifer'), ('DistillationHook.module', 'classifer')),
    (dict(module=None), ('DistillationHook.module', 'decode_head.conv_seg')),
], ids=lambda value: str(value)[:30])
def test_setting_that_cannot_be_is_refused_before_training(tmp_path, change, words):
    with pytest.raises((ConfigError, TicketError)) as error:
        runner = make(tmp_path, 2, **settings(tmp_path, **change))
        runner.train()
    assert all(word in str(error.value) for word in words) and '\n' not in str(error.value)


@pytest.mark.parametrize('change, prune, words', [
    (dict(every=10**6), {}, ('DistillationHook.every = 1000000', 'never act')),
    (dict(every=6), {}, ('DistillationHook.every = 6', '4 to 5')),
    (dict(every=1), dict(interval=3), ('PruneHook.interval = 3', 'last step')),
    (dict(every=1), dict(reactivation='prune'), ('DistillationHook.every', "'prune'"))])
def test_hook_that_never_has_a_mask_to_act_under_is_refused(tmp_path, change, prune, words):
    """Three epochs of two iterations, and a prune at the end of the second."""
    changed = settings(tmp_path, **change)
    changed['prune'] = dict(changed['prune'], **prune)
    with pytest.raises(ConfigError) as error:
        make(tmp_path, 3, **changed).train()
    assert all(word in str(error.value) for word in words) and '\n' not in str(error.value)


def test_second_hook_is_refused_as_both_would_write_one_loss(tmp_path):
    with pytest.raises(ConfigError, match=r'DistillationHook.*two of this class'):
        make(tmp_path, 4, **dict(settings(tmp_path), custom_hooks=[DISTILL, DISTILL])).train()


def test_teacher_of_other_classes_is_refused(tmp_path, trained):
    """Three, of a checkpoint with its config, against two."""
    hook = dict(DISTILL, teacher=dict(checkpoint=str(trained / 'epoch_2.pth'),
                                      config=config_of(tmp_path)))
    runner = make(tmp_path, 2, **dict(settings(tmp_path), custom_hooks=[hook]))
    runner.model.classifier = torch.nn.Conv2d(tiny.NECK['out_channels'], 2, 1)
    with pytest.raises(ConfigError, match=r'3 classes.*the network has 2'):
        runner.train()


def config_of(folder):
    """A config file of the tiny network."""
    path, model = folder / 'teacher.py', tiny.config(folder).model.to_dict()
    path.write_text(f'default_scope = "mmengine"\nmodel = {model!r}')
    return str(path)


def test_dense_average_needs_a_phase_without_a_mask(tmp_path, trained):
    with pytest.raises(ConfigError, match='first step'):
        make(tmp_path, 1, search=False, prune=False, custom_hooks=[
            DISTILL, dict(type='mmst.FixedMaskHook', ticket=str(trained / 'ticket.pth'))]).train()


def test_hook_without_pruning_is_refused(tmp_path):
    with pytest.raises(ConfigError, match='nothing is pruned'):
        make(tmp_path, 1, search=False, prune=False, custom_hooks=[DISTILL]).train()


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory):
    folder = tmp_path_factory.mktemp('checkpoint')
    make(folder, 3, checkpoint=dict(interval=3), **settings(folder)).train()
    return torch.load(folder / 'epoch_3.pth', weights_only=False)


def damage_steps(saved):
    saved['steps'] = -2


def damage_shape(saved):
    name = 'classifier.weight'
    saved['state_dict'][name] = saved['state_dict'][name][:, :1].clone()


def damage_number(saved):
    saved['state_dict']['classifier.bias'][0] = float('nan')


def damage_kind(saved):
    saved['state_dict'] = [1]


def damage_entry(saved):
    del saved['state_dict']['classifier.weight']


@pytest.mark.parametrize('damage', [damage_steps, damage_shape, damage_number, damage_kind,
                                    damage_entry], ids=lambda f: f.__name__)
def test_damaged_teacher_is_refused_in_one_line(tmp_path, checkpoint, damage):
    content = copy.deepcopy(checkpoint)
    damage(content[TEACHER])
    torch.save(content, tmp_path / 'damaged.pth')
    with pytest.raises(TicketError) as error:
        make(tmp_path / 'work', 6, resume=True, load_from=str(tmp_path / 'damaged.pth'),
             **settings(tmp_path)).train()
    assert '\n' not in str(error.value) and 'Remedy' in str(error.value)
