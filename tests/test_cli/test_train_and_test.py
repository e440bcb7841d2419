"""A whole run through the tools: training, its files, and their evaluation."""
import errno
import json
import os
import pickle
import shutil
from functools import partial

import pytest
import torch
from mmengine.config import Config
from tiny_street import load_tool

from mmst.cli.ending import end_in_one_line
from mmst.engine.run.command_line import complete
from mmst.engine.run.stop import Stopped
from mmst.openmmlab.safe_checkpoints import safe_load
from mmst.tickets import Ticket


@pytest.fixture
def summary(trained):
    return json.loads((trained / 'ticket.json').read_text())


def evaluate(test, config, path, tmp_path, *more):
    """The metrics that tools/test.py writes."""
    out = tmp_path / 'metrics.json'
    assert test([config, str(path), '--work-dir', str(tmp_path), '--out', str(out), *more]) == 0
    return json.loads(out.read_text())


def test_run_ends_with_a_ticket_of_the_target_sparsity(trained, summary):
    ticket = Ticket.load(trained / 'ticket.pth')
    assert ticket.mask.pruned == -(-ticket.mask.total // 2)  # half, rounded up
    assert summary['sparsity'] == ticket.sparsity
    assert summary['params']['searched'] < summary['params']['supernet']
    assert set(summary['metrics']) == {'mIoU', 'mAcc', 'aAcc'}


@pytest.mark.parametrize('name', ['ticket.pth', 'epoch_2.pth'])
def test_ticket_and_checkpoint_give_the_metrics_of_the_run(test, config, trained, summary, name,
                                                           tmp_path, capsys):
    metrics = evaluate(test, config, trained / name, tmp_path)
    assert metrics.pop('sparsity') == summary['sparsity']
    assert metrics == summary['metrics']
    out = capsys.readouterr().out
    assert f'mIoU: {metrics["mIoU"]:.4f}' in out
    assert 'sparsity: 0.5' in out and 'are exactly 0' in out


def test_predictions_are_written_and_painted(test, config, trained, tmp_path):
    from mmseg.visualization import SegLocalVisualizer
    SegLocalVisualizer._instance_dict.clear()  # one a process; training has left its own
    out = tmp_path / 'predictions.pkl'
    assert test([config, str(trained / 'ticket.pth'), '--work-dir', str(tmp_path / 'wd'),
                 '--out', str(out), '--show-dir', str(tmp_path / 'painted')]) == 0
    predictions = pickle.loads(out.read_bytes())
    assert len(predictions) == 4 and predictions[0]['pred_sem_seg']['data'].shape == (1, 32, 64)
    assert len(list((tmp_path / 'painted').rglob('*.png'))) == 4


@pytest.mark.parametrize('change, said', [
    (dict(option='model.backbone.channels=((4,),(4,8))'), 'another architecture'),
    (dict(name='missing.pth'), 'no such file'),
    (dict(option='test_dataloader.dataset.data_root=/no'), 'test_dataloader.dataset.data_root'),
    (dict(truncate=True), 'truncated')])
def test_what_cannot_be_evaluated_is_refused_in_one_line(test, config, trained, tmp_path, capfd,
                                                         change, said):
    path = tmp_path / change.get('name', 'ticket.pth')
    if 'name' not in change:
        content = (trained / 'ticket.pth').read_bytes()
        path.write_bytes(content[:len(content) // 2] if 'truncate' in change else content)
    options = ['--cfg-options', change['option']] if 'option' in change else []
    capfd.readouterr()
    assert test([config, str(path), '--work-dir', str(tmp_path / 'wd'), *options]) == 2
    err = capfd.readouterr().err
    assert err.startswith('test.py: error: ') and err.count('\n') == 1 and said in err
    assert not (tmp_path / 'wd').exists()


def test_result_file_of_unknown_kind_is_refused(test, config, trained, capfd):
    assert test([config, str(trained / 'ticket.pth'), '--out', 'result.xls']) == 2
    assert 'result.xls' in capfd.readouterr().err


def test_resume_goes_on_from_the_last_checkpoint(train, config, trained, tmp_path):
    """Epoch 2 is trained again after epoch 1, and ends as the uninterrupted run did."""
    work_dir = tmp_path / 'resumed'
    work_dir.mkdir()
    for name in ('epoch_1.pth', 'mmst_run.json'):
        shutil.copy(trained / name, work_dir)
    (work_dir / 'last_checkpoint').write_text(str(work_dir / 'epoch_1.pth'))
    assert train([config, '--work-dir', str(work_dir), '--resume']) == 0
    again, once = (Ticket.load(folder / 'ticket.pth') for folder in (work_dir, trained))
    assert again.model == once.model and again.mask.pruned == once.mask.pruned
    assert sorted(p.name for p in (work_dir / 'tickets').iterdir()) == ['2.pth']
    assert safe_load(work_dir / 'epoch_2.pth')['meta']['epoch'] == 2


@pytest.mark.by_turns(3)
def test_resume_takes_a_path(train, config, trained, tmp_path):
    before = str(trained / 'epoch_1.pth')
    assert train([config, '--work-dir', str(tmp_path), '--resume', before]) == 0
    assert sorted(p.name for p in (tmp_path / 'tickets').iterdir()) == ['2.pth']


def test_amp_trains_in_bfloat16_on_the_cpu(train, config, tmp_path, monkeypatch):
    seen = set()
    forward = torch.nn.Conv2d.forward

    def spy(self, x):
        out = forward(self, x)
        if self.training:
            seen.add(out.dtype)
        return out

    monkeypatch.setattr(torch.nn.Conv2d, 'forward', spy)
    assert train([config, '--work-dir', str(tmp_path), '--amp', '--no-validate', '--cfg-options',
                  'train_cfg.max_epochs=1', 'param_scheduler.0.total_steps=1']) == 0
    assert torch.bfloat16 in seen
    ticket = Ticket.load(tmp_path / 'ticket.pth')
    assert ticket.mask.pruned == -(-ticket.mask.total // 2)
    assert all(t.dtype != torch.bfloat16 for t in ticket.state_dict.values())


# ------------------------------------------------------------- what the arguments do to a config


@pytest.fixture(scope='session')
def build(config):
    """``build(*arguments)``: the config that ``mmst train`` would run."""
    tool = load_tool('train')
    return lambda *arguments: tool.build_config(tool.parse_args([config, *arguments]))


def test_options_replace_settings_at_any_depth(build):
    cfg = build('--cfg-options', 'default_hooks.prune.sparsity=0.7', 'train_cfg.max_epochs=3',
                'model.backbone.channels=((4,),(4,8))', 'param_scheduler.0.eta_max=0.5')
    assert cfg.default_hooks.prune.sparsity == 0.7 and cfg.train_cfg.max_epochs == 3
    assert cfg.model.backbone.channels == ((4, ), (4, 8)) and cfg.param_scheduler[0].eta_max == 0.5


def test_work_dir_is_named_after_the_config_by_default(build):
    assert build().work_dir == './work_dirs/tiny'
    assert build('--cfg-options', 'work_dir=other').work_dir == 'other'
    assert build('--work-dir', 'mine', '--cfg-options', 'work_dir=other').work_dir == 'mine'


def test_file_in_place_of_the_work_dir_is_refused(train, config, capfd):
    assert train([config, '--work-dir', config]) == 2
    assert 'is a file' in capfd.readouterr().err


def test_no_validate_leaves_the_evaluation_out(build):
    cfg = build('--no-validate')
    assert cfg.val_cfg is None and cfg.val_dataloader is None and cfg.val_evaluator is None


def test_resume_with_and_without_a_path(build):
    assert (build('--resume').resume, build('--resume').load_from) == (True, None)
    assert build('--resume', 'a.pth').load_from == 'a.pth'
    assert not build().resume


def test_resume_without_a_checkpoint_starts_from_the_weights_that_the_config_names(
        build, trained, tmp_path):
    """A command that both starts a run and goes on with it, as studies and schedulers call it."""
    words = '--resume', '--work-dir', str(tmp_path), '--cfg-options', 'load_from=weights.pth'
    cfg = build(*words)
    assert (cfg.get('resume', False), cfg.load_from) == (False, 'weights.pth')
    shutil.copy(trained / 'epoch_1.pth', tmp_path)
    cfg = build(*words)
    assert (cfg.resume, cfg.load_from) == (True, None)


def test_amp_takes_the_wrapper_that_masks(build):
    assert build('--amp').optim_wrapper.type == 'mmst.MaskedAmpOptimWrapper'
    again = build('--amp', '--cfg-options', 'optim_wrapper.type=mmst.MaskedAmpOptimWrapper')
    assert again.optim_wrapper.type == 'mmst.MaskedAmpOptimWrapper'


def test_auto_scale_lr_scales_the_one_cycle_too(build):
    """Batch 4 on one process, and the config's rate is for 32: an eighth."""
    cfg = build('--auto-scale-lr')
    assert cfg.auto_scale_lr.enable
    assert cfg.param_scheduler[0].eta_max == pytest.approx(0.02 * 4 / 32)
    assert build().param_scheduler[0].eta_max == 0.02


def test_hooks_switched_off_with_none_are_left_out(build):
    cfg = build('--cfg-options', 'default_hooks.search=None', 'default_hooks.checkpoint=None')
    assert 'search' not in cfg.default_hooks
    assert cfg.default_hooks.checkpoint is None  # that of mmengine: its folder has to be set


def test_mmpretrain_configs_get_the_loaders_of_its_own_tool():
    loader = dict(num_workers=0, dataset={})
    cfg = Config(dict(default_scope='mmpretrain', train_dataloader=loader, default_hooks={}))
    cfg = complete(cfg)
    assert cfg.train_dataloader.collate_fn == dict(type='default_collate')
    assert cfg.train_dataloader.persistent_workers is False


def test_a_work_dir_that_cannot_be_written_ends_in_one_line(tmp_path, config, trained, test, capfd):
    (tmp_path / 'file').touch()
    capfd.readouterr()
    assert test([config, str(trained / 'ticket.pth'), '--work-dir', str(tmp_path / 'file/x')]) == 2
    error = capfd.readouterr().err
    assert error.count('\n') == 1 and error.startswith('test.py: error: --work-dir = ')
    assert 'cannot be written' in error and 'Remedy: ' in error


@pytest.mark.parametrize('raised, code, word', [
    (KeyboardInterrupt(), 130, 'SIGINT'), (Stopped(15), 143, 'SIGTERM')])
def test_an_interrupted_tool_says_so_in_one_line(capsys, raised, code, word):
    def main():
        raise raised

    assert end_in_one_line('export.py', main) == code
    assert capsys.readouterr().err == f'export.py: ended by {word}\n'


def test_what_the_system_refuses_ends_in_one_line_and_a_defect_does_not(capsys):
    def main(number):
        raise OSError(number, os.strerror(number), 'place')

    assert end_in_one_line('study.py', partial(main, errno.EROFS)) == 2
    line = capsys.readouterr().err
    assert line.startswith('study.py: error: place: Read-only file system. Remedy: ')
    with pytest.raises(FileNotFoundError):
        end_in_one_line('study.py', partial(main, errno.ENOENT))


def test_scores_are_reported_once(test, config, trained, tmp_path, capfd):
    for level in ('INFO', 'WARNING'):
        capfd.readouterr()
        assert test([config, str(trained / 'ticket.pth'), '--work-dir', str(tmp_path / level),
                     '--cfg-options', f'log_level={level}']) == 0
        out, err = capfd.readouterr()
        assert (out + err).count('aAcc: ') == 1
