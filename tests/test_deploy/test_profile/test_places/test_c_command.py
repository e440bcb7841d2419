"""Networks timed by an exported C library's own program, through a command."""
import resource
import sys

import pytest
import torch
from c_projects import four_branches, make
from calm_tables import measure
from deploy_tickets import small_ticket
from sparse_nets import needs_kernel

from mmst.costs.latency.table import LatencyTable
from mmst.deploy.c_library import write_project
from mmst.deploy.profile import measure_network
from mmst.deploy.profile.places import CCommand
from mmst.errors import ConfigError
from mmst.pruning.mask import Mask
from mmst.tickets import Ticket

pytestmark = [needs_kernel, pytest.mark.by_turns(5, together=True)]
SIZE = (40, 72)


@pytest.fixture(scope='module')
def timing(tmp_path_factory):
    """The program of one ticket's project, which times all others."""
    folder = tmp_path_factory.mktemp('c')
    write_project(small_ticket('imagenet'), folder)
    make(folder, 'timing')
    return str(folder / 'timing')


@pytest.fixture(scope='module')
def ticket():
    return four_branches()


def describe(ticket):
    return lambda model: Ticket.from_model(model, ticket.model, Mask({}), ticket.meta)


def command(ticket, *words, threads=1):
    return CCommand(describe(ticket), words, threads)


@pytest.mark.parametrize('threads', [1, 2])
def test_each_call_of_each_network_has_its_time(timing, ticket, threads):
    place = command(ticket, timing, threads=threads)
    networks = [place.prepare(t.build()) for t in (ticket, four_branches(sparsity=.3))]
    for rounds in (3, 1):
        place.take(networks, torch.zeros(1, 3, *SIZE), rounds)
    assert [len(network.whole) for network in networks] == [4, 4]
    assert all(1_000 < time < 10**9 for network in networks for time in network.whole)


def test_a_table_of_the_library_is_measured_there_and_names_the_command(
        timing, ticket, tmp_path):
    place, said = command(ticket, timing), []
    table, _ = measure(ticket.supernet(), (64, 64), place, 12, 2, log=said.append)
    table.save(tmp_path / 'table.json')
    table = LatencyTable.load(tmp_path / 'table.json')
    assert (table.engine, table.machine['device'], table.machine['processor']) == (
        'sparse', 'c', timing)
    assert table.check['networks'] == 2 and 'turn 2 of 2: network 14 of 14' in said[-1]
    network = ticket.build()
    # Of twelve networks, timed while others use the machine: no more than the order is sure.
    assert 0.1 < table.predict(network) / measure_network(network, table, 2, place) < 10


@pytest.mark.parametrize('script, problem', [
    ('import sys; sys.exit("no route to host")', 'status 1: no route to host'),
    ('print("1.5\\n2.5")', 'it printed 2 times for 3 calls'),
    ('print("1 nan 3")', 'it printed 1 times'), ('print("1 1e308 3")', 'it printed 1 times'),
    ('print("0 0 0")', 'it printed 0 times'), ('print("1 2 3 4")', 'it printed 4 times')])
def test_a_command_that_does_not_time_ends_with_one_error(ticket, script, problem):
    place = command(ticket, sys.executable, '-c', script)
    with pytest.raises(ConfigError, match=rf'--device = .*{problem}.*Remedy: '):
        place.take([place.prepare(ticket.build())], torch.zeros(1, 3, *SIZE), 3)


@pytest.mark.parametrize('words', [
    ('yes', '1'), ('sh', '-c', 'yes 1 & yes 1'),
    ('sh', '-c', 'yes >&2 & head -c 1000000 /dev/zero')])
def test_a_command_without_an_end_takes_no_memory_and_is_ended(ticket, words):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ConfigError, match=r'--device = .*it printed .* times for 3 calls'):
        command(ticket, *words)._call(b'weights', (*SIZE, 1, 3))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # kB


def test_a_command_that_waits_is_ended(ticket, monkeypatch):
    monkeypatch.setattr('mmst.deploy.profile.places.c_command.PATIENCE', 0.2)
    with pytest.raises(ConfigError, match=r'--device = .*it takes more than 0.2 s'):
        command(ticket, 'sh', '-c', 'exec sleep 1000')._call(b'weights', (*SIZE, 1, 3))


def test_a_command_that_is_not_there_ends_with_one_error(ticket, tmp_path):
    place = command(ticket, str(tmp_path / 'none'))
    with pytest.raises(ConfigError, match=r'--device = .*No such file'):
        place.take([place.prepare(ticket.build())], torch.zeros(1, 3, *SIZE), 1)


@pytest.mark.parametrize('threads', [1, 2])
def test_modules_are_timed_where_the_library_runs(timing, ticket, threads):
    place, paths = command(ticket, timing, threads=threads), ['backbone.stem', 'neck']
    network = place.prepare(ticket.build(), paths)
    for rounds in (3, 2):
        place.take([network], torch.zeros(1, 3, 64, 64), rounds)
    assert len(network.whole) == 5
    assert {path: len(times) for path, times in network.parts.items()} == dict.fromkeys(paths, 5)
    assert 0 < sum(network.of_modules().values()) < 3 * network.milliseconds()


@pytest.mark.parametrize('printed, problem', [
    ('1 0.5 0\\n1 0.5', 'it printed 5 times for 2 calls of 2 steps'),
    ('1 0.5 -1', 'it printed 2 times'), ('0 0 0', 'it printed 0 times')])
def test_a_command_that_times_other_steps_ends_with_one_error(ticket, printed, problem):
    place = command(ticket, sys.executable, '-c', f'print("{printed}")')
    with pytest.raises(ConfigError, match=rf'--device = .*{problem}.*as this version writes it'):
        place._call(b'weights', (*SIZE, 1, 2), 2)
