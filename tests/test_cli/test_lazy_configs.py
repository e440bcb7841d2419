"""A config of mmengine's lazy style, whose ``type`` are classes, from training to deployment."""
import pytest
from lazy_street import write_lazy_config
from mmengine.registry import DefaultScope
from tiny_street import load_tool

from mmst.tickets import Ticket

pytestmark = pytest.mark.by_turns(5, together=True)


@pytest.fixture(scope='module')
def lazy(config, trained, tmp_path_factory):
    """Path of the lazy config; ``trained`` has imported and registered what it names."""
    return write_lazy_config(tmp_path_factory.mktemp('lazy') / 'lazy.py', config)


@pytest.fixture(scope='module')
def run(lazy, train, tmp_path_factory):
    """Work dir of a finished run of it."""
    work_dir = tmp_path_factory.mktemp('lazy_run')
    assert train([lazy, '--work-dir', str(work_dir)]) == 0
    return work_dir


def test_it_trains_to_the_ticket_that_names_give(run, trained):
    found, expected = Ticket.load(run / 'ticket.pth'), Ticket.load(trained / 'ticket.pth')
    assert found.model['type'] == 'mmseg.EncoderDecoder'
    assert found.model['decode_head']['loss_decode']['type'] == 'mmseg.CrossEntropyLoss'
    assert "<class" not in repr(found.model) + repr(found.meta)
    with DefaultScope.overwrite_default_scope('mmpretrain'):  # the names hold everywhere
        state = found.build().state_dict()
    assert all((state[name] == value).all() for name, value in expected.state_dict.items())


@pytest.mark.parametrize('tool, arguments', [
    ('cost', ['{ticket}']), ('cost', ['{config}']),
    ('compact', ['{ticket}', '-o', '{out}/small.pth', '--config', '{config}']),
    ('test', ['{config}', '{ticket}', '--work-dir', '{out}']),
    ('visualize', ['{config}', '{ticket}', '--indices', '0', '-o', '{out}/images.png']),
    ('report', ['{run}', '--samples', '0', '-o', '{out}/report.html'])])
def test_tools_open_config_and_ticket(lazy, run, tmp_path, tool, arguments):
    places = dict(config=lazy, ticket=run / 'ticket.pth', run=run, out=tmp_path)
    assert load_tool(tool).main([text.format(**places) for text in arguments]) == 0


def test_the_report_knows_the_supernet_of_a_config_of_classes(lazy):
    from mmengine.config import Config

    from mmst.lab.report.supernet import supernet_widths
    assert set(supernet_widths(Config.fromfile(lazy).model)) == {'backbone', 'neck'}


def test_hooks_given_as_classes_are_found_by_their_names(lazy):
    from mmengine.config import Config

    from mmst.engine.run.run_record import describe_config
    from mmst.settings.hooks import hook_settings
    cfg = Config.fromfile(lazy)
    assert hook_settings(cfg, 'PruneHook')['sparsity'] == 0.5
    assert {'search', 'prune', 'ema'} <= set(describe_config(cfg)['default_hooks'])


def test_a_class_that_no_registry_holds_is_refused_before_training(lazy, train, refused, tmp_path):
    own = tmp_path / 'own.py'
    text = open(lazy).read().replace(  # noqa: SIM115
        'from mmseg.models.decode_heads.fcn_head import FCNHead as LazyFCNHead',
        'from own_head_of_test import OwnHead as LazyFCNHead')
    (tmp_path / 'own_head_of_test.py').write_text(
        'from mmseg.models import FCNHead\nclass OwnHead(FCNHead):\n    pass\n')
    base = open(lazy.replace('.py', '_base.py')).read()  # noqa: SIM115
    (tmp_path / 'lazy_base.py').write_text(base)
    own.write_text(text)
    line = refused(config=str(own))
    assert 'model.decode_head.type' in line and 'own_head_of_test.OwnHead' in line
    assert 'register it' in line
