"""mmst share, and mmst export of the ticket itself."""
import json

import pytest
from damage import content_of
from kills import differences
from tiny_street import load_tool

from mmst.deploy.open import open_ticket
from mmst.tickets import Ticket


def tool(name, *args):
    return load_tool(name).main([str(arg) for arg in args])


@pytest.fixture(scope='module')
def folder(trained, tmp_path_factory):
    out = tmp_path_factory.mktemp('shared') / 'streets'
    assert tool('share', trained / 'ticket.pth', '-o', out) == 0
    return out


def test_the_folder_holds_the_ticket_the_run_s_metrics_and_measured_times(trained, folder):
    ticket = open_ticket(str(trained / 'ticket.pth'))
    assert not differences(content_of(Ticket.from_pretrained(folder)), content_of(ticket))
    facts = json.loads((folder / 'ticket.json').read_text())
    known = json.loads((trained / 'ticket.json').read_text())
    assert facts['metrics'] == known['metrics'] and facts['params'] == known['params']
    assert all(value > 0 for value in facts['milliseconds'].values())
    card = (folder / 'README.md').read_text()
    assert f'| mIoU | {known["metrics"]["mIoU"]:.4g} |' in card
    assert 'pipeline_tag: image-segmentation' in card and 'PruneHook.sparsity' in card


def test_tools_take_the_ticket_of_the_folder(folder, capsys):
    assert tool('cost', folder / 'ticket.safetensors') == 0
    assert 'params' in capsys.readouterr().out


def test_a_damaged_summary_is_reported(trained, tmp_path, capsys):
    Ticket.load(trained / 'ticket.pth').save(tmp_path / 'a.safetensors')
    (tmp_path / 'a.json').write_text('[1, 2')
    assert tool('share', tmp_path / 'a.safetensors', '-o', tmp_path / 'out', '--no-timing') == 2
    assert 'a.json is no summary of a run' in capsys.readouterr().err
    assert not (tmp_path / 'out').exists()


def test_without_a_summary_the_card_has_no_metrics(trained, tmp_path):
    Ticket.load(trained / 'ticket.pth').save(tmp_path / 'a.safetensors')
    assert tool('share', tmp_path / 'a.safetensors', '-o', tmp_path / 'out', '--no-timing') == 0
    card = (tmp_path / 'out' / 'README.md').read_text()
    assert '## Metrics' not in card and '## Speed' not in card and '## Costs' in card


@pytest.mark.parametrize('words, message', [
    (['--private'], '--private = True: has no effect with --out'),
    (['--revision', 'v1'], "--revision = 'v1': has no effect with --out")])
def test_settings_of_the_hub_have_no_effect_on_a_folder(trained, tmp_path, capsys, words, message):
    assert tool('share', trained / 'ticket.pth', '-o', tmp_path / 'out', *words) == 2
    assert message in capsys.readouterr().err and not (tmp_path / 'out').exists()


def test_the_ticket_itself_goes_to_safetensors_and_back(trained, tmp_path, capsys):
    one, two = tmp_path / 'one.safetensors', tmp_path / 'two.pth'
    assert tool('export', trained / 'ticket.pth', '--format', 'safetensors', '-o', one) == 0
    assert tool('export', one, '--format', 'pth', '-o', two) == 0
    assert 'the same ticket' in capsys.readouterr().out
    assert not differences(content_of(Ticket.load(two)),
                           content_of(Ticket.load(trained / 'ticket.pth')))


def test_a_name_that_asks_for_another_form_is_refused(trained, tmp_path, capsys):
    out = tmp_path / 'ticket.pth'
    assert tool('export', trained / 'ticket.pth', '--format', 'safetensors', '-o', out) == 2
    assert 'give a name that ends in .safetensors' in capsys.readouterr().err and not out.exists()
