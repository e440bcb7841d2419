"""The ticket: what it rebuilds, what its file holds, how it is written."""
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from tiny import averaged_model, unwrap

from mmst import files
from mmst.errors import TicketError, TrainingError
from mmst.pruning.mask import Mask
from mmst.tickets import Ticket
from mmst.tickets.plain_data import as_plain_data


@torch.no_grad()
def test_it_rebuilds_the_evaluated_model_without_a_config(trained):
    _, path, seen = trained
    network = Ticket.load(path).build()
    assert not network.training and torch.equal(network(seen['image']), seen['out'])


@torch.no_grad()
def test_it_rebuilds_the_backbone_alone(trained):
    _, path, seen = trained
    maps = Ticket.load(path).build('backbone')(seen['image'])
    assert len(maps) == len(seen['maps'])
    assert all(torch.equal(a, b) for a, b in zip(maps, seen['maps'], strict=True))


@torch.no_grad()
def test_it_rebuilds_the_neck_alone(trained):
    _, path, seen = trained
    network = Ticket.load(path).build()
    neck = Ticket.load(path).build('neck')
    assert torch.equal(network.classifier(neck(seen['maps'])[0]), seen['out'])


SCRIPT = '''
import sys, torch
content = torch.load(sys.argv[1], weights_only=True)
assert not [name for name in sys.modules if name.split('.')[0] in ('mmst', 'mmengine')]
from mmst.tickets import Ticket
image = torch.load(sys.argv[2], weights_only=True)
with torch.no_grad():
    torch.save(list(Ticket.load(sys.argv[1]).build('backbone')(image)), sys.argv[3])
'''


def test_another_process_reads_it_with_torch_alone_and_needs_no_config(trained, tmp_path):
    _, path, seen = trained
    torch.save(seen['image'], tmp_path / 'image.pth')
    subprocess.run([sys.executable, '-c', SCRIPT, path, tmp_path / 'image.pth',
                    tmp_path / 'maps.pth'], check=True, cwd=tmp_path)
    maps = torch.load(tmp_path / 'maps.pth', weights_only=True)
    assert all(torch.equal(a, b) for a, b in zip(maps, seen['maps'], strict=True))


def test_it_holds_plain_data_and_tensors_only(content):

    def check(value):
        if isinstance(value, dict):
            for key, item in value.items():
                assert type(key) in (str, int)
                check(item)
        elif isinstance(value, (list, tuple)):
            for item in value:
                check(item)
        else:
            assert value is None or type(value) in (str, int, float, bool, torch.Tensor)

    content['state_dict'] = dict(content['state_dict'])
    check(content)


def test_weights_and_mask_agree_and_are_those_of_the_average(trained):
    runner, path, _ = trained
    ticket = Ticket.load(path)
    assert ticket.sparsity == ticket.mask.sparsity >= 0.7
    copies = averaged_model(runner).module.state_dict()
    assert set(copies) == set(ticket.state_dict)
    assert all(torch.equal(ticket.state_dict[name], value) for name, value in copies.items())
    for name, kept in ticket.mask.items():
        assert (ticket.state_dict[name][~kept] == 0).all()


def test_taking_it_copies_and_masks_the_weights(trained):
    runner, _path, _ = trained
    model = unwrap(runner)
    name = 'backbone.stem.0.conv.weight'
    mask = Mask({name: torch.zeros_like(model.get_parameter(name), dtype=torch.bool)})
    before = model.get_parameter(name).detach().clone()
    ticket = Ticket.from_model(model, runner.cfg.model, mask, {})
    assert not ticket.state_dict[name].any() and before.any()
    assert torch.equal(model.get_parameter(name), before)


def test_a_mask_of_another_network_is_refused_when_it_is_taken(trained):
    runner, *_ = trained
    mask = Mask({'backbone.nothing.weight': torch.ones(3, dtype=torch.bool)})
    with pytest.raises(TicketError, match=r'backbone.nothing.weight'):
        Ticket.from_model(unwrap(runner), runner.cfg.model, mask, {})


def test_saving_and_loading_changes_nothing(trained, tmp_path):
    ticket = Ticket.load(trained[1])
    ticket.save(tmp_path / 'deeper' / 'again.pth')
    again = Ticket.load(tmp_path / 'deeper' / 'again.pth')
    assert (again.model, again.meta) == (ticket.model, ticket.meta)
    for mine, theirs in ((ticket.state_dict, again.state_dict), (ticket.mask, again.mask)):
        assert list(mine) == list(theirs)
        assert all(torch.equal(mine[name], theirs[name]) for name in mine)


def test_plain_turns_numbers_and_text_of_other_classes_into_plain_ones():
    value = dict(a=np.float64(0.5), b=(np.str_('x'), True, None), c=torch.__version__,
                 d={1: object})
    assert as_plain_data(value) == dict(a=0.5, b=('x', True, None), c=str(torch.__version__),
                                d={1: 'builtins.object'})
    kinds = {type(as_plain_data(v)) for v in (value['a'], *value['b'], value['c'])}
    assert kinds == {float, str, bool, type(None)}


# ------------------------------------------------------------------------------- saving


@pytest.mark.parametrize('fails', ['write', 'fsync', 'replace'])
def test_a_failure_while_saving_leaves_the_old_file_and_nothing_else(trained, tmp_path,
                                                                     monkeypatch, fails):
    path = tmp_path / 'ticket.pth'
    path.write_bytes(b'old')

    def fail(*args):
        raise OSError(28, 'No space left on device')

    if fails == 'write':

        class Full:

            def __init__(self, path, mode):
                self.file = open(path, mode)  # noqa: SIM115

            def __enter__(self):
                self.file.write(b'half')
                return self

            def __exit__(self, *args):
                self.file.close()

            write = fail

        monkeypatch.setattr(files, 'open', Full, raising=False)
    else:
        monkeypatch.setattr(os, fails, fail)
    with pytest.raises((OSError, TrainingError), match='No space left'):
        Ticket.load(trained[1]).save(path)
    assert path.read_bytes() == b'old' and os.listdir(tmp_path) == ['ticket.pth']


def test_saving_over_an_old_ticket_replaces_it_whole(trained, tmp_path):
    path = tmp_path / 'ticket.pth'
    path.write_bytes(b'x' * 10**7)
    Ticket.load(trained[1]).save(path)
    Ticket.load(path)
    assert os.listdir(tmp_path) == ['ticket.pth']
