"""A work directory belongs to one run at a time, and to one config."""
import hashlib
import json
import os
import signal
import time
from contextlib import suppress

import kills
import pytest
from mmengine.runner import Runner
from torch import nn

from mmst.engine import PruneHook
from mmst.engine.run import work_dir_lock
from mmst.engine.run.run_record import RECORD, describe_config, differences, write_record
from mmst.engine.run.warmup_ema import WarmupEMA
from mmst.engine.run.work_dir import check, claim, run_id
from mmst.engine.run.work_dir_lock import release
from mmst.errors import TrainingError
from mmst.models import HRNASSupernet


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    yield
    release(kills.WORK)


def train(resume=False, epochs=2, **changes):
    cfg = kills.settings(epochs, workers=0, val=0, checkpoint=dict(interval=1), **changes)
    cfg.resume = resume
    runner = Runner.from_cfg(cfg)
    runner.train()
    return runner


def contents(folder):
    return {path: hashlib.sha1(path.read_bytes()).hexdigest()
            for path in folder.rglob('*.pth')}


# ---------------------------------------------------------------------------- another config

OTHERS = {
    'model.backbone.tokens': dict(model=dict(transformer='shape_preserving', tokens=2)),
    'default_hooks.prune.sparsity': dict(prune=dict(sparsity=0.7, interval=1)),
    'default_hooks.search': dict(search=False, prune=dict(interval=1, reactivation=None)),
    'default_hooks.ema': dict(ema=False),
    'optim_wrapper.optimizer.type': dict(optimizer=dict(type='SGD', lr=0.1)),
}


@pytest.mark.by_turns(3)
@pytest.mark.parametrize('resume', [True, False])
def test_another_config_is_refused_before_training_and_nothing_is_lost(tmp_path, resume):
    train()
    before = contents(tmp_path)
    for key, changes in OTHERS.items():
        with pytest.raises(TrainingError, match=f'{key} was .* and is .*Remedy: ') as caught:
            train(resume, **changes)
        assert '\n' not in str(caught.value) and kills.WORK in str(caught.value)
    assert contents(tmp_path) == before


@pytest.mark.by_turns(3)
def test_settings_that_leave_no_mark_may_change():
    train()
    runner = train(resume=True, epochs=3, length=16, noise=0.2, wrapper=dict(clip_grad=None))
    assert runner.epoch == 3


def test_a_record_of_a_former_version_tells_classes_in_other_words(tmp_path):
    """Of a config with classes as ``type``; any other difference is still reported."""
    cfg = kills.settings(2)
    cfg.model = dict(type=HRNASSupernet, necks=[dict(type=nn.Conv2d, size=1), dict(type=nn.ReLU)])
    cfg.default_hooks.prune['type'], cfg.default_hooks.ema['ema_type'] = PruneHook, WarmupEMA
    (tmp_path / 'epoch_1.pth').touch()
    model = dict(type="<class 'mmst.models.hrnas.hrnas_supernet.HRNASSupernet'>", necks=[
        dict(type="<class 'torch.nn.modules.conv.Conv2d'>", size=1),
        dict(type="<class 'torch.nn.modules.activation.ReLU'>")])
    former = dict(describe_config(cfg), model=model)
    former['default_hooks']['prune']['type'] = "<class 'mmst.engine.hooks.prune_hook.PruneHook'>"
    former['default_hooks']['ema']['ema_type'] = "<class 'mmst.engine.warmup_ema.WarmupEMA'>"
    write_record(tmp_path, dict(run='one', config=former))
    check(tmp_path, cfg)
    for kind, size in (('Linear', 1), ('Conv2d', 2)):
        model['necks'][0] = dict(type=f"<class 'torch.nn.modules.conv.{kind}'>", size=size)
        write_record(tmp_path, dict(run='one', config=former))
        with pytest.raises(TrainingError, match=r'model.necks was'):
            check(tmp_path, cfg)


def test_checking_alone_writes_nothing(tmp_path):
    cfg = kills.settings()
    check(tmp_path / 'nowhere', cfg)
    assert not list(tmp_path.iterdir())


def test_a_record_without_checkpoints_binds_nobody(tmp_path):
    claim(kills.WORK, kills.settings(), False)
    check(kills.WORK, kills.settings(ema=False))
    (tmp_path / kills.WORK / 'epoch_1.pth').write_bytes(b'')
    with pytest.raises(TrainingError):
        check(kills.WORK, kills.settings(ema=False))


@pytest.mark.parametrize('content', ['', '{', '[]', '{"run": 3, "config": {}}', '{"run": "x"}'])
def test_a_damaged_record_binds_nobody(tmp_path, content):
    (tmp_path / RECORD).write_text(content)
    (tmp_path / 'epoch_1.pth').write_bytes(b'')
    check(tmp_path, kills.settings())
    assert run_id(tmp_path) is None


def test_a_fresh_run_gets_a_name_of_its_own_and_a_resumed_one_keeps_it():
    cfg, names = kills.settings(), []
    for resume in (False, True, False):
        claim(kills.WORK, cfg, resume)
        names.append(run_id(kills.WORK))
    assert names[0] == names[1] != names[2]


def test_a_description_is_plain_data_and_the_same_each_time():
    one, other = describe_config(kills.settings()), describe_config(kills.settings())
    assert json.loads(json.dumps(one)) == one and not list(differences(one, other))


def test_where_weights_come_from_may_change():
    cfg = kills.settings()
    before = describe_config(cfg)
    cfg.model.init_cfg = dict(type='Pretrained', checkpoint='somewhere.pth')
    assert not list(differences(before, describe_config(cfg)))


# ----------------------------------------------------------------------------- two runs at once


def start(job):
    """Another process, forked: it leads a group of its own and ends with what ``job`` returns."""
    pid = os.fork()
    if not pid:
        os.setpgid(0, 0)
        work_dir_lock._held.clear()  # what it has inherited
        os._exit(job())
    return pid


def end(pid):
    """The exit code of a process."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def take():
    """0 if the directory was free, 3 if it was not."""
    try:
        claim(kills.WORK, kills.settings(), False)
    except TrainingError as error:
        return 3 if 'at work there' in str(error) else 4
    return 0


@pytest.fixture
def holder():
    """A process that is at work in the directory, with a worker that outlives it for a while."""
    reading, writing = os.pipe()

    def work():
        take()
        if os.fork():
            os.write(writing, b'held')
        time.sleep(60)

    pid = start(work)
    os.read(reading, 4)
    yield pid
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def test_the_second_run_is_refused_and_a_killed_one_lets_go(tmp_path, holder):
    with pytest.raises(TrainingError, match=f'process {holder}.*at work there. Remedy: '):
        train()
    assert not list(tmp_path.rglob('*.pth'))
    os.kill(holder, signal.SIGKILL)
    end(holder)
    train()  # at once, though the worker still lives


def test_of_several_claims_at_the_same_time_one_wins():
    moment = time.time() + 0.3

    def rush():
        time.sleep(max(0, moment - time.time()))
        code = take()
        time.sleep(1)
        return code

    assert sorted(map(end, [start(rush) for _ in range(4)])) == [0, 3, 3, 3]


def test_a_finished_run_lets_go():
    train()
    assert end(start(take)) == 0


def test_the_same_process_may_claim_again_and_what_killed_runs_left_is_removed(tmp_path):
    claim(kills.WORK, kills.settings(), False)
    claim(kills.WORK, kills.settings(), True)
    release(kills.WORK)
    left = tmp_path / kills.WORK / 'tickets' / '.3.pth.999999999.tmp'
    mine = tmp_path / kills.WORK / f'.epoch_3.pth.{os.getpid()}.tmp'
    left.parent.mkdir()
    left.write_bytes(b'half')
    mine.write_bytes(b'being written')
    claim(kills.WORK, kills.settings(), True)
    assert not left.exists() and mine.exists()
