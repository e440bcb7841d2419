"""Subcommands take tickets by the names that ``mmst.load`` takes."""
from pathlib import Path
from types import SimpleNamespace

import pytest
from damage import content_of
from kills import differences
from tiny_street import load_tool

from mmst.cli import main as command
from mmst.cli import named_tickets
from mmst.cli.named_tickets import NEED_TICKET, find_named
from mmst.deploy.find import find_ticket
from mmst.lab.scenes import generate
from mmst.settings.ticket_names import SHIPPED
from mmst.tickets import Ticket

NAME, CONFIG = 'street-p90', 'configs/demo/street_p90.py'


def tool(name, *args):
    return load_tool(name).main([str(arg) for arg in args])


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(named_tickets, 'cache_folder', lambda: tmp_path / 'cache')
    return tmp_path


@pytest.fixture
def streets(folder):
    """Data of the shipped ticket's task, where its config looks for them."""
    generate('quiet_streets', folder / 'data/street', train=8, val=2)


@pytest.mark.by_turns(4)
def test_files_are_written_into_the_current_folder_under_the_ticket_s_name(folder):
    before = set(SHIPPED.iterdir())
    assert tool('export', NAME, '--format', 'safetensors') == 0
    assert tool('compact', NAME) == 0
    found = Ticket.load('street-p90.safetensors')
    assert not differences(content_of(found), content_of(find_ticket(NAME)))
    assert Ticket.load('street-p90_compact.pth').meta['compacted']
    assert set(SHIPPED.iterdir()) == before


@pytest.mark.by_turns(4)
def test_a_shared_folder_stands_for_its_ticket(folder, capsys):
    assert tool('share', NAME, '-o', 'shared', '--no-timing') == 0
    assert tool('export', 'shared', '--format', 'pth') == 0
    assert not differences(content_of(Ticket.load('shared/ticket.pth')),
                           content_of(find_ticket(NAME)))
    capsys.readouterr()
    tables = []
    for name in (NAME, 'shared'):
        assert tool('cost', name) == 0
        tables.append(capsys.readouterr().out)
    assert tables[0] == tables[1] and '0.3094' in tables[0]


@pytest.mark.by_turns(4)
def test_several_tickets_may_have_names(folder, capsys):
    assert tool('export', NAME, '--format', 'pth', '-o', 'ticket.pth') == 0
    capsys.readouterr()
    assert tool('accelerator', NAME, 'ticket.pth') == 0
    assert 'street-p90.sparse' in (out := capsys.readouterr().out) and '/ticket.pth' in out


def test_a_curve_is_drawn_into_the_current_folder(folder):
    args = SimpleNamespace(tables=[Path(NAME), Path('other.pth')])
    find_named(args, 'curves')
    assert args.tables == [SHIPPED / 'street-p90.sparse', Path('other.pth')]
    assert Path(args.stem).parent == Path()


@pytest.mark.by_turns(4)
def test_a_named_ticket_is_tested_pruned_and_drawn(folder, streets, capfd):
    assert tool('test', CONFIG, NAME, '--out', 'metrics.json') == 0
    assert tool('prune', CONFIG, NAME, '--sparsity', 0.95, '--batches', 1, '--out', 'new.pth') == 0
    assert Ticket.load('new.pth').sparsity == pytest.approx(0.95, abs=1e-3)
    assert tool('visualize', CONFIG, NAME, 'new.pth', '--indices', 0, '-o', 'drawn') == 0
    assert (folder / 'drawn/images.png').is_file()


@pytest.mark.by_turns(3)
def test_those_that_train_get_a_ticket_s_file_that_stays(folder):
    for subcommand in NEED_TICKET:
        args = SimpleNamespace(ticket=NAME)
        find_named(args, subcommand)
        assert not differences(content_of(Ticket.load(args.ticket)),
                               content_of(find_ticket(NAME)))
    assert [str(path) for path in (folder / 'cache/tickets').iterdir()] == [args.ticket]


def test_names_of_a_hub_are_asked_for_there(folder, monkeypatch):
    asked = []
    monkeypatch.setattr(named_tickets, 'find_file',
                        lambda name: asked.append(name) or Path('kept/ticket.safetensors'))
    args = SimpleNamespace(ticket='hf:user/streets@v1.2')
    find_named(args, 'export')
    assert asked == ['hf:user/streets@v1.2']
    assert args.ticket == 'kept/ticket.safetensors' and args.stem == 'streets'


def test_a_name_that_is_none_is_refused_with_one_that_is(folder, monkeypatch, capsys):
    monkeypatch.setattr(command, 'load', lambda name: pytest.fail(f'{name} was imported'))
    for words, proposed in ((['cost', 'street-p9'], True),
                            (['retrain', CONFIG, '--from-checkpoint', NAME], False)):
        assert command.main(words) == 2
        line, = capsys.readouterr().err.splitlines()
        assert 'no such file' in line and ("'street-p90' of one that comes" in line) is proposed
