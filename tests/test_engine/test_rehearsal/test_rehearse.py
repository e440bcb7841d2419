"""A run that can work passes its rehearsal, which leaves nothing behind."""
import gc
import logging
import multiprocessing
import os
import random
import socket
import weakref
from collections import Counter
from contextlib import suppress

import cv2
import numpy as np
import pytest
import rank_jobs
import ranks
import tiny
import torch
from mmengine.hooks import Hook
from mmengine.logging import MessageHub, MMLogger
from mmengine.registry import RUNNERS, DefaultScope
from mmengine.runner import Runner
from mmengine.visualization import Visualizer
from short_runs import short_run
from tiny_street import load_tool

from mmst.costs.latency.table import Entry, LatencyTable
from mmst.costs.latency.this_machine import this_machine
from mmst.costs.latency.work import kind_of, timed_modules
from mmst.deploy.ticket_cost import config_network
from mmst.engine import training
from mmst.engine.hooks import ticket_hook
from mmst.engine.rehearsal import check, rehearse
from mmst.engine.rehearsal.sandbox import sandbox
from mmst.engine.run.command_line import complete, configure
from mmst.engine.run.processes import stop_together
from mmst.errors import ConfigError, config_error


@pytest.mark.parametrize('task', ['imagenet', 'coco', 'cityscapes'])
def test_runs_of_each_toolbox_pass(tmp_path, task):
    cfg = short_run(task, tmp_path)
    cfg.launcher = 'none'
    cfg = complete(cfg)
    rehearse(cfg)
    assert not (tmp_path / 'work').exists()


@pytest.mark.parametrize('covers', [True, False])
def test_masks_that_follow_a_table_of_times_are_drawn_once(cfg, refusal, tmp_path_factory, covers):
    path = tmp_path_factory.mktemp('table') / 'table.json'
    modules = timed_modules(config_network(cfg.model, cfg.get('default_scope')))
    entries = {name: Entry(kind_of(module), dict(once=0.1, hidden=0.01, weights=0.001))
               for name, module in modules.items()}
    if not covers:
        entries.pop('neck')
    LatencyTable('sparse', 1, (32, 64), this_machine(), entries).save(path)
    cfg.default_hooks.prune.update(allocation='ms', table=str(path))
    if covers:
        rehearse(cfg)
    else:
        assert 'default_hooks.prune.table' in refusal(cfg)


def state():
    """All that a run could see of what was before it."""
    managers = [dict(kind._instance_dict) for kind in (MMLogger, MessageHub, DefaultScope,
                                                       Visualizer)]
    return dict(
        python=random.getstate(), numpy=np.random.get_state()[1].tolist(),
        torch=torch.get_rng_state().tolist(), managers=managers, environ=dict(os.environ),
        folder=os.getcwd(), algorithms=torch.are_deterministic_algorithms_enabled(),
        cudnn=(torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic),
        attention=torch.backends.cuda.cudnn_sdp_enabled(),
        start=multiprocessing.get_start_method(), picture_threads=cv2.getNumThreads(),
        threads=torch.get_num_threads(), gradients=torch.is_grad_enabled(),
        dtype=torch.get_default_dtype(), silenced=logging.root.manager.disable)


@pytest.mark.parametrize('wrong', [False, True])
def test_nothing_is_left_behind(cfg, tmp_path, capfd, wrong):
    hub = MessageHub.get_instance('earlier')
    cfg.randomness = dict(seed=3, deterministic=True)
    cfg.env_cfg.mp_cfg = dict(mp_start_method='spawn', opencv_num_threads=cv2.getNumThreads() + 1)
    if wrong:
        cfg.val_evaluator.iou_metrics = ['mIou']
    checked = check(cfg)
    before, text = state(), cfg.pretty_text
    try:
        rehearse(cfg, checked)
        assert not wrong
    except ValueError:
        assert wrong
    assert state() == before and cfg.pretty_text == text
    assert MessageHub.get_current_instance() is hub
    assert not os.path.exists(cfg.work_dir) and capfd.readouterr() == ('', '')


def alive():
    """How many objects of a run there are in memory, by kind."""
    gc.collect()
    kinds = (torch.nn.Module, torch.optim.Optimizer, torch.utils.data.DataLoader, Runner, Hook,
             torch.Tensor)
    return Counter(kind.__name__ for thing in gc.get_objects() for kind in kinds
                   if issubclass(type(thing), kind))


@pytest.mark.by_turns(4)
@pytest.mark.parametrize('wrong', [False, True])
def test_all_copies_are_freed(cfg, wrong):
    if wrong:
        cfg.val_evaluator.iou_metrics = ['mIou']

    def one():
        checked = check(cfg)
        with suppress(ConfigError):
            rehearse(cfg, checked)
        return weakref.ref(checked.network)

    one()  # what the first leaves in caches is there for good
    before, network = alive(), one()
    assert alive() == before and network() is None


def test_sandbox_takes_back_what_is_done_in_it():
    before = state()
    with sandbox() as folder:
        os.environ['MMST_TEST'] = '1'
        os.chdir(folder)
        random.random(), np.random.rand(), torch.rand(1)
        torch.backends.cudnn.benchmark = not torch.backends.cudnn.benchmark
        torch.backends.cuda.enable_cudnn_sdp(not torch.backends.cuda.cudnn_sdp_enabled())
        torch.use_deterministic_algorithms(True)
        torch.set_default_dtype(torch.float64)
        torch.set_grad_enabled(False)
        MMLogger.get_instance('inside', log_file=f'{folder}/a.log')
    assert state() == before and not os.path.exists(folder)


def test_metrics_that_write_files_write_none_of_the_run(cfg, tmp_path):
    cfg.val_evaluator = [dict(cfg.val_evaluator, output_dir=str(tmp_path / 'maps')),
                         dict(type='DumpResults', out_file_path=str(tmp_path / 'results.pkl'))]
    rehearse(cfg)
    assert not list(tmp_path.iterdir())


def test_weights_on_a_server_are_not_fetched(cfg):
    cfg.model.backbone.init_cfg = dict(type='Pretrained', checkpoint='https://nowhere.invalid/x')
    rehearse(cfg)


def test_backend_on_a_server_is_only_looked_up(cfg, monkeypatch):
    monkeypatch.setitem(__import__('sys').modules, 'wandb', object())
    cfg.visualizer.vis_backends = [dict(type='WandbVisBackend', init_kwargs=dict(project='x'))]
    rehearse(cfg)


def test_gradients_that_are_gathered_over_a_long_window_make_a_step(cfg):
    cfg.optim_wrapper.update(accumulative_counts=2, clip_grad=dict(maxnorm=1))
    with pytest.raises(ValueError, match=r'optim_wrapper.clip_grad.maxnorm'):
        rehearse(cfg)


def test_run_ends_with_the_same_weights_as_without_rehearsal(tmp_path):
    def final(name, **settings):
        torch.manual_seed(7)
        cfg = tiny.config(tmp_path / name, 2, noise=0.3, val=1, **settings)
        cfg.launcher = 'none'
        return training.train(cfg).model.state_dict()

    with_it, without = final('a'), final('b', rehearsal=False)
    assert all(torch.equal(value, without[name]) for name, value in with_it.items())


@pytest.mark.parametrize('rehearsal', [True, False])
def test_the_network_is_built_once_for_all_checks_and_once_for_the_run(
        tmp_path, monkeypatch, rehearsal):
    tiny.run(tmp_path / 'first', 2, val=1, checkpoint=dict(interval=1))
    built, build = [], tiny.TinySegmentor.__init__

    def counted(self, *args, **kwargs):
        built.append(torch.initial_seed())
        build(self, *args, **kwargs)

    monkeypatch.setattr(tiny.TinySegmentor, '__init__', counted)
    for more in ({}, dict(load_from=str(tmp_path / 'first' / 'epoch_1.pth')),
                 dict(load_from=str(tmp_path / 'first' / 'epoch_1.pth'), resume=True)):
        cfg = tiny.config(tmp_path / f'{len(more)}', 2, val=1, launcher='none',
                          rehearsal=rehearsal, randomness=dict(seed=9), **more)
        training.train(cfg)
        assert built == [0, 9]  # by the checks' seed, and by the run's own
        built.clear()


@pytest.mark.parametrize('rehearsal', [True, False])
def test_a_ticket_is_tried_once_before_the_run(tmp_path, monkeypatch, rehearsal):
    tried = []
    monkeypatch.setattr(ticket_hook, 'check_described', lambda *given: tried.append(given))
    training.train(tiny.config(tmp_path / 'work', 2, val=1, launcher='none', ticket=True,
                               rehearsal=rehearsal))
    assert len(tried) == 1


def test_runner_of_the_users_own_that_changes_its_network_is_rehearsed_with_it(cfg):
    seen = []

    @RUNNERS.register_module(force=True)
    class ChangingRunner(Runner):

        def build_model(self, model):
            network = super().build_model(dict(model, pretrained=None))
            seen.append(type(self).__name__)
            return network

    cfg.runner_type = 'ChangingRunner'
    rehearse(cfg)
    assert seen == ['RehearsalRunner']


def test_work_directory_that_cannot_be_made_is_named(cfg, tmp_path):
    (tmp_path / 'file').touch()
    cfg.update(work_dir=str(tmp_path / 'file' / 'work'), rehearsal=False)
    with pytest.raises(ConfigError, match=r'^work_dir = .*Remedy: give another --work-dir'):
        training.train(cfg)


@pytest.mark.parametrize('tool', ['train', 'retrain', 'transfer', 'lottery'])
def test_tools_that_train_take_the_switch(tool, tmp_path, monkeypatch):
    seen = []
    module = load_tool(tool)
    words = dict(train=[], lottery=['ticket.pth', 'lt']).get(tool, ['ticket.pth'])
    (tmp_path / 'config.py').write_text("model = dict(type='Any')")
    cfg = configure(module.parse_args([str(tmp_path / 'config.py'), *words, '--no-rehearsal']))
    monkeypatch.setattr('mmst.engine.rehearsal.sandbox', lambda *_: seen.append(1))
    rehearse(cfg)
    assert cfg.rehearsal is False and not seen


def test_one_process_raises_its_own_error():
    stop_together(None)
    with pytest.raises(ValueError, match='lr = 1'):
        stop_together(config_error('lr', 1, 'wrong', 'none'))


@pytest.mark.by_turns(3)
def test_all_processes_stop_with_the_one_line_of_the_one_that_fails(tmp_path):
    for wrong in (0, 1):
        (code, line), (other, silent) = ranks.run(2, rank_jobs.refused, tmp_path / 'work', wrong)
        assert code == other == 2 and not silent  # one process of a machine speaks for all
        assert line.startswith("train.py: error: optim_wrapper.optimizer.type = 'AdmaW': ")
        assert line.count('\n') == 1 and not (tmp_path / 'work').exists()


def test_processes_with_gpus_stop_together_too(tmp_path):
    with socket.socket() as port:  # free now, and most likely a moment later
        port.bind(('127.0.0.1', 0))
        number = port.getsockname()[1]
    try:
        (code, line, size), (other, silent, others) = ranks.run(
            2, rank_jobs.refused_as_on_gpus, number, tmp_path / 'work', 1)
    finally:
        ranks.close(2)  # they are connected again
    assert code == other == 2 and size == others == 2 and not silent
    assert line.startswith("train.py: error: optim_wrapper.optimizer.type = 'AdmaW': ")
    assert line.count('\n') == 1 and not (tmp_path / 'work').exists()
