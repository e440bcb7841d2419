"""Checkpoints whose parts do not belong together, with digests made anew: no run goes on."""
import pytest
import torch
from tiny import make, run

from mmst.errors import TicketError
from mmst.openmmlab.safe_checkpoints import safe_load
from mmst.tickets.digest import DIGESTS, part_digests

RUN = dict(optimizer=dict(type='Adam', lr=0.01), checkpoint=dict(interval=1), param_scheduler=[
    dict(type='MultiStepLR', milestones=[2], by_epoch=True)],
    custom_hooks=[dict(type='mmst.ResumeHook')])


@pytest.fixture(scope='module')
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp('run')
    run(folder, 3, **RUN)
    return safe_load(str(folder / 'epoch_2.pth'))


def moment(content):
    return next(s['exp_avg_sq'] for s in content['optimizer']['state'].values()
                if s['exp_avg_sq'].dim() == 4)


def transpose(content):
    states = content['optimizer']['state']
    number = next(n for n, s in states.items() if s['exp_avg'].dim() == 4)
    states[number]['exp_avg'] = states[number]['exp_avg'].flatten()


def lengthen(content):
    survivors = content['mmst_search']['survivors']
    name = next(iter(survivors))
    survivors[name] = [*survivors[name], survivors[name][-1] + 1]


@pytest.mark.parametrize('change, problem', [
    (lambda content: moment(content).fill_(-1.), 'exp_avg_sq of .* has values that no gradients'),
    (transpose, 'exp_avg of .* has shape'),
    (lengthen, 'list of survivors has .* units of'),
    (lambda content: content['mmst_search']['survivors'].clear(), 'survivors has no units of'),
    (lambda content: content['mmst_mask']['values'].update(x=torch.ones(1)), 'values of x'),
    (lambda content: content['param_schedulers'].clear() or
     content['param_schedulers'].extend([{}, {}]), 'it has 2 schedules, and the .* has 1'),
    (lambda content: content['param_schedulers'][0].pop('last_step'), 'MultiStepLR has no last')])
def test_parts_that_do_not_belong_together_are_refused(written, tmp_path, change, problem):
    torch.save(written, tmp_path / 'copy.pth')
    content = safe_load(str(tmp_path / 'copy.pth'))
    change(content)
    content[DIGESTS] = part_digests({k: v for k, v in content.items() if k != DIGESTS})
    torch.save(content, tmp_path / 'epoch_2.pth')
    with pytest.raises(TicketError, match=problem):
        make(tmp_path / 'on', 3, resume=True, load_from=str(tmp_path / 'epoch_2.pth'),
             **RUN).train()


def test_the_file_as_it_was_written_is_gone_on_from(written, tmp_path):
    torch.save(written, tmp_path / 'epoch_2.pth')
    make(tmp_path / 'on', 3, resume=True, load_from=str(tmp_path / 'epoch_2.pth'), **RUN).train()
