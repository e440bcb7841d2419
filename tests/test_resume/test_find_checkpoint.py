"""Which checkpoint a run goes on from, whatever has become of the files."""
import logging
import os
import pickle
import shutil

import pytest
import torch
from mmengine.logging import MMLogger

from mmst.engine.run.resume import find_checkpoint
from mmst.engine.run.run_record import RECORD
from mmst.errors import TicketError


@pytest.fixture
def work(tmp_path):
    """A work directory with checkpoints of epochs 2, 9 and 10."""
    for epoch in (2, 9, 10):
        write(tmp_path / f'epoch_{epoch}.pth', epoch)
    (tmp_path / 'last_checkpoint').write_text(str(tmp_path / 'epoch_10.pth'))
    return tmp_path


def write(path, epoch, **more):
    torch.save(dict(meta=dict(epoch=epoch, iter=0), state_dict=dict(w=torch.randn(500)),
                    message_hub={}, optimizer={}, **more), path)


def found(work):
    path = find_checkpoint(work)
    return path and os.path.basename(path)


def truncate(path, share=0.5):
    os.truncate(path, int(path.stat().st_size * share))


@pytest.fixture
def warnings():
    """The log of the meantime."""
    records = []
    logger = MMLogger.get_instance('find', logger_name='find')
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: records.append(record.getMessage())
    logger.addHandler(handler)
    return records


def test_it_is_the_one_that_last_checkpoint_names(work, warnings):
    assert found(work) == 'epoch_10.pth'
    (work / 'last_checkpoint').write_text(str(work / 'epoch_9.pth'))
    assert found(work) == 'epoch_9.pth' and not warnings


def test_without_checkpoints_there_is_none(tmp_path):
    assert find_checkpoint(tmp_path) is None and find_checkpoint(tmp_path / 'nowhere') is None


@pytest.mark.parametrize('share', [0, 0.01, 0.5, 0.999])
def test_a_truncated_one_is_passed_over_with_a_warning(work, warnings, share):
    truncate(work / 'epoch_10.pth', share)
    assert found(work) == 'epoch_9.pth'
    assert len(warnings) == 1 and 'epoch_10.pth' in warnings[0] and 'epoch_9.pth' in warnings[0]


def test_several_truncated_ones_are_passed_over(work, warnings):
    truncate(work / 'epoch_10.pth')
    truncate(work / 'epoch_9.pth')
    assert found(work) == 'epoch_2.pth' and len(warnings) == 2


def test_one_flipped_bit_among_the_weights_is_enough(work):
    path = work / 'epoch_10.pth'
    data = bytearray(path.read_bytes())
    data[data.index(torch.load(path)['state_dict']['w'].numpy().tobytes()) + 1000] ^= 1
    path.write_bytes(data)
    assert found(work) == 'epoch_9.pth'


def test_one_that_is_not_there_is_passed_over(work, warnings):
    (work / 'epoch_10.pth').unlink()
    assert found(work) == 'epoch_9.pth' and 'is not there' in warnings[0]


def test_where_all_are_damaged_the_run_does_not_silently_begin_again(work):
    for path in work.glob('*.pth'):
        truncate(path)
    with pytest.raises(TicketError, match=r'epoch_10.pth.*no other checkpoint.*Remedy'):
        find_checkpoint(work)


def test_weights_alone_are_no_checkpoint(work):
    torch.save(dict(state_dict={}, meta={}), work / 'epoch_10.pth')
    assert found(work) == 'epoch_9.pth'


@pytest.mark.parametrize('content', ['', '\n', 'no such file', '/', '..', 'a\0b', 'x\ny\nz',
                                     '$(touch made)', '/dev/zero', 'é' * 5000])
def test_nonsense_in_last_checkpoint_does_no_harm(work, content, monkeypatch):
    monkeypatch.chdir(work)
    (work / 'last_checkpoint').write_text(content)
    assert found(work) == 'epoch_10.pth'
    assert not (work / 'made').exists()


def test_bytes_in_last_checkpoint_do_no_harm(work):
    (work / 'last_checkpoint').write_bytes(bytes(range(256)))
    assert found(work) == 'epoch_10.pth'
    (work / 'last_checkpoint').unlink()
    assert found(work) == 'epoch_10.pth'


def test_a_directory_that_was_moved_needs_no_correction(work, tmp_path_factory):
    moved = tmp_path_factory.mktemp('moved') / 'there'
    shutil.copytree(work, moved)
    assert find_checkpoint(moved) == str(moved / 'epoch_10.pth')
    shutil.rmtree(work)
    assert find_checkpoint(moved) == str(moved / 'epoch_10.pth')


def test_checkpoints_of_another_folder_are_followed(work, tmp_path_factory):
    """As with ``CheckpointHook.out_dir``."""
    other = tmp_path_factory.mktemp('elsewhere')
    (other / 'last_checkpoint').write_text(str(work / 'epoch_10.pth'))
    assert find_checkpoint(other) == str(work / 'epoch_10.pth')
    truncate(work / 'epoch_10.pth')
    assert find_checkpoint(other) == str(work / 'epoch_9.pth')


def test_what_an_earlier_run_has_left_is_passed_over(work):
    (work / RECORD).write_text('{"run": "second", "config": {}}')
    for epoch, run in ((9, 'second'), (10, 'first')):
        write(work / f'epoch_{epoch}.pth', epoch, mmst_run=run)
    assert found(work) == 'epoch_9.pth'


class Payload:

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self.marker), )


@pytest.mark.parametrize('how', ['checkpoint', 'plain pickle', 'last_checkpoint'])
def test_code_in_the_files_does_not_run(work, how):
    marker, path = work / 'made', work / 'epoch_10.pth'
    if how == 'checkpoint':
        write(path, 10, extra=Payload(marker))
    else:
        name = path if how == 'plain pickle' else work / 'last_checkpoint'
        name.write_bytes(pickle.dumps(Payload(marker)))
    assert found(work) == ('epoch_10.pth' if how == 'last_checkpoint' else 'epoch_9.pth')
    assert not marker.exists()
