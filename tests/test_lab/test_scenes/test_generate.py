"""Generation is whole or not at all, repeatable, and never touches what it has not written."""
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mmst.data_in_use import MARKER, holding
from mmst.errors import ConfigError
from mmst.lab.scenes import DATASETS, generate

SMALL = dict(size=(32, 64), train=2, val=1)
TOOL = Path(__file__).parents[3] / 'tools' / 'generate_data.py'


def digests(folder):
    return {path.relative_to(folder): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in folder.rglob('*') if path.is_file() and path.name != MARKER}


def run_tool(*args):
    return subprocess.run([sys.executable, '-W', 'ignore', TOOL, *map(str, args)],
                          capture_output=True, text=True)


@pytest.mark.parametrize('dataset', DATASETS)
def test_same_seed_gives_the_same_bytes_and_another_seed_others(dataset, tmp_path):
    folders = [generate(dataset, tmp_path / name, seed=seed, **SMALL).path
               for name, seed in (('a', 3), ('b', 3), ('c', 4))]
    first, again, other = map(digests, folders)
    assert first == again
    assert first.keys() == other.keys()
    images = [path for path in first if path.suffix in ('.jpg', '.JPEG') or
              path.name.endswith('leftImg8bit.png')]
    assert len(images) == 3
    assert all(first[path] != other[path] for path in images)


def test_train_and_val_images_differ(tmp_path):
    found = digests(generate('cityscapes', tmp_path / 'data', **SMALL).path / 'leftImg8bit')
    assert len(set(found.values())) == 3


def test_repeated_call_with_equal_parameters_writes_nothing(tmp_path):
    first = generate('cityscapes', tmp_path / 'data', **SMALL)
    times = {path: path.stat().st_mtime_ns for path in first.path.rglob('*')}
    again = generate('cityscapes', tmp_path / 'data', **SMALL)
    assert first.new and not again.new
    assert times == {path: path.stat().st_mtime_ns for path in again.path.rglob('*')}


def test_data_of_other_parameters_are_left_alone_and_the_difference_is_named(tmp_path):
    out = generate('cityscapes', tmp_path / 'data', **SMALL).path
    before = digests(out)
    for other in (dict(train=1), dict(seed=5), dict(size=(32, 32))):
        name, = other
        with pytest.raises(ConfigError, match=f'out = .*made with {name} .*wanted: .*Remedy: '):
            generate('cityscapes', out, **dict(SMALL, **other))
    with pytest.raises(ConfigError, match='made with dataset cityscapes'):
        generate('ade20k', out, **SMALL)
    assert digests(out) == before


def test_data_that_a_run_reads_are_not_replaced_in_any_way(tmp_path):
    out = generate('cityscapes', tmp_path / 'data', **SMALL).path
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        with holding(dict(train=dict(dataset=[dict(data_root=str(out / 'leftImg8bit'))]))):
            os.write(writing, b'held')
            time.sleep(60)
    os.read(reading, 4)
    next((out / 'gtFine').rglob('*.png')).unlink()  # would be made again
    for arguments in (dict(SMALL, train=1, replace=True), SMALL):
        with pytest.raises(ConfigError, match='a run is at work on these data'):
            generate('cityscapes', out, **arguments)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    assert generate('cityscapes', out, **SMALL).new


def test_on_request_data_of_other_parameters_make_room(tmp_path):
    out = tmp_path / 'data'
    generate('cityscapes', out, **SMALL)
    assert generate('cityscapes', out, size=(32, 64), train=1, val=1, replace=True).new
    assert len(list((out / 'leftImg8bit' / 'train').rglob('*.png'))) == 1
    assert [path.name for path in tmp_path.iterdir()] == ['data']


def test_older_version_generates_again(tmp_path):
    out = generate('cityscapes', tmp_path / 'data', **SMALL).path
    marker = json.loads((out / MARKER).read_text())
    (out / MARKER).write_text(json.dumps(dict(marker, version=0)))
    assert generate('cityscapes', out, **SMALL).new


def test_folder_that_lost_a_file_is_generated_again(tmp_path):
    out = generate('cityscapes', tmp_path / 'data', **SMALL).path
    before = digests(out)
    next((out / 'gtFine').rglob('*.png')).unlink()
    assert generate('cityscapes', out, **SMALL).new
    assert digests(out) == before


def test_interrupted_generation_leaves_no_data_set_and_the_next_call_repairs(
        tmp_path, monkeypatch):
    out = tmp_path / 'data'

    def interrupted(root, *_):
        (root / 'half.png').write_bytes(b'half')
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        broken = type(DATASETS['cityscapes'])(interrupted, (32, 64), 2, 1)
        patch.setitem(DATASETS, 'cityscapes', broken)
        with pytest.raises(KeyboardInterrupt):
            generate('cityscapes', out, **SMALL)
    assert not list(tmp_path.iterdir())
    killed = tmp_path / '.data.abc.partial' / 'new'  # what a killed process leaves behind
    killed.mkdir(parents=True)
    assert generate('cityscapes', out, **SMALL).new
    assert [path.name for path in tmp_path.iterdir()] == ['data']


def test_interruption_keeps_the_data_set_that_was_there(tmp_path, monkeypatch):
    out = generate('cityscapes', tmp_path / 'data', **SMALL).path
    before = digests(out)

    def interrupted(root, *_):
        raise KeyboardInterrupt

    monkeypatch.setitem(DATASETS, 'cityscapes',
                        type(DATASETS['cityscapes'])(interrupted, (32, 64), 2, 1))
    with pytest.raises(KeyboardInterrupt):
        generate('cityscapes', out, seed=1, replace=True, **SMALL)
    assert digests(out) == before


def test_of_two_calls_at_once_one_writes_and_the_other_finds_it_there(tmp_path):
    command = [sys.executable, '-W', 'ignore', str(TOOL), 'cityscapes', str(tmp_path / 'data'),
               '--size', '32', '64', '--train', '2', '--val', '1']
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate()[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sum('already there' in line for line in said) == 1
    assert [path.name for path in tmp_path.iterdir()] == ['data']


def test_folder_with_other_files_is_refused_and_left_alone(tmp_path):
    (tmp_path / 'real.txt').write_text('mine')
    with pytest.raises(ConfigError, match='holds files that were not generated'):
        generate('cityscapes', tmp_path, **SMALL)
    assert [path.name for path in tmp_path.iterdir()] == ['real.txt']


@pytest.mark.parametrize('wrong, message', [
    (dict(dataset='cityscape'), "dataset = 'cityscape'.*cityscapes"),
    (dict(size=(16, 64)), r'size = \[16, 64\].*32 to 2048'),
    (dict(train=0), 'train = 0.*1 or more'),
    (dict(val=-1), 'val = -1.*1 or more'),
    (dict(seed=-1), 'seed = -1.*0 or more')])
def test_wrong_parameter_is_named_with_its_value_and_a_remedy(wrong, message, tmp_path):
    with pytest.raises(ConfigError, match=message):
        generate(**{'dataset': 'cityscapes', 'out': tmp_path / 'data', **SMALL, **wrong})
    assert not list(tmp_path.iterdir())


def test_tool_prints_one_line_and_a_wrong_argument_exits_with_2(tmp_path):
    out = tmp_path / 'data'
    done = run_tool('cityscapes', out, '--size', 32, 64, '--train', 2, '--val', 1)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith('cityscapes: 2 train + 1 val images of 32x64 pixels in ')
    assert str(out) in done.stdout and done.stdout.count('\n') == 1
    for wrong in (('cityscape', out), ('cityscapes', out, '--train', 'x'),
                  ('cityscapes', out, '--train', 0)):
        failed = run_tool(*wrong)
        assert failed.returncode == 2
        assert failed.stderr.count('\n') == 1 and str(wrong[-1] if len(wrong) > 2 else
                                                      'cityscape') in failed.stderr


@pytest.mark.parametrize('content', ['{}', '[]', '{"dataset": "cityscapes"}', '[' * 10**5, None])
def test_a_folder_whose_marker_is_somebody_elses_stays(tmp_path, content):
    """``dataset.json`` is a name that others give, too."""
    out = tmp_path / 'data'
    out.mkdir()
    if content is None:  # a whole one, and a file that nobody has generated
        generate('cityscapes', out, **SMALL)
    else:
        (out / MARKER).write_text(content)
    (out / 'thesis.txt').write_text('mine')
    with pytest.raises(ConfigError, match='holds files that were not generated'):
        generate('cityscapes', out, **SMALL, replace=True)
    assert (out / 'thesis.txt').read_text() == 'mine'


@pytest.mark.skipif(not os.path.isdir('/proc/self'), reason='this system has no /proc')
def test_a_folder_that_cannot_be_made_is_named():
    with pytest.raises(ConfigError, match=r'out = .*cannot be made \(No such file or directory\)'):
        generate('cityscapes', '/proc/self/data/demo', **SMALL)
