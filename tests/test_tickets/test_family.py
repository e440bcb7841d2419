"""Nested masks in one file: what it holds, how large it is, what is refused."""
import pytest
import torch

from mmst.errors import TicketError
from mmst.tickets import Ticket
from mmst.tickets.content import FAMILY, FAMILY_VERSION, VERSION, encode, seal
from mmst.tickets.family import Family

LEVELS = (0.25, 0.5, 0.75)


def network():
    return torch.nn.Sequential(torch.nn.Conv2d(3, 5, 3), torch.nn.BatchNorm2d(5),
                               torch.nn.Linear(7, 3))


def levels_of(weight):
    """For each weight the number of levels that keep it: a quarter of them each."""
    order = torch.randperm(weight.numel())
    return (order * 4 // weight.numel()).to(torch.uint8).view(weight.shape)


@pytest.fixture
def ticket():
    torch.manual_seed(0)
    state = network().state_dict()
    counts = {name: levels_of(state[name]) for name in ('0.weight', '2.weight')}
    statistics = [{'1.running_var': torch.full((5, ), 1. + i)} for i in range(3)]
    family = Family(LEVELS, counts, statistics)
    mask = family.mask(0)
    for name, kept in mask.items():
        state[name].masked_fill_(~kept, 0)
    return Ticket(dict(type='Network'), state, mask, dict(sparsity=mask.sparsity), family)


@pytest.mark.parametrize('suffix', ['pth', 'safetensors'])
def test_file_gives_all_levels_back(ticket, tmp_path, suffix):
    path = tmp_path / f'family.{suffix}'
    ticket.save(path)
    again = Ticket.load(path)
    for place, level in enumerate(LEVELS):
        own = again.at(level)
        assert torch.equal(own.state_dict['1.running_var'], torch.full((5, ), 1. + place))
        for name, count in ticket.family.kept_by.items():
            kept = count > place
            assert torch.equal(own.mask[name], kept)
            assert torch.equal(own.state_dict[name], ticket.state_dict[name] * kept)
        own.save(tmp_path / 'level.pth')
        assert Ticket.load(tmp_path / 'level.pth').family is None


def test_ticket_without_levels_has_the_format_of_before(ticket, tmp_path):
    for name, given, version in (('family', ticket, FAMILY_VERSION),
                                 ('level', ticket.at(0.5), VERSION)):
        given.save(tmp_path / f'{name}.pth')
        content = torch.load(tmp_path / f'{name}.pth', weights_only=True)
        assert content['version'] == version and (FAMILY in content) == (name == 'family')


def test_file_is_little_larger_than_that_of_one_level():
    state = torch.nn.Sequential(*(torch.nn.Conv2d(64, 64, 3) for _ in range(4))).state_dict()
    counts = {name: levels_of(value)
              for name, value in state.items() if value.dim() > 1}
    family = Family(LEVELS, counts, [{}, {}, {}])
    mask = family.mask(0)
    ticket = Ticket({}, {name: value * mask[name] if name in mask else value
                         for name, value in state.items()}, mask, {}, family)
    assert size(ticket) <= 1.2 * size(ticket.at(0.75))


def size(ticket):
    family = ticket.family and ticket.family.to_content()
    return len(encode(ticket.model, ticket.state_dict, ticket.mask, ticket.meta, '', family))


@pytest.mark.parametrize('level', [0.6, True, 'a', None, float('nan')])
def test_level_that_is_not_there_is_refused_with_those_that_are(ticket, level):
    with pytest.raises(TicketError, match=r'0\.25, 0\.5, 0\.75'):
        ticket.at(level)


def test_ticket_of_one_level_has_no_others(ticket):
    with pytest.raises(TicketError, match='one level'):
        ticket.at(0.5).at(0.5)


def set_levels(value):
    return lambda content: content[FAMILY].update(levels=value)


def set_count(name, value):
    return lambda content: content[FAMILY]['kept_by'].update({name: value})


def set_statistics(value):
    return lambda content: content[FAMILY].update(statistics=value)


ATTACKS = {
    'no mapping': lambda content: content.update({FAMILY: [1]}),
    'nothing': lambda content: content.update({FAMILY: None}),
    'descending': set_levels([0.5, 0.25, 0.75]), 'twice': set_levels([0.5, 0.5, 0.75]),
    'above 1': set_levels([0.5, 0.75, 1.5]), 'text': set_levels(['a', 'b', 'c']),
    'true': set_levels([0.1, 0.5, True]), 'no level': set_levels([]),
    'too many': set_levels([i / 100 for i in range(1, 40)]),
    'fewer than counted': set_levels([0.25, 0.5]),
    'short': set_count('0.weight', torch.zeros(3, dtype=torch.uint8)),
    'of another type': set_count('0.weight', torch.zeros(68, dtype=torch.int64)),
    'no tensor': set_count('0.weight', 'a'),
    'of no weight': set_count('no.weight', torch.zeros(3, dtype=torch.uint8)),
    'not of the mask': set_count('0.bias', torch.zeros(3, dtype=torch.uint8)),
    'against the mask': set_count('0.weight', torch.zeros(68, dtype=torch.uint8)),
    'above the levels': set_count('0.weight', torch.full((68, ), 255, dtype=torch.uint8)),
    'missing': lambda content: content[FAMILY]['kept_by'].pop('0.weight'),
    'sparse': set_count('0.weight', torch.zeros(68, dtype=torch.uint8).to_sparse()),
    'statistics of fewer': set_statistics([{}]), 'statistics of text': set_statistics(['a'] * 3),
    'statistics of a weight': set_statistics([{'0.weight': torch.zeros(5, 3, 3, 3)}] * 3),
    'statistics of nothing': set_statistics([{'x': torch.zeros(1)}] * 3),
    'statistics of another shape': set_statistics([{'1.running_var': torch.zeros(4)}] * 3),
    'statistics without numbers': set_statistics([{'1.running_var': torch.full(
        (5, ), float('nan'))}] * 3),
    'a negative variance': set_statistics([{'1.running_var': -torch.ones(5)}] * 3),
    'a parameter': set_statistics([{'1.weight': torch.zeros(5)}] * 3),
    'all but the same': set_levels([0.5, 0.5 + 1e-12, 0.75]),
    'infinite': set_statistics([{'1.running_var': torch.full((5, ), float('inf'))}] * 3),
}


@pytest.mark.parametrize('attack', ATTACKS)
def test_hostile_family_is_refused_in_one_line(ticket, tmp_path, attack):
    """Sealed again by who changed it."""
    path = tmp_path / 'family.pth'
    ticket.save(path)
    content = torch.load(path, weights_only=True)
    ATTACKS[attack](content)
    content['digest'] = seal(content['version'], content)
    torch.save(content, path)
    with pytest.raises(TicketError) as error:
        Ticket.load(path)
    assert '\n' not in str(error.value) and 'Remedy' in str(error.value)


def test_levels_are_names_and_masks_say_what_they_prune(ticket, tmp_path):
    """A search that cuts units after the last prune moves what levels prune."""
    family = Family((0.1, 0.5, 0.9), ticket.family.kept_by, ticket.family.statistics)
    Ticket(ticket.model, ticket.state_dict, ticket.mask, ticket.meta, family).save(
        tmp_path / 'family.pth')
    again = Ticket.load(tmp_path / 'family.pth')
    assert [again.at(level).meta['sparsity'] for level in (0.1, 0.5, 0.9)] == pytest.approx(
        LEVELS, abs=0.02)


def test_changed_family_is_noticed(ticket, tmp_path):
    ticket.save(tmp_path / 'family.pth')
    content = torch.load(tmp_path / 'family.pth', weights_only=True)
    content[FAMILY]['statistics'][1]['1.running_var'][0] = 7
    torch.save(content, tmp_path / 'family.pth')
    with pytest.raises(TicketError, match='was changed'):
        Ticket.load(tmp_path / 'family.pth')


def test_family_without_its_version_is_no_ticket_of_before(ticket, tmp_path):
    """A file of an ordinary ticket with a later version is one of a later mmst."""
    ticket.at(0.5).save(tmp_path / 'level.pth')
    content = torch.load(tmp_path / 'level.pth', weights_only=True)
    content['version'] = FAMILY_VERSION
    content['digest'] = seal(FAMILY_VERSION, content)
    torch.save(content, tmp_path / 'level.pth')
    with pytest.raises(TicketError, match='update mmst'):
        Ticket.load(tmp_path / 'level.pth')
