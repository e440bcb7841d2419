"""Bad input ends before the run: one line that names key, value and remedy; nothing written."""
import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config

PRUNE, SEARCH = 'default_hooks.prune', 'default_hooks.search'


def options(*words):
    return ('--cfg-options', *words)


# ------------------------------------------------------------------------------------ settings


@pytest.mark.by_turns(5)
@pytest.mark.parametrize('key, value', [
    (f'{PRUNE}.interval', '0'), (f'{PRUNE}.interval', '-1'), (f'{PRUNE}.interval', '1.5'),
    (f'{PRUNE}.interval', 'often'), (f'{PRUNE}.interval', '3'), (f'{PRUNE}.sparsity', '0'),
    (f'{PRUNE}.sparsity', '1'), (f'{PRUNE}.sparsity', '-0.5'), (f'{PRUNE}.sparsity', '90'),
    (f'{PRUNE}.sparsity', 'most'), (f'{PRUNE}.schedule', 'linear'),
    (f'{PRUNE}.criterion', 'luck'), (f'{PRUNE}.scope', 'block'), (f'{PRUNE}.revive', 'noise'),
    (f'{PRUNE}.reactivation', 'always'), (f'{PRUNE}.leave_alone', 'backbone.head'),
    (f'{SEARCH}.interval', '0'), (f'{SEARCH}.interval', '-2'), (f'{SEARCH}.interval', '3'),
    (f'{SEARCH}.threshold', '0'), (f'{SEARCH}.threshold', '-0.001'), (f'{SEARCH}.rho', '-1'),
    (f'{SEARCH}.warmup', '-1'), (f'{SEARCH}.warmup', '3'), (f'{SEARCH}.input_shape', '64'),
    (f'{SEARCH}.epsilon', '0.001'), ('default_hooks.recalibrate.batches', '0'),
    ('train_cfg.max_epochs', '0'), ('model.backbone.tokens', '0'),
    ('model.backbone.transformer', 'some')])
def test_settings_that_make_no_sense_are_refused(refused, key, value):
    line = refused(*options(f'{key}={value}'))
    assert key.removeprefix('model.') in line and value in line


def test_interval_longer_than_an_iteration_based_run_is_refused(refused, config, tmp_path):
    cfg = Config.fromfile(config)
    cfg.train_cfg = dict(type='IterBasedTrainLoop', max_iters=2)
    cfg.dump(tmp_path / 'iterations.py')
    line = refused(*options(f'{PRUNE}.interval=3', 'param_scheduler=None',
                            'default_hooks.checkpoint.by_epoch=False'),
                   config=str(tmp_path / 'iterations.py'))
    assert f'{PRUNE}.interval = 3' in line and '2 iterations' in line


def test_unknown_hook_is_refused_with_the_known_ones(refused):
    line = refused(*options(f'{PRUNE}.type=mmst.PrunHook'))
    assert f'{PRUNE}.type' in line and 'mmst.PrunHook' in line and 'mmst.PruneHook' in line


def test_misspelt_hook_name_is_refused_with_the_names_of_the_config(refused):
    line = refused(*options('default_hooks.prun.interval=1'))
    assert 'default_hooks.prun ' in line and 'default_hooks.prune' in line


def test_reactivation_by_a_search_that_is_switched_off_is_refused(refused):
    assert f'{PRUNE}.reactivation' in refused(*options(f'{SEARCH}=None'))


def test_optimizer_wrapper_without_masks_is_refused(refused):
    line = refused(*options('optim_wrapper.type=OptimWrapper'))
    assert 'optim_wrapper.type' in line and 'mmst.MaskedOptimWrapper' in line


def test_averaging_of_weights_without_their_statistics_is_refused(refused):
    line = refused(*options('default_hooks.ema.update_buffers=False'))
    assert 'default_hooks.ema.update_buffers = False' in line


def test_one_cycle_that_does_not_end_with_the_run_is_refused(refused):
    line = refused(*options('train_cfg.max_epochs=4'))
    assert 'param_scheduler[0].total_steps = 2' in line
    assert '--cfg-options param_scheduler.0.total_steps=4' in line


def test_option_that_does_not_fit_the_config_is_refused(refused):
    assert 'param_scheduler.7.eta_max' in refused(*options('param_scheduler.7.eta_max=1'))


def test_auto_scale_lr_without_a_batch_size_to_scale_from_is_refused(refused):
    line = refused('--auto-scale-lr', *options('auto_scale_lr=None'))
    assert 'auto_scale_lr.base_batch_size' in line


@pytest.mark.parametrize('text, key', [
    ('auto_scale_lr = dict(enable=True, base_batch_size=0)', 'auto_scale_lr.base_batch_size = 0'),
    ('auto_scale_lr = 5', 'auto_scale_lr = 5'), ('optim_wrapper = 5', 'optim_wrapper = 5'),
    ('train_dataloader = None', 'train_dataloader = None'),
    ('param_scheduler[0]["eta_max"] = "0.02"', 'param_scheduler[0].eta_max'),
    ('train_dataloader["batch_size"] = "4"', 'train_dataloader.batch_size')])
def test_options_of_the_command_line_meet_wrong_settings_in_one_line(refused, config, tmp_path,
                                                                     text, key):
    (tmp_path / 'wrong.py').write_text(f'{Path(config).read_text()}\n{text}\n')
    for option in ('--auto-scale-lr', '--amp'):
        assert key in refused(option, config=str(tmp_path / 'wrong.py'))


def test_launcher_argument_without_a_launcher_is_refused(refused, monkeypatch):
    monkeypatch.delenv('RANK', raising=False)
    monkeypatch.setenv('LOCAL_RANK', '0')
    assert 'dist_*.sh' in refused('--launcher', 'pytorch')


@pytest.mark.parametrize('words', [
    ['--bogus'], ['--cfg-options', 'max_epochs'], ['--launcher', 'x']])
def test_wrong_arguments_are_refused_in_one_line(train, config, words, capsys):
    with pytest.raises(SystemExit) as stopped:
        train([config, *words])
    err = capsys.readouterr().err
    assert stopped.value.code == 2 and err.count('\n') == 1 and 'train.py: error: ' in err


# -------------------------------------------------------------------------------------- config


def test_config_that_does_not_exist_is_refused(refused, tmp_path):
    assert 'nowhere.py' in refused(config=str(tmp_path / 'nowhere.py'))


@pytest.mark.parametrize('text', [
    'model = dict(', 'model = undefined', "_base_ = './missing.py'", "_base_ = 'mmst::missing.py'",
    "train_cfg = dict(type='EpochBasedTrainLoop')"])
def test_config_that_cannot_be_read_is_refused(refused, tmp_path, text):
    path = tmp_path / 'broken.py'
    path.write_text(text)
    line = refused(config=str(path))
    assert 'broken.py' in line or 'missing.py' in line


@pytest.mark.parametrize('bases', [
    dict(a="_base_ = './a.py'"), dict(a="_base_ = ['./b.py', './a.py']", b='x = 1'),
    dict(a="_base_ = './b.py'", b="_base_ = './c.py'", c="_base_ = '../broken/b.py'"),
    dict(a='from mmengine.config import read_base\nwith read_base():\n    from .b import *',
         b='from mmengine.config import read_base\nwith read_base():\n    from .a import *')])
def test_config_that_is_its_own_base_is_refused_at_once(refused, tmp_path, bases):
    folder = tmp_path / 'broken'
    folder.mkdir()
    for name, text in bases.items():
        (folder / f'{name}.py').write_text(f'{text}\nmodel = dict()\n')
    line = refused(config=str(folder / 'a.py'))
    assert line.count('is a base of itself') == 1 and 'from the bases of' in line


def test_missing_toolbox_is_refused_with_the_command_that_installs_it(refused, monkeypatch):
    monkeypatch.setitem(__import__('sys').modules, 'mmpose', None)
    line = refused(*options('default_scope=mmpose'))
    assert "default_scope = 'mmpose'" in line and 'pip install --no-deps mmpose' in line


# ---------------------------------------------------------------------------------------- data


@pytest.fixture
def own_streets(tmp_path, streets, config):
    """A copy of the data set that a test may spoil, and a config that uses it."""
    folder, own = tmp_path / 'own', tmp_path / 'own.py'
    shutil.copytree(streets, folder)
    own.write_text(Path(config).read_text().replace(streets, str(folder)))
    return folder, str(own)


@pytest.mark.parametrize('loader', ['train_dataloader', 'val_dataloader'])
def test_data_root_that_does_not_exist_is_refused(refused, loader):
    line = refused(*options(f'{loader}.dataset.data_root=/no/such/folder'))
    assert f'{loader}.dataset.data_root = \'/no/such/folder\'' in line
    assert 'mmst generate_data cityscapes' in line


def test_empty_data_root_is_refused(refused, tmp_path):
    (tmp_path / 'empty' / 'inside').mkdir(parents=True)
    line = refused(*options(f'train_dataloader.dataset.data_root={tmp_path}/empty'))
    assert 'train_dataloader.dataset.data_root' in line and 'empty' in line


@pytest.mark.parametrize('key, folder', [
    ('img_suffix', 'leftImg8bit'), ('data_prefix.seg_map_path', 'gtFine')])
@pytest.mark.parametrize('split', ['train', 'val'])
def test_folder_without_images_or_labels_is_refused(refused, own_streets, key, folder, split):
    root, config = own_streets
    for path in (root / folder / split).rglob('*.png'):
        path.rename(path.with_suffix('.bmp'))
    line = refused(config=config)
    assert f'{split}_dataloader.dataset.{key} = ' in line and folder in line


def test_missing_label_map_is_refused_with_its_name(refused, own_streets):
    root, config = own_streets
    lost = sorted((root / 'gtFine' / 'train').rglob('*_labelTrainIds.png'))[0]
    lost.unlink()
    assert lost.name in refused(config=config)


def test_damaged_label_map_is_refused_with_its_name(refused, own_streets):
    root, config = own_streets
    damaged = sorted((root / 'gtFine' / 'val').rglob('*_labelTrainIds.png'))[-1]
    damaged.write_bytes(damaged.read_bytes()[:40])
    assert damaged.name in refused(config=config)


@pytest.mark.parametrize('split', ['train', 'val'])
def test_label_outside_the_class_range_is_refused_with_file_and_value(refused, own_streets, split):
    root, config = own_streets
    path = sorted((root / 'gtFine' / split).rglob('*_labelTrainIds.png'))[-1]
    labels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    labels[0, 0] = 33
    cv2.imwrite(str(path), labels)
    line = refused(config=config)
    assert 'model.decode_head.num_classes = 19' in line and path.name in line and '33' in line


def test_another_class_count_than_the_data_set_has_is_refused(refused):
    line = refused(*options('model.decode_head.num_classes=18'))
    assert 'model.decode_head.num_classes = 18' in line and '19 classes' in line


# -------------------------------------------------------------------------- files to start from


def spoil(path, kind, content):
    if kind == 'truncated':
        path.write_bytes(content[:len(content) // 2])
    elif kind == 'empty':
        path.write_bytes(b'')
    elif kind == 'text':
        path.write_text('no ticket')
    elif kind == 'other content':
        torch.save(dict(epoch=3, name='x'), path)
    elif kind == 'list':
        torch.save([torch.zeros(2)], path)
    elif kind == 'json':
        path.write_text(json.dumps(dict(state_dict={})))
    elif kind == 'numpy':
        np.savez(path.open('wb'), weight=np.zeros(3))
    return path


KINDS = ('truncated', 'empty', 'text', 'other content', 'list', 'json', 'numpy', 'missing')


@pytest.mark.by_turns(4)
@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('name', ['ticket.pth', 'epoch_2.pth'])
def test_file_that_is_no_checkpoint_or_damaged_is_refused(refused, trained, tmp_path, kind, name):
    path = spoil(tmp_path / 'bad.pth', kind, (trained / name).read_bytes())
    assert 'bad.pth' in refused(*options(f'load_from={path}'))
    assert 'bad.pth' in refused('--resume', str(path))


@pytest.mark.by_turns(5)
@pytest.mark.parametrize('option, part', [
    ('model.backbone.stem_channels=(8,4)', 'backbone.stem'),
    ('model.backbone.depths=((1,),(2,1))', 'backbone.parallels.1'),
    ('model.backbone.kernel_sizes=(3,5)', 'backbone.'),
    ('model.decode_head.concat_input=True', 'decode_head.conv_cat'),
    ('model.backbone.transformer=none', 'backbone.')])
def test_checkpoint_of_another_architecture_is_refused_with_the_part(refused, trained, option,
                                                                     part):
    for arguments in (('--resume', str(trained / 'epoch_2.pth'), *options(option)),
                      options(f'load_from={trained / "ticket.pth"}', option)):
        line = refused(*arguments)
        assert 'is of another architecture' in line and part in line


def test_foreign_checkpoint_is_refused(refused, tmp_path):
    path = tmp_path / 'resnet.pth'
    torch.save(dict(state_dict={'backbone.conv1.weight': torch.zeros(64, 3, 7, 7)}, meta={}), path)
    assert 'is of another architecture' in refused(*options(f'load_from={path}'))


def test_resuming_from_a_ticket_is_refused_with_what_to_do_instead(refused, trained):
    line = refused('--resume', str(trained / 'ticket.pth'))
    assert 'ticket' in line and 'load_from' in line


def test_error_of_a_constructor_loses_the_class_name_that_a_registry_puts_before(tmp_path):
    from mmst.cli.ending import message_of
    from mmst.errors import ConfigError
    error = ConfigError('class `A` in a/b.py: class `B` in\n b.py: key = 1: bad')
    assert message_of(error) == 'key = 1: bad'


def test_defects_keep_their_traceback(train, config, tmp_path, monkeypatch):
    from mmst.engine.rehearsal import checks as preflight

    def defect(cfg):
        raise ZeroDivisionError

    monkeypatch.setattr(preflight, 'check', defect)
    with pytest.raises(ZeroDivisionError):
        train([config, '--work-dir', str(Path(tmp_path, 'wd'))])
