"""Files that hold code instead of data: nothing of it runs, on whatever way they come in."""
import functools
import http.server
import os
import pickle
import threading

import kills
import pytest
import torch
from mmengine.runner import CheckpointLoader, Runner

from mmst.engine.run.resume import find_checkpoint
from mmst.errors import TicketError
from mmst.openmmlab.safe_checkpoints import safe_load
from mmst.tickets import Ticket
from mmst.tickets.digest import DIGESTS, part_digests


class Payload:
    """Makes a folder where it is unpickled by Python's own pickle."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder), )


@pytest.fixture
def made(tmp_path, monkeypatch):
    """The folder that a payload would make; the test works next to it."""
    monkeypatch.chdir(tmp_path)
    yield tmp_path / 'made'
    assert not (tmp_path / 'made').exists()


def settings(epochs=3, **changes):
    cfg = kills.settings(epochs,
                         workers=0,
                         val=0,
                         checkpoint=dict(interval=1),
                         param_scheduler=None)
    cfg.update(changes)
    return cfg


def train(**changes):
    runner = Runner.from_cfg(settings(**changes))
    runner.train()
    return runner


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    """Two epochs."""
    folder = tmp_path_factory.mktemp('trained')
    kills.finish(folder, resume=False, epochs=2, workers=0, val=0, param_scheduler=None)
    return folder / kills.WORK


def spoiled(path, made, to='spoiled.pth'):
    content = safe_load(str(path))
    content['meta']['more'] = Payload(made)
    torch.save(content, to)
    return to


def test_the_payload_would_run(tmp_path):
    pickle.loads(pickle.dumps(Payload(tmp_path / 'made')))
    assert (tmp_path / 'made').is_dir()


@pytest.mark.parametrize('name', ['epoch_2.pth', 'ticket.pth'])
@pytest.mark.parametrize('resume', [True, False])
def test_no_run_starts_from_it(trained, made, name, resume):
    path = spoiled(trained / name, made)
    with pytest.raises(TicketError, match=r'refers to .*mkdir.*refused. Remedy'):
        train(load_from=path, resume=resume)


def test_it_is_no_ticket(trained, made):
    with pytest.raises(TicketError, match=r'refused. Remedy'):
        Ticket.load(spoiled(trained / 'ticket.pth', made))


def test_a_resuming_run_passes_over_it(trained, made):
    os.makedirs(kills.WORK)
    good = safe_load(str(trained / 'epoch_2.pth'))
    torch.save(good, f'{kills.WORK}/epoch_2.pth')
    spoiled(trained / 'epoch_2.pth', made, f'{kills.WORK}/epoch_3.pth')
    with open(f'{kills.WORK}/last_checkpoint', 'w') as file:
        file.write(os.path.abspath(f'{kills.WORK}/epoch_3.pth'))
    assert find_checkpoint(kills.WORK).endswith('epoch_2.pth')
    assert train(resume=True).epoch == 3


def test_the_text_of_a_config_in_a_checkpoint_is_not_run(trained, made):
    """mmengine's Runner reads ``meta.config`` as a Python config, which executes it."""
    content = safe_load(str(trained / 'epoch_2.pth'))
    content['meta']['config'] = f'import os\nos.mkdir({str(made)!r})\n'
    content[DIGESTS] = part_digests(content)  # as a forger would
    torch.save(content, 'config.pth')
    assert train(load_from='config.pth', resume=True).epoch == 3


@pytest.fixture
def address(tmp_path, monkeypatch):
    """Where a server offers the files of this folder."""
    monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'downloads'))
    handler = functools.partial(Quiet, directory=str(tmp_path))
    server = http.server.HTTPServer(('127.0.0.1', 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f'http://127.0.0.1:{server.server_port}'
    server.shutdown()
    server.server_close()


class Quiet(http.server.SimpleHTTPRequestHandler):

    def log_message(self, *args):
        pass


def test_a_download_is_read_like_a_file(trained, made, address):
    spoiled(trained / 'epoch_2.pth', made)
    with pytest.raises(TicketError, match=r'refused. Remedy'):
        CheckpointLoader.load_checkpoint(f'{address}/spoiled.pth', 'cpu')
    torch.save(safe_load(str(trained / 'epoch_2.pth')), 'good.pth')
    content = CheckpointLoader.load_checkpoint(f'{address}/good.pth?version=1', 'cpu')
    assert content['meta']['epoch'] == 2
