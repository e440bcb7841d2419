"""tools/accelerator.py prints the columns of the supplement's Table 4."""
import pytest
from deploy_tickets import small_ticket
from tiny import run
from tiny_street import load_tool

from mmst.deploy.compact import compact
from mmst.deploy.ticket_cost import kept_weights, ticket_costs
from mmst.lab.accelerator.sigma import products
from mmst.tickets import Ticket


@pytest.fixture(scope='module')
def ticket(tmp_path_factory):
    folder = tmp_path_factory.mktemp('run')
    run(folder, epochs=2, ticket=True)
    return str(folder / 'ticket.pth')


def test_ticket_stands_next_to_its_dense_network(ticket, capsys):
    load_tool('accelerator').main([ticket, '--shape', '32', '64', '--layers'])
    printed = capsys.readouterr().out
    assert all(word in printed
               for word in ('params', 'FLOPs', 'GPU FPS', 'accelerator', 'dense', '50%'))
    dense, sparse = (next(line for line in printed.splitlines() if word in line).split()[-1]
                     for word in ('searched, dense', 'ticket, 50%'))
    assert 0 < float(sparse) <= float(dense)


@pytest.mark.parametrize('words, printed', [
    (['none.pth'], "'none.pth': no such file"), (['TICKET', '--bandwidth', '-1'], 'bandwidth')])
def test_bad_input_ends_in_an_error_of_one_line(ticket, words, printed, capsys):
    code = load_tool('accelerator').main([ticket if word == 'TICKET' else word for word in words])
    err = capsys.readouterr().err
    assert code == 2 and err.count('\n') == 1 and printed in err and 'Remedy: ' in err


def columns(printed, label):
    """Parameters, GMACs and milliseconds of a row."""
    row = next(line for line in printed.splitlines() if label in line).split()
    return float(row[-5]), float(row[-4]), float(row[-1])


def test_compact_tickets_are_counted_as_cost_py_counts_them(tmp_path, capsys):
    small_ticket(sparsity=0.8).save(tmp_path / 'whole.pth')
    ticket = compact(small_ticket(sparsity=0.8))
    ticket.save(tmp_path / 'small.pth')
    load_tool('accelerator').main([str(tmp_path / 'small.pth')])
    printed = capsys.readouterr().out
    total = ticket_costs(ticket).searched.total()
    assert total['nonzero'] < 0.8 * total['params']
    (dense, work, slow), (kept, left, fast) = (columns(printed, 'compact, dense'),
                                               columns(printed, 'ticket, '))
    assert dense == round(total['params'] / 1e6, 3) and kept == round(total['nonzero'] / 1e6, 3)
    assert work == round(total['macs'] / 1e9, 4) and left == round(total['sparse_macs'] / 1e9, 4)
    assert fast <= slow
    load_tool('accelerator').main([str(tmp_path / 'whole.pth')])
    assert columns(capsys.readouterr().out, 'ticket, 80%')[0] >= kept  # in thousands of weights


def test_products_of_a_compact_ticket_hold_as_many_weights_as_its_costs(capsys):
    ticket = compact(small_ticket(sparsity=0.8))
    model = ticket.build()
    kept = kept_weights(ticket, model)
    found = {f'{p.name}.weight': p.nonzero for p in products(model, (40, 48), kept)}
    both = set(found) & set(kept)
    assert len(both) > 10
    assert all(found[name] == int(kept[name].sum()) for name in both)


def test_costs_are_those_at_the_size_of_the_search(ticket, capsys):
    found = Ticket.load(ticket)
    height, width = found.meta['input_shape']
    load_tool('accelerator').main([ticket])
    assert f'ticket.pth, {height}x{width}: ' in capsys.readouterr().out
