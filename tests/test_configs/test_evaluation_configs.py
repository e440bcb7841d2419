"""Configs of baselines, ablation, lottery settings, transfer: what they say, how they differ."""
import copy
from pathlib import Path

import pytest
from mmengine.config import Config

from mmst.engine.run import retrain
from mmst.settings.hooks import hook_settings

CONFIGS = Path(__file__).parents[2] / 'configs'
FOLDERS = ('baselines', 'ablation', 'lottery', 'transfer')
ALL = sorted(p for folder in FOLDERS for p in (CONFIGS / folder).glob('*.py'))


def read(name):
    return Config.fromfile(CONFIGS / name)


def prune(name):
    return read(name).default_hooks.prune


def retrained(name, monkeypatch):
    monkeypatch.setattr(retrain.osp, 'isfile', lambda path: True)
    cfg = read(name)
    before = copy.deepcopy(cfg)
    changed = retrain.retraining_config(cfg)
    assert cfg.to_dict() == before.to_dict(), 'the config that was given has changed'
    return changed


@pytest.mark.parametrize('path', ALL, ids=lambda p: f'{p.parent.name}/{p.stem}')
def test_every_config_is_read(path):
    cfg = Config.fromfile(path)
    assert cfg.model.backbone.type == 'mmst.HRNASSupernet'
    if 'retrain' in cfg:
        kept = set(cfg.retrain) - {'checkpoint', 'epochs'}
        assert kept <= {'ticket', 'start', 'seed', 'parts', 'neck_ticket'}


@pytest.mark.parametrize('path', sorted((CONFIGS / 'ablation').glob('*.py')), ids=lambda p: p.stem)
def test_rows_of_the_ablation_differ_in_one_line_from_their_base(path):
    lines = [line for line in path.read_text().splitlines() if line and line[0] not in '#)']
    assert len(lines) == 2 and lines[0].startswith('_base_')


def test_rows_of_table_1_are_what_their_names_say():
    rows = {name: prune(f'ablation/{name}.py') for name in (
        'two_in_one', 'two_in_one_pp', 'two_in_one_pp_irp', 'two_in_one_pp_irs', 'sp')}
    said = {name: (p.schedule, p.reactivation, p.interval) for name, p in rows.items()}
    assert said == dict(
        two_in_one=('one_shot', None, 25), two_in_one_pp=('progressive', None, 25),
        two_in_one_pp_irp=('progressive', 'prune', 25),
        two_in_one_pp_irs=('progressive', 'search', 25), sp=('one_shot', None, 430))
    assert rows['two_in_one_pp_irs'] == prune('st_hrnas_cityscapes_p90.py')
    assert all(p.sparsity == 0.9 and p.criterion == 'magnitude' for p in rows.values())


@pytest.mark.parametrize('name', ['two_in_one_pp_irs_rt', 'sp_rt'])
def test_retraining_stretches_the_schedule_to_50_epochs_more(name, monkeypatch):
    cfg = retrained(f'ablation/{name}.py', monkeypatch)
    assert cfg.train_cfg.max_epochs == cfg.param_scheduler[0].total_steps == 480
    assert cfg.resume and cfg.load_from.endswith(f'{name[:-3]}/epoch_430.pth')
    assert cfg.default_hooks.prune.type == 'mmst.FixedMaskHook'
    assert 'search' not in cfg.default_hooks
    assert cfg.default_hooks.ticket.input_shape == (512, 1024)


@pytest.mark.by_turns(3)
def test_baselines_prune_once_at_the_end_by_their_criterion():
    for criterion in ('random', 'magnitude', 'gradient'):
        settings = prune(f'baselines/sp_{criterion}_cityscapes_p90.py')
        assert settings.criterion == criterion and settings.interval == 430
        for task, epochs in (('imagenet', 350), ('ade20k', 200), ('coco', 210)):
            settings = prune(f'baselines/sp_{criterion}_{task}_p90.py')
            assert (settings.criterion, settings.interval) == (criterion, epochs)
    for task in ('imagenet', 'cityscapes', 'ade20k', 'coco'):
        assert hook_settings(read(f'baselines/search_only_{task}.py'), 'PruneHook') is None


@pytest.mark.parametrize('task, early, late', [('ade20k', 15, 200), ('imagenet', 25, 350),
                                               ('coco', 15, 210)])
def test_lottery_configs_of_other_data_sets_start_from_points_that_are_kept(task, early, late):
    kept = read(f'lottery/st_hrnas_{task}_p90_rewind.py').default_hooks.rewind.epochs
    assert kept == [0, early, late] and read(f'st_hrnas_{task}_p90.py').train_cfg.max_epochs == late
    for name, point in (('lt', 0), ('elt', early), ('llt', late)):
        cfg = read(f'lottery/st_hrnas_{task}_p90_{name}.py')
        assert cfg.retrain.start.endswith(f'{task}_p90_rewind/rewind/{point}.pth')
    assert read(f'lottery/st_hrnas_{task}_p90_rr_init.py').retrain.start == 'reinitialize'


@pytest.mark.parametrize('name, start', [
    ('rr_init', 'reinitialize'), ('lt', 'rewind/0.pth'), ('elt', 'rewind/25.pth'),
    ('llt', 'rewind/430.pth')])
def test_lottery_configs_start_where_they_say_with_a_fresh_schedule(name, start, monkeypatch):
    cfg = retrained(f'lottery/st_hrnas_cityscapes_p90_{name}.py', monkeypatch)
    assert cfg.default_hooks.prune.start.endswith(start) and not cfg.resume
    assert cfg.train_cfg.max_epochs == cfg.param_scheduler[0].total_steps == 50
    assert 'rewind' not in cfg.default_hooks
    kept = read(f'lottery/st_hrnas_cityscapes_p90_{name}.py').default_hooks.rewind.epochs
    assert start == 'reinitialize' or int(start[7:-4]) in kept


@pytest.mark.parametrize('name, parts, epochs', [
    ('ade20k_to_cityscapes', ['backbone', 'neck'], 50),
    ('cityscapes_to_ade20k', ['backbone', 'neck'], 50),
    ('imagenet_to_cityscapes', ['backbone'], 50), ('imagenet_to_ade20k', ['backbone'], 50),
    ('imagenet_to_coco', ['backbone'], 210)])
def test_transfers_carry_over_what_the_paper_says(name, parts, epochs, monkeypatch):
    cfg = retrained(f'transfer/{name}_p90.py', monkeypatch)
    source = read(f'st_hrnas_{name.partition("_to_")[0]}_p90.py')
    assert cfg.default_hooks.prune.parts == parts and cfg.train_cfg.max_epochs == epochs
    target = f'work_dirs/st_hrnas_{name.partition("_to_")[2]}_p90/ticket.pth'
    assert cfg.default_hooks.prune.get('neck_ticket') == (None if 'neck' in parts else target)
    if 'neck' in parts:
        assert cfg.model.neck == source.model.neck
        assert cfg.model.decode_head.in_channels == cfg.model.neck.out_channels
        assert cfg.model.decode_head.num_classes != source.model.decode_head.num_classes
