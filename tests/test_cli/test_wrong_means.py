"""Tickets whose images are normalised by another count of numbers than they have channels."""
import pytest
from deploy_tickets import small_ticket
from tiny_street import load_tool

from mmst.tickets import Ticket


@pytest.fixture(scope='module')
def tickets(tmp_path_factory):
    folder = tmp_path_factory.mktemp('means')
    ticket = small_ticket(sparsity=0.5)
    for name, numbers in (('mean', dict(mean=[1.] * 4, std=[1.] * 4)), ('std', dict(std=[1.] * 2))):
        model = dict(ticket.model, data_preprocessor=dict(
            ticket.model['data_preprocessor'], **numbers))
        Ticket(model, ticket.state_dict, ticket.mask, ticket.meta).save(folder / f'{name}.pth')
    return folder


def error_of(tickets, tmp_path, monkeypatch, capsys, words):
    monkeypatch.chdir(tmp_path)
    name, ticket, *rest = words.split()
    assert load_tool(name).main([str(tickets / ticket), *rest]) == 2
    assert not list(tmp_path.iterdir())
    return capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize('words', [
    'cost mean.pth', 'compact mean.pth -o x.pth', 'accelerator mean.pth', 'curves mean.pth'])
def test_the_numbers_are_named_where_the_network_cannot_run(tickets, tmp_path, monkeypatch, capsys,
                                                            words):
    line = error_of(tickets, tmp_path, monkeypatch, capsys, words)
    assert "data_preprocessor.mean = '4 numbers'" in line and 'images of 3 channels' in line
    assert line.endswith('Remedy: train with one for each channel, or with one for all.')


@pytest.mark.parametrize('words', [
    'share mean.pth -o x', 'share std.pth -o x --no-timing', 'profile std.pth'])
def test_what_could_not_predict_is_neither_shared_nor_timed(tickets, tmp_path, monkeypatch, capsys,
                                                            words):
    key = words.split()[1].removesuffix('.pth')
    line = error_of(tickets, tmp_path, monkeypatch, capsys, words)
    assert f'{key}.pth: its data_preprocessor.{key} has' in line
    assert 'the network takes 3 channels. Remedy: train with one' in line
