"""The snippets of docs/extend.md in a config that inherits one of this project's."""
import json
import re
import shutil

import pytest
from doc_examples import FOLDER
from doc_pages import ROOT, blocks
from mmengine.registry import METRICS, MODELS, DefaultScope
from tiny_street import CONFIG, load_tool, make_streets, write_config

from mmst.engine.run.config_file import read_config
from mmst.pruning.criteria.base import Criterion
from mmst.registry import CRITERIA
from mmst.tickets import Ticket

SNIPPETS = {re.search(r"'mmst', '(\w+)'", block.text)[1]: block.text for block in blocks('python')
            if block.page == 'docs/extend.md' and 'custom_imports' in block.text}


@pytest.fixture(scope='module')
def base(tmp_path_factory):
    """A tiny config of streets in the place of the shipped one."""
    folder = tmp_path_factory.mktemp('extend')
    return write_config(folder / 'tiny.py', make_streets(folder / 'cityscapes'))


def write(name, base, folder):
    """The snippet's config, with the example next to it."""
    shutil.copy(FOLDER / f'{name}.py', folder)
    path = folder / 'own.py'
    path.write_text(SNIPPETS[name].replace("'mmst::st_hrnas_cityscapes_p90.py'", repr(base)))
    return str(path)


def test_all_examples_have_a_snippet_that_inherits():
    programs = {'c_library'}  # that nothing inherits
    assert set(SNIPPETS) == {path.stem for path in FOLDER.glob('*.py')} - programs
    assert all("_base_ = 'mmst::" in text for text in SNIPPETS.values())


@pytest.fixture(scope='module')
def trained(base, tmp_path_factory):
    """Config and work dir of runs with a criterion, a schedule or a block of one's own."""
    found = {}
    for name in ('criterion', 'schedule', 'search_block'):
        folder = tmp_path_factory.mktemp(name)
        config = write(name, base, folder)
        assert load_tool('train').main([config, '--work-dir', str(folder / 'work')]) == 0
        found[name] = config, folder / 'work'
    return found


@pytest.mark.parametrize('name', ['criterion', 'schedule', 'search_block'])
def test_the_snippet_trains_to_a_ticket_that_names_its_module(trained, name):
    ticket = Ticket.load(trained[name][1] / 'ticket.pth')
    assert ticket.meta['imports'] == [name] and ticket.sparsity >= 0.499
    assert ticket.build() is not None


def test_the_network_of_the_block_is_the_snippets(trained):
    ticket = Ticket.load(trained['search_block'][1] / 'ticket.pth')
    assert ticket.model['backbone']['type'] == 'mmst.BottleneckNet'
    assert 'stem_channels' not in ticket.model['backbone']


@pytest.mark.by_turns(3)
def test_criterion_and_schedule_of_ones_own_in_a_config_that_inherits_a_shipped_one(tmp_path):
    for name in ('criterion', 'schedule'):
        shutil.copy(FOLDER / f'{name}.py', tmp_path)
    settings = CONFIG.format(base='mmst::st_hrnas_cityscapes_p90.py',
                             data=make_streets(tmp_path / 'cityscapes'))
    config = tmp_path / 'both.py'
    config.write_text(settings.replace("schedule='one_shot'", """schedule='cosine',
        criterion=dict(_delete_=True, type='relative_magnitude', strength=0.5)""") + """
custom_imports = dict(imports=['mmst', 'criterion', 'schedule'], allow_failed_imports=False)
""")
    assert load_tool('train').main([str(config), '--work-dir', str(tmp_path / 'work')]) == 0
    lines = (tmp_path / 'work' / 'timeline.jsonl').read_text().splitlines()
    events = [json.loads(line) for line in lines]
    assert [e['ratio'] for e in events if e['kind'] == 'prune'] == pytest.approx([0.25, 0.5])
    ticket = Ticket.load(tmp_path / 'work' / 'ticket.pth')
    assert ticket.meta['imports'] == ['criterion', 'schedule'] and ticket.sparsity >= 0.499


@pytest.mark.by_turns(3)
@pytest.mark.parametrize('criterion', [
    ['relative_magnitude', '--criterion-options', 'strength=0.25'],
    ["dict(type='relative_magnitude', strength=0.25)"]])
def test_prune_takes_a_registered_criterion_with_its_options(trained, tmp_path, criterion):
    config, work_dir = trained['criterion']
    seen = []
    kind = CRITERIA.get('relative_magnitude')
    original = kind.__init__
    kind.__init__ = lambda self, strength=1.: (seen.append(strength), original(self, strength))[1]
    try:
        assert load_tool('prune').main([
            config, str(work_dir / 'ticket.pth'), '--criterion', *criterion, '--sparsity', '0.8',
            '--work-dir', str(tmp_path)]) == 0
    finally:
        kind.__init__ = original
    ticket = Ticket.load(tmp_path / 'ticket.pth')
    assert seen[-1] == 0.25 and ticket.sparsity == pytest.approx(0.8, abs=0.001)
    assert ticket.meta['origin']['criterion'] == 'relative_magnitude'


def test_the_task_of_the_snippet_can_be_built(base, tmp_path):
    cfg = read_config(write('task', str(ROOT / 'configs/st_hrnas_cityscapes_p90.py'), tmp_path))
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        assert type(MODELS.build(cfg.model)).__name__ == 'DepthEstimator'
        assert type(METRICS.build(cfg.val_evaluator)).__name__ == 'MeanDistanceError'


def test_a_criterion_of_the_page_is_a_criterion(trained):
    assert issubclass(CRITERIA.get('relative_magnitude'), Criterion)
