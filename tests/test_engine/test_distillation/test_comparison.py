"""What the rehearsal says of networks that are to learn from others."""
import pytest
import torch
from short_runs import short_run

from mmst.engine.rehearsal import rehearse
from mmst.engine.run.command_line import complete

HOOK = dict(type='mmst.DistillationHook')


def test_hook_that_finds_the_logits_is_let_through(cfg):
    cfg.custom_hooks = [HOOK]
    rehearse(cfg)


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
