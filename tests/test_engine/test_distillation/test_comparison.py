"""The loss of networks that learn from others, and what the rehearsal says of them."""
import copy
from types import SimpleNamespace

import pytest
import torch
from short_runs import short_run
from torch import nn

from mmst.engine.distillation.comparison import Comparison
from mmst.engine.rehearsal import rehearse
from mmst.engine.run.command_line import complete
from mmst.errors import ConfigError

HOOK = dict(type='mmst.DistillationHook')


def test_hook_that_finds_the_logits_is_let_through(cfg):
    cfg.custom_hooks = [HOOK]
    rehearse(cfg)


@pytest.mark.by_turns(4)
@pytest.mark.parametrize('module,words', [
    ('neck', 'its output is tuple'), ('backbone.parallels.0', 'its output is '),
    ('decode_head.conv_segg', 'no such module'), ('auxiliary_head', 'no such module')])
def test_layer_without_logits_is_refused(cfg, refusal, module, words):
    cfg.custom_hooks = [dict(HOOK, module=module)]
    line = refusal(cfg)
    assert line.startswith('custom_hooks[0].module = ') and words in line


def test_loss_of_heat_maps_may_be_asked_for(cfg):
    cfg.custom_hooks = [dict(HOOK, loss='mse')]
    rehearse(cfg)


def test_teacher_with_other_weights_than_its_config_is_refused(cfg, refusal, tmp_path_factory):
    folder = tmp_path_factory.mktemp('teacher')
    torch.save(dict(state_dict=dict(a=torch.ones(1))), folder / 'a.pth')
    cfg.dump(str(folder / 'teacher.py'))
    cfg.custom_hooks = [dict(HOOK, teacher=dict(config=str(folder / 'teacher.py'),
                                                checkpoint=str(folder / 'a.pth')))]
    assert 'is of another architecture' in refusal(cfg)


def test_checkpoint_that_is_no_ticket_needs_its_config(cfg, refusal, tmp_path_factory):
    path = tmp_path_factory.mktemp('teacher') / 'a.pth'
    torch.save(dict(state_dict=dict(a=torch.ones(1))), path)
    cfg.custom_hooks = [dict(HOOK, teacher=dict(checkpoint=str(path)))]
    assert refusal(cfg).startswith('custom_hooks[0].teacher.config = None')


@pytest.mark.slow
@pytest.mark.parametrize('task', ['imagenet', 'coco'])
def test_logits_of_all_toolboxes_are_found(tmp_path, task):
    run = short_run(task, tmp_path)
    run.launcher, run.default_hooks.distill = 'none', HOOK
    rehearse(complete(run))


class Net(nn.Module):
    """A layer of logits under a path, called as OpenMMLab calls its models."""

    def __init__(self, classes=3, name='last'):
        super().__init__()
        self.add_module(name, nn.Conv2d(2, classes, 1))

    def forward(self, inputs, data_samples=None, mode='tensor'):
        assert mode == 'tensor'
        return next(iter(self.children()))(inputs)


def compare(student, teacher, kind='kl', weight=1., labels=None, teacher_path='last'):
    """Loss of one pass on the same images."""
    comparison = Comparison('last', teacher_path, kind, weight, 1., 'teacher.pth')
    images = torch.randn(2, 2, 4, 4, generator=torch.Generator().manual_seed(0))
    data = {} if labels is None else dict(data_samples=[
        SimpleNamespace(gt_sem_seg=SimpleNamespace(data=each[None])) for each in labels])
    return comparison.loss(student, teacher, student(images), (images, ), data)


@pytest.mark.parametrize('kind', ['kl', 'mse'])
def test_the_loss_is_zero_of_equal_networks_and_grows_with_its_weight(kind):
    torch.manual_seed(0)
    student, other = Net(), Net()
    assert compare(student, copy.deepcopy(student), kind).abs() < 1e-6
    once = compare(student, other, kind)
    assert once > 0
    torch.testing.assert_close(compare(student, other, kind, weight=3.), 3 * once)


def test_the_teachers_layer_may_lie_elsewhere_and_gets_no_gradient():
    student, teacher = Net(), Net(name='first')
    compare(student, teacher, teacher_path='first').backward()
    assert student.last.weight.grad.any() and teacher.first.weight.grad is None


@pytest.mark.parametrize('kind', ['kl', 'mse'])
def test_pixels_without_a_label_do_not_count(kind):
    labels = torch.full((2, 4, 4), 255)
    assert compare(Net(), Net(), kind, labels=labels) == 0
    labels[0, 0, 0] = 1
    assert compare(Net(), Net(), kind, labels=labels) > 0


def test_a_teacher_of_other_classes_is_refused_by_its_key():
    with pytest.raises(ConfigError, match=r'^DistillationHook\.teacher = .*same classes'):
        compare(Net(), Net(classes=4))


def test_heads_of_one_channel_are_compared():
    torch.manual_seed(0)
    assert compare(Net(classes=1), Net(classes=1)) > 0


def test_each_class_of_a_binary_comparison_counts_by_itself():
    student = Net()
    teacher = copy.deepcopy(student)
    with torch.no_grad():
        teacher.last.bias += 1
    assert compare(student, teacher) < 1e-6 < compare(student, teacher, 'binary')
