"""tools/accelerator.py prints the columns of the supplement's Table 4."""
import pytest
from tiny import run
from tiny_street import load_tool

from mmst.errors import ConfigError, TicketError


@pytest.fixture(scope='module')
def ticket(tmp_path_factory):
    folder = tmp_path_factory.mktemp('run')
    run(folder, epochs=2, ticket=True)
    return str(folder / 'ticket.pth')


def test_ticket_stands_beside_its_dense_network(ticket, capsys):
    load_tool('accelerator').main([ticket, '--shape', '32', '64', '--layers'])
    told = capsys.readouterr().out
    assert all(word in told for word in ('params', 'FLOPs', 'GPU FPS', 'accelerator', 'dense', '50%'))
    dense, sparse = (next(line for line in told.splitlines() if word in line).split()[-1]
                     for word in ('searched, dense', 'ticket, 50%'))
    assert 0 < float(sparse) <= float(dense)


def test_bad_input_ends_in_an_error_of_one_line(ticket):
    with pytest.raises(TicketError, match='no such file'):
        load_tool('accelerator').main(['none.pth'])
    with pytest.raises(ConfigError, match='bandwidth'):
        load_tool('accelerator').main([ticket, '--bandwidth', '-1'])
