"""File names that come out of a checkpoint: only the run's own files inside its folder ever go."""
import os
import shutil

import kills
import pytest
import torch

from mmst.engine.run.own_files import own_name, own_steps
from mmst.openmmlab.safe_checkpoints import safe_load
from mmst.tickets.digest import DIGESTS, part_digests

OUTDATED = 'mmst_outdated'


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    """Two epochs, with a best checkpoint."""
    folder = tmp_path_factory.mktemp('trained')
    kills.finish(folder, resume=False, epochs=2, workers=0, length=4)
    return folder / kills.WORK


@pytest.fixture
def place(tmp_path, trained, monkeypatch):
    """A copy of the run, and next to it files and a folder that are none of its business."""
    shutil.copytree(trained, tmp_path / 'run' / kills.WORK)
    for name in ('precious', 'precious/epoch_1.pth', 'run/epoch_1.pth',
                 'run/best_score_epoch_1.pth', f'run/{kills.WORK}/notes.txt',
                 f'run/{kills.WORK}/best_of_all.txt'):
        path = tmp_path / name
        if path.suffix:
            path.parent.mkdir(exist_ok=True)
            path.write_text('mine')
        else:
            path.mkdir()
    monkeypatch.chdir(tmp_path / 'run')
    return tmp_path


def resume(place, **known):
    """Go on from a checkpoint whose message hub says so: its digests fit, as a forger's would."""
    path = place / 'run' / kills.WORK / 'epoch_2.pth'
    content = safe_load(str(path))
    content['message_hub']['runtime_info'].update(known)
    content[DIGESTS] = part_digests({k: v for k, v in content.items() if k != DIGESTS})
    torch.save(content, path)
    kills.finish(place / 'run', epochs=3, workers=0, length=4)
    assert (place / 'run' / kills.WORK / 'epoch_3.pth').is_file()


def others(place):
    return sorted(str(p.relative_to(place)) for p in place.rglob('*')
                  if 'precious' in p.parts or p.suffix == '.txt' or p.parent == place / 'run')


@pytest.mark.by_turns(3)
def test_no_file_of_others_goes_whatever_a_checkpoint_names(place):
    before = others(place)
    work = place / 'run' / kills.WORK
    os.symlink(place / 'precious', work / 'epoch_7.pth')
    os.symlink(place / 'precious' / 'epoch_1.pth', work / 'epoch_8.pth')
    names = [str(place / 'precious'), str(place / 'precious' / 'epoch_1.pth'), '../epoch_1.pth',
             '../../precious', '..', '.', '', '/', 'notes.txt', 'best_of_all.txt', 7, None, ['x'],
             'epoch_7.pth', 'epoch_8.pth', 'timeline.jsonl', 'epoch_2.pth/../notes.txt']
    resume(place, **{
        OUTDATED: names, 'last_ckpt': str(place / 'precious' / 'epoch_1.pth'),
        'best_ckpt': '../best_score_epoch_1.pth', 'best_score': -1.,
        'keep_ckpt_ids': ['../../precious/epoch_1', -1, True, 10**4000, 1, 2]})
    assert set(before) <= set(others(place))
    assert (place / 'precious' / 'epoch_1.pth').read_text() == 'mine'


@pytest.mark.by_turns(3)
@pytest.mark.parametrize('value', ['epoch_1.pth', dict(a=1)])
def test_lists_of_another_kind_do_no_harm(place, value):
    before = others(place)
    resume(place, **{OUTDATED: value, 'keep_ckpt_ids': value, 'best_ckpt': value})
    assert set(before) <= set(others(place))


def test_what_the_run_itself_outdated_still_goes(place):
    work = place / 'run' / kills.WORK
    for name in ('epoch_1.pth', 'best_score_epoch_1.pth'):
        shutil.copy(work / 'epoch_2.pth', work / name)
    resume(place, **{OUTDATED: [str(work / 'epoch_1.pth'), 'best_score_epoch_1.pth'],
                     'keep_ckpt_ids': [2]})
    assert not (work / 'epoch_1.pth').exists()
    assert (work / 'epoch_2.pth').is_file() and len(list(work.glob('best_*.pth'))) == 1


def test_a_moved_run_finds_its_files_where_it_is(place, trained):
    """A copy goes on without touching what it was copied from."""
    before = sorted(trained.iterdir())
    resume(place, best_score=-1.)
    assert sorted(trained.iterdir()) == before
    best = list((place / 'run' / kills.WORK).glob('best_*.pth'))
    assert len(best) == 1


@pytest.mark.parametrize('path,name', [
    ('/a/epoch_3.pth', 'epoch_3.pth'), ('../epoch_12.pth', 'epoch_12.pth'),
    ('best_mIoU_epoch_3.pth', 'best_mIoU_epoch_3.pth'), ('epoch_3.pth.txt', None),
    ('epoch_.pth', None), ('epoch_3.pth/x', None), ('xepoch_3.pth', None), ('iter_3.pth', None),
    ('best_epoch_3.pth', None), ('..', None), ('', None), ('epoch_3.pth\n', None), (3, None),
    (b'epoch_3.pth', None)])
def test_names_are_those_of_the_run(path, name):
    assert own_name(path, 'epoch_{}.pth') == name


def test_steps_are_whole_numbers():
    assert own_steps([1, '2', True, -1, 3., 10**20, 0]) == [1, 0]
    assert own_steps('12') == own_steps(None) == []
