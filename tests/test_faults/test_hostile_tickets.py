"""Tickets whose config asks for imports, files or memory, and tickets that were relabelled."""
import copy
import pickle
import subprocess
import sys
import zlib
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from damage import MODEL, content_of, small_ticket
from limited import MB, limited
from mmengine.runner import load_checkpoint

from mmst.deploy.export import load_sparse, save_sparse
from mmst.deploy.export.sparse_file import with_index
from mmst.deploy.ticket_cost import ticket_costs
from mmst.errors import TicketError
from mmst.openmmlab.safe_checkpoints import load_from_local, safe_load
from mmst.pruning.draw import draw_mask
from mmst.tickets import Ticket
from mmst.tickets.build import build_network
from mmst.tickets.digest import DIGESTS, digest, part_digests
from mmst.tickets.reinitialize import reinitialize


def ticket_with(model=None, **meta):
    """A whole ticket, sealed, whose config was changed."""
    ticket = small_ticket()
    changed = copy.deepcopy(MODEL)
    changed.update(model or {})
    return Ticket(changed, ticket.state_dict, ticket.mask, dict(ticket.meta, **meta))


@pytest.fixture
def evil(tmp_path, monkeypatch):
    """A package on the path whose import leaves a trace, and a pickle that does when it is read."""
    for name in ('registry', '__init__'):
        path = tmp_path / 'evil_scope' / f'{name}.py'
        path.parent.mkdir(exist_ok=True)
        path.write_text(f'open({str(tmp_path / "made")!r}, "w")')
    (tmp_path / 'config.py').write_text(f'open({str(tmp_path / "made")!r}, "w")')
    (tmp_path / 'weights.pkl').write_bytes(pickle.dumps(Payload(tmp_path / 'made')))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    assert not (tmp_path / 'made').exists()
    sys.modules.pop('evil_scope', None)


class Payload:

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), 'w')


LOSS = dict(type='mmseg.CrossEntropyLoss', class_weight='weights.pkl')
NAMED = dict(
    scope=dict(_scope_='evil_scope'), type=dict(type='evil_scope.Net'),
    inner_scope=dict(neck=dict(MODEL['neck'], _scope_='evil_scope')),
    inner_type=dict(neck=dict(MODEL['neck'], type='evil_scope.Neck')),
    listed=dict(neck=dict(MODEL['neck'], init_cfg=[dict(type='evil_scope.Init')])),
    dotted=dict(type='evil_scope.registry.Net'), pickle=dict(backbone=LOSS),
    code=dict(backbone=dict(type='mmpretrain.ResNet', depth=18, trust_remote_code=True)),
    config=dict(backbone=dict(
        type='mmdet.KnowledgeDistillationSingleStageDetector', teacher_config='config.py',
        backbone=dict(type='mmdet.ResNet', depth=18), neck=dict(type='mmdet.FPN', in_channels=[3],
                                                               out_channels=3, num_outs=1),
        bbox_head=dict(type='mmdet.LDHead', num_classes=1, in_channels=3))))


PROGRAM = '__import__("pathlib").Path("evaluated").touch()'


@pytest.mark.parametrize('model', [
    dict(type='mmdet.AnchorHead', num_classes=1, in_channels=1, bbox_coder=dict(
        type='mmdet.CameraMotionCompensation', warp_mode=PROGRAM)),
    dict(MODEL, test_cfg=dict(nms=dict(type=PROGRAM)))], ids=['built', 'predicting'])
def test_nothing_that_a_ticket_says_is_evaluated(evil, model):
    ticket = small_ticket()
    Ticket(model, ticket.state_dict, ticket.mask, dict(ticket.meta, default_scope='mmdet')).save(
        evil / 'ticket.pth')
    with pytest.raises(TicketError, match=r'ticket.pth: .*cannot be built.*Remedy: '):
        Ticket.load(evil / 'ticket.pth').build()
    assert not (evil / 'evaluated').exists()


@pytest.mark.parametrize('name', NAMED)
def test_nothing_that_a_ticket_names_is_imported_or_read(evil, name):
    ticket_with(NAMED[name]).save(evil / 'ticket.pth')
    ticket = Ticket.load(evil / 'ticket.pth')
    for use in (ticket.build, lambda: ticket_costs(ticket,
                                                   (32, 32)), lambda: reinitialize(ticket, 1)):
        with pytest.raises(TicketError, match=r'cannot be built.*Remedy: '):
            use()
    assert 'evil_scope' not in sys.modules


def test_the_default_scope_of_a_ticket_is_not_imported(evil):
    ticket_with(default_scope='evil_scope').save(evil / 'ticket.pth')
    with pytest.raises(TicketError, match="'evil_scope' is no toolbox"):
        Ticket.load(evil / 'ticket.pth').build()
    assert 'evil_scope' not in sys.modules


def test_scopes_that_the_user_has_imported_are_known(evil):
    from mmengine.registry import MODELS, Registry
    Registry('model', parent=MODELS, scope='evil_scope')
    try:
        assert ticket_with(default_scope='evil_scope').build()
    finally:
        del MODELS._children['evil_scope']
    assert 'evil_scope.registry' not in sys.modules


@pytest.mark.parametrize('settings', [
    dict(init_cfg=dict(type='Pretrained', checkpoint='http://127.0.0.1:9/x.pth')),
    dict(init_cfg=[dict(type='Pretrained', checkpoint='no_such_file.pth')])])
def test_pretrained_weights_are_not_fetched_for_a_ticket(tmp_path, settings):
    """Its own weights replace them; new ones are drawn at random."""
    assert ticket_with(dict(backbone=dict(MODEL['backbone'], **settings))).build()
    backbone = dict(type='mmpretrain.ResNet', depth=18, base_channels=4, **settings)
    build_network(backbone, 'mmpretrain', {'w': torch.ones(10**6)}).init_weights()


@pytest.mark.by_turns(3)
def test_importing_a_ticket_of_a_toolbox_leaves_the_doors_open():
    """Toolboxes are first imported while a network is built: they keep nothing that is closed."""
    code = (
        'import mmst, torch\n'
        'from mmengine.config import Config\n'
        'from mmst.tickets.build import build_network\n'
        'build_network(dict(type="mmseg.ResNet", depth=18), "mmseg", {"w": torch.ones(10**7)})\n'
        'Config.fromstring("a = 1", ".py")\n'
        'from mmengine.registry import MODELS\n'
        'assert MODELS.get("torch.nn.Linear") is torch.nn.Linear\n')
    subprocess.run([sys.executable, '-W', 'ignore', '-c', code], check=True, timeout=300)


# --------------------------------------------------------------------------------------- memory


HUGE = dict(
    wide=dict(neck=dict(MODEL['neck'], out_channels=10**6)),
    deep=dict(backbone=dict(MODEL['backbone'], depths=((10**6, ), ))),
    linear=dict(backbone=dict(type='mmpretrain.LinearClsHead', num_classes=10**6,
                              in_channels=10**5)),
    constants=dict(backbone=dict(type='mmpretrain.VisionTransformer', img_size=10**5)),
    drawn=dict(backbone=dict(type='mmpretrain.MixFormer', arch='x' * 10)))


def refuses_to_build(path):
    with pytest.raises(TicketError, match=r'cannot be built.*Remedy: '):
        Ticket.load(path).build()


@pytest.mark.parametrize('name', HUGE)
def test_networks_far_larger_than_the_weights_are_not_built(tmp_path, name):
    ticket_with(HUGE[name]).save(tmp_path / 'ticket.pth')
    import mmpretrain.models  # noqa: F401  its import is not what is measured
    limited(refuses_to_build, tmp_path / 'ticket.pth', memory=512 * MB, seconds=60)


def refuses(load, path):
    with pytest.raises(TicketError, match='Remedy: ') as error:
        load(path)
    assert '\n' not in str(error.value)


def test_a_small_ticket_with_one_tensor_of_a_gigabyte_is_refused_from_its_shape(tmp_path):
    content = content_of(small_ticket())
    content['state_dict']['more'] = torch.ones(1).expand(3 * 10**8)
    torch.save(dict(content, format='mmst.ticket', version=2, digest='0' * 64),
               tmp_path / 'ticket.pth')
    limited(refuses, Ticket.load, tmp_path / 'ticket.pth')


def test_sparse_tensors_are_never_made_dense(tmp_path):
    sparse = torch.sparse_coo_tensor(torch.tensor([[0], [1]]), torch.ones(1), (2**20, 2**20))
    content = content_of(small_ticket())
    content['state_dict']['more'] = sparse
    torch.save(dict(content, format='mmst.ticket', version=2, digest='0' * 64), tmp_path / 't.pth')
    limited(refuses, Ticket.load, tmp_path / 't.pth')
    checkpoint = dict(state_dict=dict(w=sparse), meta={})
    torch.save(dict(checkpoint, **{DIGESTS: part_digests(checkpoint)}), tmp_path / 'c.pth')
    assert limited(lambda path: list(load_from_local(path)), str(tmp_path / 'c.pth'))


# ----------------------------------------------------------------------------- masks of a pattern


def two_of_four_content(path):
    """Content of a ticket file in which 2 of every 4 weights in a row stay, and a weight's name."""
    ticket = small_ticket()
    scores = {name: ticket.state_dict[name].abs() for name in ticket.mask}
    ticket.with_mask(draw_mask(scores, 0.5, '2:4')).save(path)
    content = safe_load(str(path))
    return content, max(content['mask'], key=lambda name: content['mask'][name].numel())


@pytest.mark.parametrize('attack', [
    lambda kept: kept[:, :1], lambda kept: kept[..., None], lambda kept: kept.flatten(1).T,
    lambda kept: kept.repeat(2, *[1] * (kept.dim() - 1)), lambda kept: ~kept,
    lambda kept: kept.roll(1, -1), lambda kept: kept.float(), lambda kept: kept.to(torch.uint8),
    lambda kept: kept.to_sparse(), lambda kept: kept.tolist(), lambda kept: None,
    lambda kept: torch.ones(1, dtype=torch.bool).expand(3 * 10**8),
    lambda kept: torch.zeros(0, dtype=torch.bool), lambda kept: '2:4'])
def test_an_attacked_mask_of_a_pattern_is_refused(tmp_path, attack):
    path = tmp_path / 'ticket.pth'
    content, name = two_of_four_content(path)
    Ticket.load(path)
    content['mask'][name] = attack(content['mask'][name])
    with suppress(Exception):  # as an attacker would, who can seal files, too
        content['digest'] = digest(content)
    torch.save(content, path)
    with pytest.raises(TicketError, match='Remedy: ') as refused:
        Ticket.load(path)
    assert '\n' not in str(refused.value)


# ---------------------------------------------------------------------------------- sparse files


@pytest.fixture
def sparse(tmp_path):
    save_sparse(small_ticket(), tmp_path / 'x.sparse')
    content = with_index(torch.load(tmp_path / 'x.sparse', weights_only=True))
    return tmp_path / 'x.sparse', dict(content, version=2)  # whose layers are not packed


def zeros(count):
    """zlib's pack of so many bytes of zeros."""
    packer = zlib.compressobj(9)
    blocks = [packer.compress(bytes(MB)) for _ in range(count // MB)]
    return b''.join([*blocks, packer.flush()])


@pytest.mark.by_turns(5)
@pytest.mark.parametrize('claim', [
    dict(shape=[2**16, 2**16], coding='bits+zlib'), dict(shape=[2**62], coding='gaps'),
    dict(shape=[10**9, 10**9, 10**9], coding='bits'), dict(shape=[2**20, 50], coding='bits+zlib'),
    dict(shape=[-1], coding='bits'), dict(shape=[10, 10], coding='gaps+zlib')])
def test_what_a_sparse_file_claims_is_compared_with_what_it_holds(sparse, claim):
    path, content = sparse
    layer = next(layer for layer in content['layers'] if 'coding' in layer)
    data = zeros(256 * MB)
    content['positions'] = torch.frombuffer(bytearray(data), dtype=torch.uint8)
    layer.update(claim, bytes=len(data))
    content['layers'] = [layer]
    torch.save(content, path)
    limited(refuses, load_sparse, path, seconds=10)


def test_what_a_sparse_file_claims_is_compared_with_its_architecture(sparse):
    path, content = sparse
    layer = next(layer for layer in content['layers'] if 'coding' in layer)
    layer.update(shape=[350_000], coding='bits+zlib')
    torch.save(content, path)
    with pytest.raises(TicketError, match='which its architecture does not have'):
        load_sparse(path)


# ---------------------------------------------------------------------------------------- labels


def test_a_ticket_without_its_digest_is_refused_whatever_its_label(tmp_path):
    small_ticket().save(tmp_path / 'ticket.pth')
    content = safe_load(str(tmp_path / 'ticket.pth'))
    for version in (1, 0, -1, True, 2, 3, 99):
        torch.save({k: v for k, v in dict(content, version=version).items() if k != 'digest'},
                   tmp_path / 'other.pth')
        with pytest.raises(TicketError, match='Remedy: '):
            Ticket.load(tmp_path / 'other.pth')
    for version in (1, 2):
        torch.save(dict(content, version=version), tmp_path / 'other.pth')
        with pytest.raises(TicketError, match=r'format 1|was changed'):
            Ticket.load(tmp_path / 'other.pth')


@pytest.mark.by_turns(3)
def test_a_ticket_of_format_1_is_sealed_by_a_command(tmp_path):
    small_ticket().save(tmp_path / 'ticket.pth')
    content = safe_load(str(tmp_path / 'ticket.pth'))
    del content['digest']
    torch.save(dict(content, version=1), tmp_path / 'old.pth')
    tool = Path(__file__).parents[2] / 'tools' / 'seal.py'
    subprocess.run([sys.executable, str(tool), str(tmp_path / 'old.pth'), '-o',
                    str(tmp_path / 'new.pth')], check=True, timeout=300)
    again = Ticket.load(tmp_path / 'new.pth')
    assert digest(content_of(again)) == digest(content_of(small_ticket()))


@pytest.mark.parametrize('change', [
    lambda c: c['state_dict']['w'].add_(1), lambda c: c.update(ema_state_dict={}),
    lambda c: c.update(mmst_mask=dict(kept={})), lambda c: c['meta'].update(epoch=9),
    lambda c: c.update({DIGESTS: 'none'}), lambda c: c.pop('meta')])
def test_changed_checkpoints_are_refused_wherever_they_are_loaded(tmp_path, change):
    content = dict(state_dict=dict(w=torch.ones(2, 2), b=torch.zeros(2)), meta=dict(epoch=1))
    content[DIGESTS] = part_digests(content)
    path = str(tmp_path / 'epoch_1.pth')
    torch.save(content, path)
    model = torch.nn.Linear(2, 2)
    before = copy.deepcopy(model.state_dict())
    load_from_local(path)
    change(content)
    torch.save(content, path)
    with pytest.raises(TicketError, match='was changed after it was written'):
        load_checkpoint(model, path)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_what_others_add_to_a_checkpoint_does_no_harm(tmp_path):
    content = dict(state_dict=dict(w=torch.ones(2, 2)), meta=dict(epoch=1))
    content.update({DIGESTS: part_digests(content)}, author='somebody')
    torch.save(content, tmp_path / 'x.pth')
    assert load_from_local(str(tmp_path / 'x.pth'))['author'] == 'somebody'
