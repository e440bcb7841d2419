"""Optimizers and schedules of checkpoints that do not belong to the run."""
import pytest
import torch
from mmengine.optim import MultiStepLR
from torch import nn

from mmst.engine.optim.rmsprop_tf import RMSpropTF
from mmst.engine.run.state_fits import check_groups, check_moments, check_schedules
from mmst.errors import TicketError

KINDS = [(torch.optim.SGD, dict(momentum=0.9)), (torch.optim.Adam, dict(amsgrad=True)),
         (torch.optim.Adagrad, {}), (torch.optim.Adadelta, {}), (torch.optim.Adamax, {}),
         (torch.optim.NAdam, {}), (torch.optim.RAdam, {}), (torch.optim.ASGD, {}),
         (torch.optim.Rprop, {}), (torch.optim.RMSprop, dict(centered=True, momentum=0.9)),
         (torch.optim.AdamW, {}), (RMSpropTF, dict(momentum=0.9))]


def trained(kind=torch.optim.Adam, groups=1, **settings):
    """A network and its optimizer, which has made a step."""
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    own = list(model.parameters())
    parts = [own[i::groups] for i in range(groups)]
    optimizer = kind([dict(params=part) for part in parts], lr=0.01, **settings)
    model(torch.rand(2, 3, 8, 8)).square().sum().backward()
    optimizer.step()
    return model, optimizer


def written(model, optimizer):
    return dict(state_dict=model.state_dict(), optimizer=optimizer.state_dict())


def test_another_number_of_groups_is_refused_by_name():
    two, one = trained(groups=2), trained()
    check_groups(written(*two), two[1])
    with pytest.raises(TicketError, match="2 groups of parameters, and the config's has 1"):
        check_groups(written(*two), one[1])
    check_groups(dict(optimizer={}), None)


@pytest.mark.parametrize('kind, settings', KINDS, ids=lambda value: getattr(value, '__name__', ''))
def test_every_optimizers_own_state_is_taken(kind, settings):
    model, optimizer = trained(kind, groups=2, **settings)
    check_moments(written(model, optimizer), optimizer, model)


def test_moments_are_held_against_the_checkpoints_weights_not_the_networks_widths():
    model, optimizer = trained()
    checkpoint = written(model, optimizer)
    wider = nn.Sequential(nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6))
    check_moments(checkpoint, torch.optim.Adam(wider.parameters()), wider)


@pytest.mark.parametrize('change, problem', [
    (lambda state: state.update(exp_avg=torch.zeros(2, 3, 3, 3)),
     r'exp_avg of 0.weight has shape \(2, 3, 3, 3\), and the weight has \(4, 3, 3, 3\)'),
    (lambda state: state['exp_avg_sq'].neg_(), 'exp_avg_sq of 0.weight has values'),
    (lambda state: state['exp_avg'].fill_(float('nan')), 'exp_avg of 0.weight has values')])
def test_moments_that_no_gradients_lead_to_are_refused_by_name(change, problem):
    model, optimizer = trained()
    checkpoint = written(model, optimizer)
    change(checkpoint['optimizer']['state'][0])
    with pytest.raises(TicketError, match=problem):
        check_moments(checkpoint, optimizer, model)


def test_factored_moments_and_several_optimizers_are_left_to_themselves():
    model, optimizer = trained(torch.optim.Adafactor)
    check_moments(written(model, optimizer), optimizer, model)
    check_moments(dict(optimizer={}), None, model)


def schedules(optimizer, number=1):
    return [MultiStepLR(optimizer, milestones=[2 + i], by_epoch=True) for i in range(number)]


def test_the_runs_own_schedules_are_taken():
    _, optimizer = trained()
    own = schedules(optimizer, 2)
    states = [schedule.state_dict() for schedule in own]
    check_schedules(dict(param_schedulers=states), own)
    check_schedules(dict(param_schedulers=dict(critic=states)), dict(critic=own))
    check_schedules({}, own)
    check_schedules(dict(param_schedulers=[]), None)


@pytest.mark.parametrize('several', [False, True])
def test_missing_schedules_and_progress_are_refused_by_name(several):
    _, optimizer = trained()
    own = schedules(optimizer, 2)
    states = [schedule.state_dict() for schedule in own]

    def check(found):
        check_schedules(dict(param_schedulers=dict(critic=found) if several else found),
                        dict(critic=own) if several else own)

    with pytest.raises(TicketError, match="it has 1 schedules, and the config's run has 2"):
        check(states[:1])
    for key in ('last_step', '_global_step'):
        for value in ({}, {key: 'x'}):
            broken = {name: item for name, item in states[1].items() if name != key}
            with pytest.raises(TicketError, match=f'state of its MultiStepLR has no {key}'):
                check([states[0], dict(broken, **value)])


def test_schedules_of_one_and_of_several_optimizers_are_told_apart():
    _, optimizer = trained()
    own = schedules(optimizer)
    with pytest.raises(TicketError, match='another number of optimizers'):
        check_schedules(dict(param_schedulers=dict(critic=[{}])), own)
