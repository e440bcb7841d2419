"""The shipped studies: every run exists, at every size, and is what the ablation's configs say."""
import fnmatch
from pathlib import Path

import pytest
from mmengine.config import Config

from mmst.errors import ConfigError
from mmst.lab.study.graph import sort_runs
from mmst.lab.study.size import load_size
from mmst.lab.study.spec import parse_study, read_settings
from mmst.lab.study.sweep import METHODS, RATIOS, sweep_of
from mmst.settings.changes import with_options

CONFIGS = Path(__file__).parents[4] / 'configs'
STUDIES = sorted((CONFIGS / 'studies').glob('*.py'))


def read(path):
    return parse_study(path.stem, read_settings(path, 'STUDY', ''))


@pytest.mark.parametrize('path', STUDIES, ids=lambda path: path.stem)
def test_a_shipped_study_is_whole(path):
    study = read(path)
    rows = study.row_names()
    assert set(rows) <= set(sort_runs(study.runs, rows))
    for section in study.sections:
        assert [row.run.rpartition('.')[2] for row in section.rows[:3]] == ['chance', 'dense',
                                                                            'search']
    assert study.claims
    for claim in study.claims:
        assert {claim.higher, claim.lower} <= set(rows) and claim.higher != claim.lower


def test_all_tables_and_figures_are_there():
    assert [path.stem for path in STUDIES] == [
        'distillation', 'family', 'far_end', *(f'fig{i}' for i in range(2, 9)), 'irp_interval',
        'irp_revive', 'milliseconds', 'sparse_training',
        *(f'supplement_table{i}' for i in (1, 2, 3)),
        'table1', 'table2', 'table2_small']


@pytest.mark.parametrize('size', [
    'full', 'demo', 'camvid', 'camvid_long', 'camvid_rare_prunes', 'camvid_transfer',
    'people_small'])
def test_every_pattern_of_a_size_means_some_run(size):
    size = load_size(CONFIGS / 'studies' / 'sizes' / f'{size}.py')
    runs = read(CONFIGS / 'studies' / 'table1.py').runs
    for pattern in [*size.options, *size.arguments]:
        assert any(fnmatch.fnmatchcase(name, pattern) for name in runs), pattern


def test_all_searches_of_the_long_size_end_at_the_same_costs():
    size = load_size(CONFIGS / 'studies' / 'sizes' / 'camvid_long.py')
    runs = read(CONFIGS / 'studies' / 'table1.py').runs.values()
    searching = [run.name for run in runs if run.data in size.configs and run.tool == 'train' and
                 not {'default_hooks.search', 'default_hooks.search.table'} & set(run.options)]
    assert 'cityscapes.st_family_p90' in searching
    targets = {name: size.options_of(name).get('default_hooks.search.target_flops')
               for name in searching}
    assert set(targets.values()) == {222e6}, targets


def test_tickets_of_the_small_transfer_have_the_target_s_supernet():
    size = load_size(CONFIGS / 'studies' / 'sizes' / 'camvid_transfer.py')
    target, *sources = (Config.fromfile(str(path)).model.backbone
                        for path in size.configs.values())
    assert sources == [target, target]


def test_the_demo_size_generates_the_data_that_its_configs_read():
    size = load_size(CONFIGS / 'studies/sizes/demo.py')
    for data, path in size.configs.items():
        cfg, options = Config.fromfile(path), size.options_of(f'{data}.dense')
        for split in ('train', 'val'):
            root = options.get(f'{split}_dataloader.dataset.data_root',
                               cfg[f'{split}_dataloader'].dataset.data_root)
            assert Path(root).is_relative_to(size.generate[data]['out']), (data, split)


@pytest.mark.parametrize('source, target', [
    ('ade20k', 'cityscapes'), ('imagenet', 'cityscapes'), ('cityscapes', 'ade20k')])
def test_tickets_of_the_demo_size_move_to_a_network_of_their_own_shape(source, target):
    size = load_size(CONFIGS / 'studies/sizes/demo.py')
    found = with_options(Config.fromfile(size.configs[target]),
                         size.options_of(f'{target}.from_{source}_p90')).model
    theirs = Config.fromfile(size.configs[source]).model
    for model in (found, theirs):
        model.backbone.setdefault('depths', ((1, ), (2, 2), (2, 2, 3), (2, 2, 3, 4), (2, 2, 3, 4)))
    assert found.backbone == theirs.backbone
    assert source == 'imagenet' or found.neck == theirs.neck


def test_papers_claims_agree_with_its_numbers():
    for path in STUDIES:
        study = read(path)
        printed = {row.run: row.paper for section in study.sections for row in section.rows}
        for claim in study.claims:
            high, low = printed[claim.higher], printed[claim.lower]
            for metric in ('mIoU', 'AP'):
                if metric in high and metric in low:
                    assert high[metric] > low[metric], (path.stem, claim.text)


@pytest.mark.by_turns(4)
@pytest.mark.parametrize('config, run', [
    ('two_in_one', 'two_in_one_p90'), ('two_in_one_pp', 'two_in_one_pp_p90'),
    ('two_in_one_pp_irp', 'two_in_one_pp_irp_p90'), ('two_in_one_pp_irs', 'st_p90')])
def test_table_1s_runs_prune_like_the_configs_of_the_ablation(config, run):
    options = read(CONFIGS / 'studies' / 'table1.py').runs[f'cityscapes.{run}'].options
    cfg = Config.fromfile(CONFIGS / 'st_hrnas_cityscapes_p90.py')
    cfg = with_options(cfg, options)
    assert cfg.default_hooks == Config.fromfile(CONFIGS / f'ablation/{config}.py').default_hooks


@pytest.mark.parametrize('method', METHODS)
def test_a_sweep_covers_all_ratios_of_a_method(method):
    base = read_settings(CONFIGS / 'studies' / '_base_' / 'catalogue.py', 'STUDY', '')
    study = parse_study(*sweep_of(base, method, 'coco', RATIOS, retrained=True))
    assert len(study.sections[0].curves) == 2
    assert all(len(runs) == 12 for runs in study.sections[0].curves.values())
    assert set(study.row_names()) <= set(sort_runs(study.runs, study.row_names()))


@pytest.mark.parametrize('data, ratios, said', [('mnist', RATIOS, '--data'),
                                                ('coco', (10, 55), '--ratios = 55')])
def test_a_sweep_of_nothing_known_is_refused(data, ratios, said):
    base = read_settings(CONFIGS / 'studies' / '_base_' / 'catalogue.py', 'STUDY', '')
    with pytest.raises(ConfigError, match=said):
        sweep_of(base, 'st', data, ratios)
