"""Parts of checkpoints that runs go on from."""
import pytest
import torch

from mmst.engine.run.training_state import check_state
from mmst.errors import TicketError


def checkpoint(optimizer):
    hub = dict(log_scalars={}, runtime_info={}, resumed_keys={})
    return dict(meta=dict(epoch=1, iter=2, seed=0), message_hub=hub, optimizer=optimizer)


def adam():
    """An optimizer that has made a step."""
    weight = torch.nn.Parameter(torch.ones(2))
    optimizer = torch.optim.Adam([weight])
    weight.sum().backward()
    optimizer.step()
    return optimizer


def test_states_that_optimizers_write_are_taken():
    state = adam().state_dict()
    for written in (state, dict(generator=state, critic=state), torch.optim.SGD(
            [torch.nn.Parameter(torch.ones(2))], lr=torch.tensor(0.1)).state_dict(), {}):
        check_state(checkpoint(written))


@pytest.mark.parametrize('key, change', [
    ('param_groups', lambda state: state.update(param_groups=5)),
    ('param_groups', lambda state: state['param_groups'][0].update(lr=float('nan'))),
    ('param_groups', lambda state: state['param_groups'][0].update(lr='x')),
    ('param_groups', lambda state: state['param_groups'][0].update(params=3)),
    ('state', lambda state: state.update(state=5)),
    ('state', lambda state: state['state'][0].update(step='x')),
    ('state', lambda state: state['state'].update({0: 3}))])
@pytest.mark.parametrize('several', [False, True])
def test_states_that_no_optimizer_writes_are_refused(key, change, several):
    state = adam().state_dict()
    change(state)
    name = 'optimizer.critic' if several else 'optimizer'
    with pytest.raises(TicketError, match=f'its {name}.{key} is missing or broken'):
        check_state(checkpoint(dict(critic=state) if several else state))


@pytest.mark.parametrize('part', [
    dict(mmst_search=5), dict(mmst_search=dict(survivors=dict(a=[1, 0]))),
    dict(mmst_search=dict(mean_macs='x')), dict(mmst_search=dict(supernet=5)),
    dict(mmst_search=dict(last_search='x')), dict(mmst_search=dict(last_search=-1)),
    dict(mmst_search=dict(rho_factor=float('nan'))),
    dict(mmst_mask=5), dict(mmst_mask=dict(values=dict(a=5))), dict(mmst_epoch_length='x'),
    dict(mmst_epoch_length=0), dict(param_schedulers=5), dict(param_schedulers=[5]),
    dict(param_schedulers=[dict(step=5)]), dict(param_schedulers=dict(critic=[dict(step=5)])),
    dict(ema_state_dict=5), dict(ema_state_dict=dict(steps='x'))], ids=str)
def test_parts_that_no_run_writes_are_refused_by_name(part):
    with pytest.raises(TicketError, match=f'its {next(iter(part))} is missing or broken'):
        check_state(dict(checkpoint({}), **part))
