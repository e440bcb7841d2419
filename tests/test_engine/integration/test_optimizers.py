"""Whole runs with optimizers whose state is of another form than the weights, and resumed."""
import pytest
import torch
from tiny import WEAKEN, events, make, run

from mmst.tickets import Ticket


@pytest.mark.by_turns(4)
@pytest.mark.parametrize('name', ['Adafactor', 'Adagrad'])
def test_a_run_ends_alike_with_and_without_a_resume(tmp_path, name):
    kind = getattr(torch.optim, name, None)
    if kind is None:
        pytest.skip(f'this torch has no {name}')
    settings = dict(
        optimizer=dict(type=kind, lr=0.01), probes=[WEAKEN], recalibrate=False, length=4,
        search=dict(interval=1), prune=dict(interval=2), checkpoint=dict(interval=2), ticket=True)
    runner = run(tmp_path / 'whole', 4, **settings)
    assert all(e['removed'] for e in events(runner) if e['kind'] == 'search')
    resumed = make(tmp_path / 'resumed', 4, resume=True,
                   load_from=str(tmp_path / 'whole' / 'epoch_2.pth'), **settings)
    resumed.train()
    ours, theirs = (Ticket.load(tmp_path / folder / 'ticket.pth').state_dict
                    for folder in ('whole', 'resumed'))
    assert all(torch.equal(ours[name], theirs[name]) and ours[name].isfinite().all()
               for name in ours)
