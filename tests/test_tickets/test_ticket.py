"""The ticket as a file: what it holds, what it rebuilds, and which files are refused."""
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch
from tiny import SIZE, WEAKEN, averaged, run, unwrapped

from mmst import files
from mmst.errors import TicketError, TrainingError
from mmst.pruning.mask import Mask
from mmst.tickets import Ticket
from mmst.tickets.digest import digest
from mmst.tickets.ticket import plain


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    """A run with tokens, searched and pruned; what its last evaluation saw."""
    seen = {}

    @torch.no_grad()
    def act(runner):
        model = unwrapped(runner).eval()
        seen['out'] = model(image())
        seen['maps'] = model.backbone(image())

    folder = tmp_path_factory.mktemp('trained')
    runner = run(folder, 2, val=2, ticket=True, model=dict(transformer='all'),
                 prune=dict(sparsity=0.7), probes=[WEAKEN, ('LOWEST', dict(before_val_epoch=act))])
    return runner, folder / 'ticket.pth', seen


def image():
    return torch.randn(2, 3, *SIZE, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def content(trained):
    """The file's content, to be damaged."""
    return torch.load(trained[1], weights_only=True)


# ------------------------------------------------------------------------- what it rebuilds


@torch.no_grad()
def test_it_rebuilds_the_evaluated_model_without_a_config(trained):
    _, path, seen = trained
    network = Ticket.load(path).build()
    assert not network.training and torch.equal(network(image()), seen['out'])


@torch.no_grad()
def test_it_rebuilds_the_backbone_alone(trained):
    _, path, seen = trained
    maps = Ticket.load(path).build('backbone')(image())
    assert len(maps) == len(seen['maps'])
    assert all(torch.equal(a, b) for a, b in zip(maps, seen['maps']))


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
    torch.save(image(), tmp_path / 'image.pth')
    subprocess.run([sys.executable, '-c', SCRIPT, path, tmp_path / 'image.pth',
                    tmp_path / 'maps.pth'], check=True, cwd=tmp_path)
    maps = torch.load(tmp_path / 'maps.pth', weights_only=True)
    assert all(torch.equal(a, b) for a, b in zip(maps, seen['maps']))


def test_it_holds_plain_data_and_tensors_only(content):

    def check(value):
        if isinstance(value, dict):
            for key, item in value.items():
                assert type(key) in (str, int)
                check(item)
        elif isinstance(value, list):
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
    copies = averaged(runner).module.state_dict()
    assert set(copies) == set(ticket.state_dict)
    assert all(torch.equal(ticket.state_dict[name], value) for name, value in copies.items())
    for name, kept in ticket.mask.items():
        assert (ticket.state_dict[name][~kept] == 0).all()


def test_taking_it_copies_and_masks_the_weights(trained):
    runner, path, _ = trained
    model = unwrapped(runner)
    name = 'backbone.stem.0.conv.weight'
    mask = Mask({name: torch.zeros_like(model.get_parameter(name), dtype=torch.bool)})
    before = model.get_parameter(name).detach().clone()
    ticket = Ticket.from_model(model, runner.cfg.model, mask, {})
    assert not ticket.state_dict[name].any() and before.any()
    assert torch.equal(model.get_parameter(name), before)


def test_a_mask_of_another_network_is_refused_when_it_is_taken(trained):
    runner, *_ = trained
    mask = Mask({'backbone.nothing.weight': torch.ones(3, dtype=torch.bool)})
    with pytest.raises(TicketError, match='backbone.nothing.weight'):
        Ticket.from_model(unwrapped(runner), runner.cfg.model, mask, {})


def test_saving_and_loading_changes_nothing(trained, tmp_path):
    ticket = Ticket.load(trained[1])
    ticket.save(tmp_path / 'deeper' / 'again.pth')
    again = Ticket.load(tmp_path / 'deeper' / 'again.pth')
    assert (again.model, again.meta) == (ticket.model, ticket.meta)
    for mine, theirs in ((ticket.state_dict, again.state_dict), (ticket.mask, again.mask)):
        assert list(mine) == list(theirs)
        assert all(torch.equal(mine[name], theirs[name]) for name in mine)


def test_plain_turns_numbers_and_text_of_other_classes_into_plain_ones():
    value = dict(a=np.float64(0.5), b=(np.str_('x'), True, None), c=torch.__version__, d={1: object})
    assert plain(value) == dict(a=0.5, b=['x', True, None], c=str(torch.__version__),
                                d={1: str(object)})
    kinds = {type(plain(v)) for v in (value['a'], *value['b'], value['c'])}
    assert kinds == {float, str, bool, type(None)}


# ------------------------------------------------------------------------ damaged files


def refused(path, match=None):
    """Load a bad file: one line that names it and a remedy."""
    with pytest.raises(TicketError, match=match) as caught:
        Ticket.load(path)
    message = str(caught.value)
    assert str(path) in message and 'Remedy: ' in message and '\n' not in message


def save(content, tmp_path):
    path = tmp_path / 'bad.pth'
    torch.save(content, path)
    return path


@pytest.mark.parametrize('share', [0., 0.01, 0.5, 0.999])
def test_a_truncated_file_is_refused(trained, tmp_path, share):
    data = trained[1].read_bytes()
    path = tmp_path / 'short.pth'
    path.write_bytes(data[:int(len(data) * share)])
    refused(path)


@pytest.mark.parametrize('data', [os.urandom(4096), b'\x00' * 100, b'PK\x03\x04' + b'x' * 50,
                                  b'not a ticket\n', b'{"sparsity": 0.9}'])
def test_a_file_of_something_else_is_refused(tmp_path, data):
    path = tmp_path / 'other.pth'
    path.write_bytes(data)
    refused(path)


def test_damaged_bytes_inside_are_refused_or_do_no_harm(trained, tmp_path):
    """A flipped byte among the weights may go unnoticed; nothing but a TicketError may come."""
    data = bytearray(trained[1].read_bytes())
    path = tmp_path / 'flipped.pth'
    generator = np.random.default_rng(0)
    for position in generator.integers(0, len(data), 15):
        damaged = data.copy()
        damaged[position] ^= 0xFF
        path.write_bytes(damaged)
        try:
            Ticket.load(path)
        except TicketError as error:
            assert str(path) in str(error)


@pytest.mark.parametrize('other', [[1, 2], 3, 'text', None, torch.ones(3), {},
                                   dict(state_dict={}, meta={}), dict(a=torch.ones(2))])
def test_other_data_is_no_ticket(tmp_path, other):
    refused(save(other, tmp_path), 'not a ticket')


def test_a_checkpoint_is_no_ticket(trained, tmp_path):
    runner, *_ = trained
    runner.save_checkpoint(str(tmp_path), 'checkpoint.pth')
    refused(tmp_path / 'checkpoint.pth', 'not a ticket')


def test_a_plain_pickle_is_refused(tmp_path):
    path = tmp_path / 'plain.pth'
    path.write_bytes(pickle.dumps(dict(format='mmst.ticket')))
    refused(path)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    refused(tmp_path / 'nothing.pth', 'no such file')
    refused(tmp_path, 'no such file')


@pytest.mark.parametrize('field', ['format', 'version', 'model', 'state_dict', 'mask', 'meta'])
@pytest.mark.parametrize('value', ['missing', None, 3.5])
def test_a_field_that_is_missing_or_of_another_kind_is_refused(content, tmp_path, field, value):
    content[field] = value
    if value == 'missing':
        del content[field]
    refused(save(content, tmp_path), field)


@pytest.mark.parametrize('change', [dict(version=99), dict(format='other')])
def test_a_file_of_another_format_is_refused(content, tmp_path, change):
    refused(save(dict(content, **change), tmp_path), 'update mmst')


@pytest.mark.parametrize('bad', [float('nan'), float('inf'), float('-inf')])
def test_weights_that_are_not_finite_are_refused(content, tmp_path, bad):
    content['state_dict']['classifier.bias'][0] = bad
    refused(save(content, tmp_path), 'classifier.bias')


@pytest.mark.parametrize('bad', [None, 'x', [1.]])
def test_weights_that_are_no_tensors_are_refused(content, tmp_path, bad):
    content['state_dict']['classifier.bias'] = bad
    refused(save(content, tmp_path), 'classifier.bias')


NAME = 'backbone.stem.0.conv.weight'


@pytest.mark.parametrize('bad', [torch.ones(4, 3, 3), torch.ones(4, 3, 3, 3), None, 'x'],
                         ids=['shape', 'numbers', 'none', 'text'])
def test_a_mask_that_does_not_fit_is_refused(content, tmp_path, bad):
    content['mask'][NAME] = bad.bool() if torch.is_tensor(bad) and bad.dim() == 3 else bad
    refused(save(content, tmp_path), NAME)


def test_a_mask_of_a_weight_that_is_not_there_is_refused(content, tmp_path):
    content['mask']['backbone.nothing.weight'] = torch.ones(2, dtype=torch.bool)
    refused(save(content, tmp_path), 'backbone.nothing.weight')


def test_weights_where_the_mask_has_none_are_refused(content, tmp_path):
    content['mask'][NAME] = torch.zeros_like(content['mask'][NAME])
    content['state_dict'][NAME][0, 0, 0, 0] = 1e-30
    refused(save(content, tmp_path), NAME)


@pytest.mark.parametrize('change', ['widths', 'missing weight', 'more weights', 'shape', 'type'])
def test_architecture_and_weights_that_do_not_fit_are_refused_when_it_is_built(content, tmp_path,
                                                                              change):
    state = content['state_dict']
    if change == 'widths':
        block = next(iter(content['model']['backbone']['widths'].values()))
        block['channels'][3] = 99
    elif change == 'missing weight':
        del state['classifier.bias']
    elif change == 'more weights':
        state['classifier.more'] = torch.ones(1)
    elif change == 'shape':
        state['classifier.bias'] = torch.ones(7)
    else:
        content['model']['backbone']['type'] = 'mmst.Nothing'
    path = save(content, tmp_path)
    refused(path, 'do not belong together')
    content['digest'] = digest({key: content[key] for key in ('model', 'state_dict', 'mask', 'meta')})
    ticket = Ticket.load(save(content, tmp_path))
    with pytest.raises(TicketError, match='Remedy') as caught:
        ticket.build()
    assert '\n' not in str(caught.value)


def test_a_part_that_the_model_lacks_is_refused(trained):
    with pytest.raises(TicketError, match='head.*Remedy'):
        Ticket.load(trained[1]).build('head')


class Payload:
    """What a malicious file would run."""

    def __reduce__(self):
        return os.mkdir, (os.environ['MMST_TEST_PAYLOAD'], )


@pytest.mark.parametrize('where', ['file', 'meta', 'weights', 'plain pickle'])
def test_code_in_a_file_does_not_run(content, tmp_path, monkeypatch, where):
    made = tmp_path / 'made'
    monkeypatch.setenv('MMST_TEST_PAYLOAD', str(made))
    path = tmp_path / 'bad.pth'
    if where == 'plain pickle':
        path.write_bytes(pickle.dumps(Payload()))
    else:
        content['meta' if where == 'meta' else 'state_dict']['x'] = Payload()
        torch.save(Payload() if where == 'file' else content, path)
    refused(path)
    assert not made.exists()
    if where == 'plain pickle':
        pickle.loads(path.read_bytes())
        assert made.exists()  # The payload would have run.


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
                self.file = open(path, mode)

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
