"""The sparse file: the same ticket bit by bit, small, and read without trust."""
import os
import zlib

import pytest
import torch
from deploy_tickets import small_ticket

from mmst.deploy.compact import compact
from mmst.deploy.export import load_sparse, save_sparse
from mmst.deploy.export.index import pack_index
from mmst.deploy.export.int8 import in_int8
from mmst.deploy.export.sparse_file import _digest, with_index
from mmst.deploy.open import open_ticket
from mmst.engine.run import start_file
from mmst.errors import TicketError
from mmst.pruning.mask import Mask
from mmst.tickets import Ticket
from mmst.tickets.digest import digest


@pytest.fixture(scope='module')
def ticket():
    return small_ticket(sparsity=0.9)


@pytest.fixture
def path(tmp_path, ticket):
    save_sparse(ticket, tmp_path / 'small.sparse')
    return tmp_path / 'small.sparse'


def content_of(ticket):
    return digest(dict(model=ticket.model, state_dict=dict(ticket.state_dict),
                       mask=dict(ticket.mask), meta=ticket.meta))


def test_a_ticket_comes_back_bit_by_bit(tmp_path, ticket, path):
    again = load_sparse(path)
    ticket.save(tmp_path / 'a.pth')
    again.save(tmp_path / 'b.pth')
    a, b = Ticket.load(tmp_path / 'a.pth'), Ticket.load(tmp_path / 'b.pth')
    assert content_of(a) == content_of(b) == content_of(again)


def test_where_a_run_starts_it_is_refused_with_the_way_back(path):
    for read in (Ticket.load, start_file.read):
        with pytest.raises(TicketError, match=r'is a sparse file.*: mmst export .* --format pth'):
            read(str(path))


def test_what_is_kept_and_yet_0_or_negative_0_comes_back(tmp_path, ticket):
    state = {name: t.clone() for name, t in ticket.state_dict.items()}
    name = 'neck.block.mixconv.expand.weight'
    place = ticket.mask[name].nonzero()
    state[name][tuple(place[0])] = 0.
    state[name][tuple(place[1])] = -0.
    bias = next(key for key, t in state.items() if key.endswith('queries'))
    state[bias][:2] = -0.
    odd = Ticket(ticket.model, state, ticket.mask, ticket.meta)
    save_sparse(odd, tmp_path / 'odd.sparse')
    assert content_of(load_sparse(tmp_path / 'odd.sparse')) == content_of(odd)


def test_half_precision_and_double_precision_come_back(tmp_path, ticket):
    for dtype in (torch.bfloat16, torch.float64):
        state = {n: t.to(dtype) if t.is_floating_point() else t
                 for n, t in ticket.state_dict.items()}
        other = Ticket(ticket.model, state, ticket.mask, ticket.meta)
        save_sparse(other, tmp_path / 'x.sparse')
        assert content_of(load_sparse(tmp_path / 'x.sparse')) == content_of(other)


def test_compact_tickets_and_those_without_a_mask_come_back(tmp_path, ticket):
    for other in (compact(ticket), Ticket(ticket.model, ticket.state_dict, Mask({}), {})):
        save_sparse(other, tmp_path / 'x.sparse')
        assert content_of(load_sparse(tmp_path / 'x.sparse')) == content_of(other)


def test_a_ticket_at_ninety_percent_takes_a_quarter_of_the_dense_file_at_most(tmp_path):
    """Of the demo's widths, against a file of the same weights without mask or settings."""
    widths = ((8, ), (6, 12), (6, 12, 24), (6, 12, 24, 48), (6, 12, 24, 48))
    depths = ((1, ), (2, 2), (2, 2, 3), (2, 2, 3, 4), (2, 2, 3, 4))
    ticket = demo_ticket(widths, depths)
    found = save_sparse(ticket, tmp_path / 'x.sparse')
    torch.save(dict(state_dict=dict(ticket.state_dict)), tmp_path / 'dense.pth')
    sizes = [os.path.getsize(tmp_path / name) for name in ('x.sparse', 'dense.pth')]
    assert found['bytes'] == sizes[0] <= 0.25 * sizes[1]
    assert found['kept'] / found['weights'] == pytest.approx(0.1, abs=5e-3)
    assert found['position_bits'] < 0.7


def demo_ticket(widths, depths):
    """A whole supernet of the demo's widths under a mask, without building a toolbox's model."""
    from mmst.models import HRNASSupernet
    from mmst.pruning.draw import draw_mask
    backbone = HRNASSupernet(stem_channels=(8, 8), channels=widths, depths=depths, tokens=16)
    weights = {n: p for n, p in backbone.named_parameters() if p.dim() > 1 and 'queries' not in n}
    for weight in weights.values():
        torch.nn.init.normal_(weight)
    mask = draw_mask({n: w.detach().abs() for n, w in weights.items()}, 0.9)
    return Ticket.from_model(backbone, dict(type='HRNASSupernet'), mask, {})


def test_weights_of_eight_bits_come_back_as_they_were_rounded(tmp_path, ticket, path):
    for number, exact in enumerate((ticket, compact(ticket), Ticket(
            ticket.model, ticket.state_dict, Mask({}), {}))):
        file = tmp_path / f'{number}.sparse'
        save_sparse(exact, file, int8=True)
        again = load_sparse(file)
        assert content_of(again) == content_of(in_int8(exact)) != content_of(exact)
        assert all(torch.equal(again.mask[name], kept) for name, kept in exact.mask.items())
    assert (tmp_path / '0.sparse').stat().st_size < 0.6 * path.stat().st_size


def test_weights_of_eight_bits_are_near_the_ones_that_they_replace(ticket):
    small, rounded = in_int8(ticket).state_dict, 0
    for name, exact in ticket.state_dict.items():
        if exact.dim() > 1 and name.endswith('weight') and exact.numel() >= 64:
            most = exact.flatten(1).abs().amax(1)[:, None]
            assert ((small[name] - exact).flatten(1).abs() <= most * 0.51 / 126).all()
            values = [row.unique().numel() for row in small[name].flatten(1)]
            assert max(values) <= 255
            rounded += not torch.equal(small[name], exact)
        elif exact.dim() == 1 and exact.is_floating_point():
            assert torch.equal(small[name], exact.half().float())
        else:
            assert torch.equal(small[name], exact)
    assert rounded > 20


def test_weights_that_layers_share_are_stored_once_in_eight_bits_too(tmp_path, ticket):
    state = dict(ticket.state_dict)
    name = 'neck.block.mixconv.expand.weight'
    state['other.weight'] = state[name]
    mask = Mask({key: kept for key, kept in ticket.mask.items() if key != name})
    other = Ticket(ticket.model, state, mask, ticket.meta)
    save_sparse(other, tmp_path / 'x.sparse', int8=True)
    again = load_sparse(tmp_path / 'x.sparse').state_dict
    assert again['other.weight'] is again[name]
    assert torch.equal(again[name], in_int8(ticket).state_dict[name])


def test_types_that_are_rounded_no_further_come_back(tmp_path, ticket):
    """Also numbers that have no room in a scale."""
    state = {n: t.bfloat16() if t.is_floating_point() else t for n, t in ticket.state_dict.items()}
    state['huge.weight'] = torch.full((8, 16), 3.4e38)
    state['huge.bias'] = torch.full((8, ), 3.4e38)
    other = Ticket(ticket.model, state, ticket.mask, ticket.meta)
    save_sparse(other, tmp_path / 'x.sparse', int8=True)
    assert content_of(load_sparse(tmp_path / 'x.sparse')) == content_of(other)


def test_files_in_single_precision_are_those_of_version_3(path):
    assert torch.load(path, weights_only=True)['version'] == 3


@pytest.mark.parametrize('damage', [
    lambda c: c['values'].update(bfloat16=c['values']['bfloat16'][:-1]),
    lambda c: c['values'].pop('bfloat16'),
    lambda c: c['values'].update(int8=c['values']['int8'][:-1]),
    lambda c: [layer.pop('of', None) for layer in c['layers']],
    lambda c: [layer.update(of='float64') for layer in c['layers']],
    lambda c: [layer.update(of=['float32']) for layer in c['layers']],
    lambda c: [layer.update(of='float32') for layer in c['layers']],
    lambda c: [layer.update(shape=[0, 9]) for layer in c['layers'] if layer['dtype'] == 'int8'],
    lambda c: [layer.update(shape=[]) for layer in c['layers'] if layer['dtype'] == 'int8'],
    lambda c: [layer.update(shape=[2**20, 2**20]) for layer in c['layers']],
    lambda c: c['values']['bfloat16'].fill_(float('nan')),
    lambda c: c['values']['int8'].neg_()])
def test_files_of_eight_bits_that_were_changed_are_refused(tmp_path, ticket, damage):
    path = tmp_path / 'x.sparse'
    save_sparse(ticket, path, int8=True)
    content = dict(with_index(torch.load(path, weights_only=True)))
    damage(content)
    content['index'] = pack_index(content.pop('layers'), content.pop('masked'))
    torch.save(content, path)
    with pytest.raises(TicketError, match='Remedy: '):
        load_sparse(path)


def test_the_tools_open_it_like_a_ticket(path, ticket):
    assert content_of(open_ticket(str(path))) == content_of(ticket)


def test_a_missing_file_and_other_files_are_refused(tmp_path, ticket):
    with pytest.raises(TicketError, match='no such file'):
        load_sparse(tmp_path / 'none.sparse')
    ticket.save(tmp_path / 'ticket.pth')
    with pytest.raises(TicketError, match=r'is no sparse file .*Remedy: '):
        load_sparse(tmp_path / 'ticket.pth')


@pytest.mark.parametrize('damage', [
    lambda c: c.update(values={k: v[:-1] for k, v in c['values'].items()}),
    lambda c: c['values']['float32'].add_(1e-3),
    lambda c: c['positions'].add_(1),
    lambda c: c.update(layers=c['layers'][:-1]),
    lambda c: c['layers'][5].update(shape=[10**9, 10**9]),
    lambda c: c['layers'][0].update(name='else'),
    lambda c: c.update(masked=['nothing']),
    lambda c: c['meta'].update(sparsity=0.1),
    lambda c: c.update(digest='0' * 64)])
def test_files_that_were_changed_are_refused(path, damage):
    content = dict(with_index(torch.load(path, weights_only=True)))
    damage(content)
    content['index'] = pack_index(content.pop('layers'), content.pop('masked'))
    torch.save(content, path)
    with pytest.raises(TicketError, match='Remedy: '):
        load_sparse(path)


def test_versions_to_come_are_refused(path):
    content = torch.load(path, weights_only=True)
    torch.save(dict(content, version=99), path)
    with pytest.raises(TicketError, match=r'version 99. Remedy: update mmst'):
        load_sparse(path)


def test_truncated_files_are_refused(path):
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(TicketError, match='truncated'):
        load_sparse(path)


def packed(data):
    return torch.frombuffer(bytearray(data), dtype=torch.uint8)


@pytest.mark.parametrize('index', [
    packed(b'no text'), packed(zlib.compress(b'{')), packed(zlib.compress(b'[]')),
    packed(zlib.compress(b'{"layers": 1, "masked": []}')), packed(zlib.compress(b'{}')),
    packed(zlib.compress(bytes(1 << 25))), packed(zlib.compress(b'[' * 10**6)),
    torch.zeros(3), torch.zeros(2, 2, dtype=torch.uint8)])
def test_an_index_that_is_none_or_unpacks_to_more_than_the_file_is_refused(path, index):
    content = torch.load(path, weights_only=True)
    torch.save(dict(content, index=index), path)
    with pytest.raises(TicketError, match='Remedy: '):
        load_sparse(path)


def test_the_description_of_layers_takes_a_small_part_of_the_file(path):
    content = torch.load(path, weights_only=True)
    described = with_index(content)
    text = len(repr(described['layers'])) + len(repr(described['masked']))
    assert content['index'].numel() < text / 8


def test_files_of_version_2_open(path, ticket):
    content = dict(with_index(torch.load(path, weights_only=True)), version=2)
    del content['index']
    content['digest'] = _digest(ticket, 2)
    torch.save(content, path)
    assert content_of(load_sparse(path)) == content_of(ticket)
