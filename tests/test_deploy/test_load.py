"""mmst.load: what it takes besides a name."""
import pytest
from deploy_tickets import small_ticket, with_levels

import mmst
from mmst.errors import ConfigError, TicketError


@pytest.fixture(scope='module')
def family(tmp_path_factory):
    folder = tmp_path_factory.mktemp('family')
    with_levels(small_ticket(sparsity=0.5), (0.5, 0.8, 0.9)).save(folder / 'family.pth')
    return folder / 'family.pth'


def test_a_level_of_a_family_predicts(family):
    assert mmst.load(family, engine='torch').ticket.sparsity == pytest.approx(0.5, abs=0.01)
    found = mmst.load(family, engine='torch', level=0.8).ticket
    assert found.family is None and found.sparsity == pytest.approx(0.8, abs=0.01)


def test_a_level_that_is_not_there_is_refused(family):
    with pytest.raises(TicketError, match=r'no level 0\.7\. Remedy: use one of 0\.5, 0\.8, 0\.9'):
        mmst.load(family, level=0.7)
    with pytest.raises(TicketError, match=r'has one level, and none is called 0\.9'):
        mmst.load('street-p90', level=0.9)


@pytest.mark.parametrize('name', ['street-p90', 'hf:user/name', None])
@pytest.mark.parametrize('options, words', [
    (dict(thread=3), 'thread = 3: there is no such option. Remedy: use threads.'),
    (dict(levels=0.8), 'levels = 0.8: there is no such option. Remedy: use level.')])
def test_misspelt_options_are_named(family, name, options, words):
    with pytest.raises(ConfigError) as error:
        mmst.load(name or family, **options)
    assert words in str(error.value)


@pytest.mark.parametrize('options', [dict(revision='v1'), dict(force_download=True), dict(x=1)])
@pytest.mark.parametrize('name', ['street-p90', None])
def test_options_of_the_hub_are_refused_for_what_is_here(family, name, options):
    key, = options
    with pytest.raises(ConfigError, match=f'^{key} = .* is on this machine'):
        mmst.load(name or family, **options)
