"""Sharing tickets: folders, and a hub of which a server on this machine speaks the protocol."""
import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import kills
import pytest
from damage import content_of, small_ticket
from model_hub import COMMIT, serve

from mmst.errors import ConfigError, TicketError
from mmst.openmmlab.safe_checkpoints import safe_load
from mmst.openmmlab.safetensors_file import to_bytes
from mmst.settings.shape import DEFAULT_SHAPE
from mmst.settings.ticket_names import SHARED
from mmst.tickets import Ticket, summarize
from mmst.tickets.content import seal
from mmst.tickets.hub import write_folder
from mmst.tickets.model_card import model_card

#: The first lines of each client's process: ``tried(act)`` is the result of ``act``, or its error.
BEGIN = '''
import json, sys
import kills
from damage import content_of, small_ticket
from mmst.errors import MMSTError
from mmst.tickets import Ticket

def tried(act):
    try:
        found = act()
        return kills.differences(content_of(found), content_of(small_ticket())) == [] if (
            isinstance(found, Ticket)) else found
    except MMSTError as error:
        return str(error)

def get(*args, **options):
    return tried(lambda: Ticket.from_pretrained(*args, **options))

'''


class Clients:
    """Processes that use the hub; they share a cache.

    Args:
        hub: The server's.
        cache (Path): Folder.
    """

    def __init__(self, hub, cache):
        self.hub, self.cache = hub, cache

    def __call__(self, code, **environment):
        """Return the JSON that a process prints; the client reads its environment at import."""
        path = os.pathsep.join(str(Path(__file__).parents[level]) for level in (1, 2))
        env = dict(os.environ, HF_ENDPOINT=self.hub.address, HF_HOME=str(self.cache),
                   HF_HUB_DISABLE_XET='1', HF_HUB_DISABLE_TELEMETRY='1', PYTHONPATH=path,
                   HF_HUB_DISABLE_PROGRESS_BARS='1', **environment)
        done = subprocess.run([sys.executable, '-W', 'ignore', '-c', f'{BEGIN}{code}'], env=env,
                              capture_output=True, text=True, timeout=200)
        assert not done.returncode, done.stderr
        return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope='module')
def clients(tmp_path_factory):
    with serve() as hub:
        yield Clients(hub, tmp_path_factory.mktemp('cache'))


@pytest.fixture(scope='module')
def pushed(clients):
    """A ticket was pushed, and then again."""
    return clients('''
print(json.dumps([tried(lambda: small_ticket().push_to_hub('user/streets', token='hf_test'))
                  for _ in range(2)]))''')


def test_a_pushed_ticket_has_its_facts_and_a_card_that_names_it(clients, pushed):
    assert pushed == [f'{clients.hub.address}/user/streets'] * 2
    files = clients.hub.repositories['user/streets']
    assert set(files) == {'ticket.safetensors', 'ticket.json', 'README.md'}
    assert "mmst.load('hf:user/streets')" in files['README.md'].decode()
    assert json.loads(files['ticket.json'])['params']['sparse']


@pytest.mark.by_turns(5)
def test_it_comes_back_whole_by_each_form_of_its_name_and_offline(clients, pushed):
    found = clients('''
print(json.dumps([get('user/streets'), get('hf:user/streets'), get('user/streets@main'),
                  get('user/streets', revision='main'), get('user/streets', 'C')]))
'''.replace('C', COMMIT))
    assert found == [True] * 5
    asked = len(clients.hub.requests)
    found = clients("print(json.dumps([get('user/streets'), get('user/other')]))",
                    HF_HUB_OFFLINE='1')
    assert found[0] is True and len(clients.hub.requests) == asked
    assert 'the hub cannot be reached, and no copy was kept' in found[1]


@pytest.mark.by_turns(3)
def test_what_cannot_be_had_is_reported_in_one_line(clients, pushed):
    clients.hub.repositories['user/empty'] = {}
    found = clients('''
print(json.dumps([get('user/nothing'), get('user/streets@v9'), get('user/empty'), get('a/b/c/d'),
                  get('user/st reets'), get('hf:'),
                  tried(lambda: small_ticket().push_to_hub('user/new', token='wrong'))]))''')
    for message, said in zip(found, [
            'no such repository', 'no such revision', 'it has no ticket.safetensors',
            'is no name of a repository', 'is no name of a repository',
            'is no name of a repository', 'user/new: '], strict=True):
        assert said in message and 'Remedy: ' in message and '\n' not in message
    assert 'user/new' not in clients.hub.repositories


@pytest.mark.by_turns(3)
def test_a_hub_that_refuses_is_reported_in_one_line(clients, pushed, tmp_path):
    clients.hub.closed = True
    try:
        found = clients("print(json.dumps(get('user/streets')))", HF_HUB_CACHE=str(tmp_path))
    finally:
        clients.hub.closed = False
    assert 'user/streets: ' in found and 'Remedy: ' in found and '\n' not in found


@pytest.mark.by_turns(5)
def test_a_download_that_breaks_off_is_tried_again_and_never_taken_for_whole(clients, pushed,
                                                                             tmp_path):
    clients.hub.cuts = [20000]
    assert clients("print(json.dumps(get('user/streets')))",
                   HF_HUB_CACHE=str(tmp_path / 'a')) is True and not clients.hub.cuts
    clients.hub.cuts = [20000] * 20
    found = clients("print(json.dumps([get('user/streets')]))", HF_HUB_CACHE=str(tmp_path / 'b'))
    clients.hub.cuts = []
    assert 'user/streets: ' in found[0] and 'Remedy: ' in found[0]
    assert clients("print(json.dumps(get('user/streets')))",
                   HF_HUB_CACHE=str(tmp_path / 'b')) is True


@pytest.mark.by_turns(5)
def test_a_file_that_is_not_what_was_pushed_is_refused_until_it_is_downloaded_again(
        clients, pushed, tmp_path):
    clients.hub.tamper = True
    try:
        found = clients("print(json.dumps(get('user/streets')))", HF_HUB_CACHE=str(tmp_path))
    finally:
        clients.hub.tamper = False
    assert 'Remedy: download it again, with force_download=True' in found
    assert clients("print(json.dumps(get('user/streets', force_download=True)))",
                   HF_HUB_CACHE=str(tmp_path)) is True


def test_options_that_this_project_gives_itself_are_refused_in_one_line(clients, pushed):
    found = clients('''
print(json.dumps([get('user/streets', filename='x'), get('user/streets', repo_id='x'),
                  get('user/streets', dry_run=True),
                  tried(lambda: small_ticket().push_to_hub('user/streets', library_name='x'))]))
''')
    for message, name in zip(found, ('filename', 'repo_id', 'dry_run', 'library_name'),
                             strict=True):
        assert message.startswith(f'{name} = ') and 'Remedy: ' in message


def test_a_repository_s_own_readme_is_not_written_over(clients, pushed):
    clients.hub.repositories['user/notes'] = {'README.md': b'# Notes of years'}
    found = clients('''
print(json.dumps(tried(lambda: small_ticket().push_to_hub('user/notes', token='hf_test'))))''')
    assert 'user/notes: its README.md is no model card' in found and 'Remedy: ' in found
    assert clients.hub.repositories['user/notes'] == {'README.md': b'# Notes of years'}


def test_facts_that_a_run_does_not_tell_are_those_of_the_ticket(tmp_path):
    ticket = small_ticket()
    ticket.save_pretrained(tmp_path / 'a', dict(metrics=dict(mIoU=61.5)))
    facts, known = json.loads((tmp_path / 'a/ticket.json').read_text()), summarize(
        ticket, ticket.meta.get('input_shape') or DEFAULT_SHAPE, ticket.meta.get('supernet'))
    assert facts['metrics'] == dict(mIoU=61.5) and facts['params'] == known['params']
    assert facts['sparsity'] == ticket.sparsity > 0
    assert f'{ticket.sparsity:.0%} of' in (tmp_path / 'a/README.md').read_text()


def test_a_file_is_no_folder_of_the_hub(tmp_path):
    small_ticket().save(tmp_path / 'ticket.pth')
    with pytest.raises(TicketError, match=r'is a file, and no folder.*Remedy: read it by Ticket'):
        Ticket.from_pretrained(tmp_path / 'ticket.pth')


def test_a_folder_on_disk_has_the_same_form(tmp_path):
    ticket = small_ticket()
    ticket.save_pretrained(tmp_path / 'new' / 'folder', dict(metrics=dict(mIoU=61.5)))
    folder = tmp_path / 'new' / 'folder'
    again = Ticket.from_pretrained(folder)
    assert not kills.differences(content_of(again), content_of(ticket))
    assert '| mIoU | 61.5 |' in (folder / 'README.md').read_text()
    (folder / 'ticket.safetensors').unlink()
    with pytest.raises(TicketError, match='the folder has no ticket'):
        Ticket.from_pretrained(folder)


def write_content(folder, change):
    """A shared folder whose ticket's content was changed, and sealed again."""
    small_ticket().save_pretrained(folder, {})
    content = safe_load(str(folder / SHARED), 'cpu')
    change(content)
    content['digest'] = seal(content['version'], content)
    (folder / SHARED).write_bytes(to_bytes(content))


@pytest.mark.by_turns(5)
@pytest.mark.parametrize('change, remedy', [
    (lambda content: content.update(version=99), 'Remedy: update mmst'),
    (lambda content: content.update(format='mmst.sparse'), 'Remedy: mmst export'),
    (lambda content: next(iter(content['state_dict'].values())).fill_(float('nan')), None)])
def test_what_no_download_mends_keeps_its_remedy(clients, pushed, tmp_path, change, remedy):
    write_content(tmp_path / 'folder', change)
    with pytest.raises(TicketError) as error:
        Ticket.from_pretrained(tmp_path / 'folder')
    assert 'force_download' not in str(error.value) and (remedy or 'Remedy: ') in str(error.value)
    clients.hub.repositories['user/other'] = {
        SHARED: (tmp_path / 'folder' / SHARED).read_bytes()}
    found = clients("print(json.dumps(get('user/other')))", HF_HUB_CACHE=str(tmp_path / 'cache'))
    assert 'download it again' not in found and (remedy or 'Remedy: ') in found


def test_a_damaged_folder_is_not_to_be_downloaded(tmp_path):
    small_ticket().save_pretrained(tmp_path, {})
    data = bytearray((tmp_path / SHARED).read_bytes())
    data[-9] ^= 1
    (tmp_path / SHARED).write_bytes(data)
    with pytest.raises(TicketError, match='Remedy: ') as error:
        Ticket.from_pretrained(tmp_path)
    assert 'force_download' not in str(error.value)


def test_options_that_have_no_effect_are_refused(clients, pushed, tmp_path):
    small_ticket().save_pretrained(tmp_path, {})
    for options in (dict(revision='v1'), dict(force_download=True)):
        key, = options
        with pytest.raises(ConfigError, match=f'^{key} = .* is on this machine.* Remedy: omit it'):
            Ticket.from_pretrained(tmp_path, **options)
    found = clients('''
print(json.dumps([get('user/streets', force_dowload=True), get('user/streets@main', 'v1'),
                  tried(lambda: small_ticket().push_to_hub('user/streets', tokn='hf_test'))]))''')
    for message, words in zip(found, [
            'force_dowload = True: the hub has no such option. Remedy: use force_download.',
            "revision = 'v1': the name asks for 'main'", 'Remedy: use token.'], strict=True):
        assert words in message


def test_without_the_package_one_line_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, 'huggingface_hub', None)
    with pytest.raises(ConfigError, match='pip install huggingface_hub'):
        Ticket.from_pretrained('user/streets')


def test_facts_without_a_number_are_plain_json_and_not_on_the_card(tmp_path):
    def refuse(name):
        raise ValueError(name)

    metrics = dict(mIoU=61.5, pole=float('nan'), loss=float('inf'))
    small_ticket().save_pretrained(tmp_path, dict(metrics=metrics))
    facts = json.loads((tmp_path / 'ticket.json').read_text(), parse_constant=refuse)
    assert facts['metrics'] == dict(mIoU=61.5, pole=None, loss=None)
    card = (tmp_path / 'README.md').read_text()
    assert '| mIoU | 61.5 |' in card and 'pole' not in card and 'loss' not in card


def test_a_readme_of_something_else_is_not_written_over(tmp_path):
    write_folder(tmp_path, b'', {})
    write_folder(tmp_path, b'', {})  # its own card
    (tmp_path / 'README.md').write_text('# My project')
    with pytest.raises(TicketError, match=r'README\.md is no model card of mmst, and would be'):
        write_folder(tmp_path, b'new', {})
    assert (tmp_path / 'README.md').read_text() == '# My project'
    assert (tmp_path / 'ticket.safetensors').read_bytes() == b''


@pytest.mark.parametrize('name', ["it's", 'a "b"', "'", 'back\\slash', 'two\nlines'])
def test_the_card_s_snippet_is_python_whatever_the_folder_is_called(name):
    card = model_card(dict(levels=[dict(level=0.5, sparsity=0.5)]), name)
    code = card.partition('```python\n')[2].partition('```')[0]
    names = [node.args[0].value for node in ast.walk(ast.parse(code))
             if isinstance(node, ast.Call) and getattr(node.func, 'attr', '') == 'load']
    assert names == [name, name]


def test_the_card_lists_levels_and_how_one_is_loaded():
    levels = [dict(level=0.5, sparsity=0.512, metrics=dict(mIoU=61.25)),
              dict(level=0.9, sparsity=0.9)]
    card = model_card(dict(levels=levels), 'folder')
    for line in ('| 0.5 | 51.2% of the weights pruned, mIoU 61.25 |',
                 '| 0.9 | 90.0% of the weights pruned |', "mmst.load('folder', level=0.9)"):
        assert line in card, line
    assert 'level' not in model_card({}, 'folder')


def test_the_card_tells_what_is_known_and_nothing_more():
    card = model_card(dict(
        default_scope='mmseg', sparsity=0.9, metrics=dict(mIoU=60.04),
        params=dict(supernet=1.2e6, searched=9e5, sparse=9e4), macs=dict(supernet=2e9),
        input_shape=[128, 256], milliseconds={'sparse engine': 7.94}, machine=dict(cpu='A|B'),
        dataset_meta=dict(classes=['road', 'a | b\nc']), settings=dict(custom_hooks=[
            dict(type='mmst.PruneHook', sparsity=0.9), dict(type='Other', a=1)])), 'hf:user/name')
    for line in ('pipeline_tag: image-segmentation', '| mIoU | 60.04 |',
                 '| weights, supernet | 1.2 M |', '| multiply-adds at 128x256, supernet | 2 G |',
                 r'| sparse engine (A\|B) | 7.9 ms |', r'2 classes: road, a \| b c.',
                 '| PruneHook.sparsity | 0.9 |', "mmst.load('hf:user/name')"):
        assert line in card, line
    assert '## Other' not in card and 'Other.a' not in card
    little = model_card({}, 'folder')
    assert '## Speed' not in little and '## Data' not in little and '## Metrics' not in little
