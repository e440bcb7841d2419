"""visualize.py: files, labels, videos, and how bad input ends."""
import json

import cv2
import numpy as np
import pytest
from tiny_street import load_tool
from view_tickets import view_ticket, write_view_config

from mmst.deploy.export import save_sparse
from mmst.lab.visualize.grid import GAP
from mmst.lab.visualize.text import SIZE, line_height
from mmst.tickets import Ticket


def visualize(*args):
    return load_tool('visualize').main([str(arg) for arg in args])


class Place:
    """A task's config, two tickets, three images."""

    def __init__(self, task, folder):
        self.folder, self.config = folder, write_view_config(task, folder)
        self.tickets = [folder / f'{name}.pth' for name in ('one', 'two')]
        for seed, path in enumerate(self.tickets):
            view_ticket(task, seed).save(path)
        self.images = folder / 'images'
        self.images.mkdir()
        for i in range(3):
            pixels = np.random.randint(0, 255, (48, 64, 3), np.uint8)
            cv2.imwrite(str(self.images / f'{i}.png'), pixels)


@pytest.fixture(scope='module')
def streets(tmp_path_factory):
    return Place('cityscapes', tmp_path_factory.mktemp('streets'))


@pytest.fixture(scope='module')
def people(tmp_path_factory):
    return Place('coco', tmp_path_factory.mktemp('people'))


def columns_of(path, count, width):
    """The columns' pixels, below the labels."""
    picture = cv2.imread(str(path))
    lefts = [GAP + i * (width + GAP) for i in range(count)]
    return [picture[line_height(SIZE) + GAP:, left:left + width] for left in lefts]


def test_images_of_a_folder_are_rows_and_tickets_columns(streets, tmp_path, capsys):
    out = tmp_path / 'x.png'
    assert visualize(streets.config, *streets.tickets, '--images', streets.images, '-o', out,
                     '--width', 64, '--opacity', 1) == 0
    assert capsys.readouterr().out.strip().endswith(str(out))
    image, one, two = columns_of(out, 3, 64)
    assert image.shape[0] > 3 * 48
    assert (image[:144] != one[:144]).any(-1).mean() > 0.5
    assert (one[:144] != two[:144]).any(-1).mean() > 0.05


def test_many_images_are_several_files(streets, tmp_path):
    assert visualize(streets.config, streets.tickets[0], '--images', streets.images, '-o',
                     tmp_path / 'x.png', '--width', 64, '--rows', 2) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ['x_1.png', 'x_2.png']


def test_sparse_files_are_drawn_as_their_tickets(streets, tmp_path):
    save_sparse(Ticket.load(streets.tickets[0]), tmp_path / 'one.sparse')
    assert visualize(streets.config, streets.tickets[0], tmp_path / 'one.sparse', '--images',
                     streets.images / '0.png', '-o', tmp_path / 'x.png', '--width', 64) == 0
    _, ticket, sparse = columns_of(tmp_path / 'x.png', 3, 64)
    assert (ticket[:48] != sparse[:48]).any(-1).mean() < 0.01


def test_validation_images_have_their_labels_next_to_them(people, tmp_path):
    assert visualize(people.config, people.tickets[0], '--indices', 0, 1, '--threshold', 0, '-o',
                     tmp_path / 'x.png') == 0
    image, labels, ticket = columns_of(tmp_path / 'x.png', 3, 320)
    assert (image != labels).any(-1).mean() > 0.002 and (ticket != labels).any(-1).mean() > 0.002


def test_a_threshold_that_no_score_reaches_is_said(people, tmp_path, capsys):
    more = '--images', people.images, '-o', tmp_path / 'x.png', '--threshold'
    assert visualize(people.config, people.tickets[0], *more, 0) == 0
    assert 'No key point' not in capsys.readouterr().out
    ticket = Ticket.load(people.tickets[0])
    weak = {name: value * (0.001 if name.startswith('head.') else 1)
            for name, value in ticket.state_dict.items()}
    ticket.with_weights(weak).save(tmp_path / 'weak.pth')
    assert visualize(people.config, tmp_path / 'weak.pth', *more, 0.9) == 0
    assert 'No key point was drawn: the highest score is 0.' in capsys.readouterr().out


def make_video(path, frames):
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*'mp4v'), 12, (64, 48))
    for i in range(frames):
        writer.write(np.full((48, 64, 3), 25 * i, np.uint8))
    writer.release()
    return path


def test_videos_keep_their_frames_and_speed(streets, tmp_path):
    video = make_video(tmp_path / 'in.mp4', 7)
    out = tmp_path / 'out.mp4'
    assert visualize(streets.config, *streets.tickets, '--images', video, '-o', out,
                     '--width', 64) == 0
    reader = cv2.VideoCapture(str(out))
    assert reader.get(cv2.CAP_PROP_FRAME_COUNT) == 7 and reader.get(cv2.CAP_PROP_FPS) == 12
    shades = []
    while (got := reader.read())[0]:
        shades.append(got[1][40:60, 20:50].mean())
    assert len(shades) == 7 and np.all(np.diff(shades) > 15), 'frames in their order'


def test_images_and_videos_go_into_a_folder(people, tmp_path):
    video = make_video(tmp_path / 'walk.mp4', 2)
    boxes = tmp_path / 'boxes.json'
    boxes.write_text(json.dumps([
        dict(image_id=0, bbox=[0, 0, 30, 40]), dict(image_id=1, bbox=[9, 9, 30, 30])]))
    assert visualize(people.config, people.tickets[0], '--images', video, people.images / '1.png',
                     '--boxes', boxes, '-o', tmp_path / 'out') == 0
    assert sorted(p.name for p in (tmp_path / 'out').iterdir()) == ['images.png', 'walk.mp4']


def test_videos_of_one_name_do_not_overwrite_each_other(streets, tmp_path):
    (tmp_path / 'a').mkdir(), (tmp_path / 'b').mkdir()
    videos = [make_video(tmp_path / folder / 'x.mp4', 1) for folder in 'ab']
    assert visualize(streets.config, streets.tickets[0], '--images', *videos, '-o',
                     tmp_path / 'out', '--width', 64) == 0
    assert sorted(p.name for p in (tmp_path / 'out').iterdir()) == ['x.mp4', 'x_2.mp4']


def test_images_need_no_data_set(streets, tmp_path):
    config = tmp_path / 'x.py'
    config.write_text(streets.config.read_text().replace(str(streets.folder / 'data'), 'nowhere'))
    assert visualize(config, streets.tickets[0], '--images', streets.images / '0.png', '-o',
                     tmp_path / 'x.png', '--width', 64) == 0


def refused(capsys, *args):
    capsys.readouterr()
    assert visualize(*args) == 2
    err = capsys.readouterr().err
    line = err.strip().splitlines()[-1]
    assert line.startswith('visualize.py: error: ') and 'Remedy: ' in line
    assert 'Traceback' not in err
    return line


@pytest.mark.parametrize('options, words', [
    (['--images', 'none.png'], '--images none.png: no such file'),
    ([], '--images = None: there is nothing to look at'),
    (['--images', 'IMAGES', '--labels', 'a', 'b'], "--labels = ['a', 'b']: there are 1 tickets"),
    (['--images', 'IMAGES', '--boxes', 'b.json'], '--boxes = \'b.json\': only key points'),
    (['--images', 'IMAGES', '-o', 'x.mp4'], 'is of another kind than the output'),
    (['--images', 'IMAGES', '-o', 'x.gif'], 'is no kind of file that can be written here'),
    (['--images', 'IMAGES', '--device', 'nowhere'], "--device = 'nowhere': cannot be used"),
    (['--images', 'IMAGES', '--width', '3'], '--width = 3: must lie between'),
    (['--images', 'IMAGES', '--opacity', '7'], '--opacity = 7.0: must lie between')])
def test_bad_options_end_in_one_line(streets, capsys, options, words):
    options = [streets.images if option == 'IMAGES' else option for option in options]
    assert words in refused(capsys, streets.config, streets.tickets[0], *options)


def test_tickets_of_another_task_are_refused(streets, people, capsys):
    line = refused(capsys, people.config, streets.tickets[0], '--images', people.images)
    assert 'is a ticket of mmseg, and the config is of mmpose' in line


def test_tickets_of_other_classes_are_refused(streets, tmp_path, capsys):
    ticket = Ticket.load(streets.tickets[0])
    ticket.model['decode_head']['num_classes'] = 7
    ticket.save(tmp_path / 'seven.pth')
    line = refused(capsys, streets.config, tmp_path / 'seven.pth', '--images', streets.images)
    assert "seven.pth has 7 classes, and the config's model 19" in line


def test_images_that_a_detector_has_not_seen_are_refused(people, tmp_path, capsys):
    (tmp_path / 'b.json').write_text('[]')
    line = refused(capsys, people.config, people.tickets[0], '--images', people.images, '--boxes',
                   tmp_path / 'b.json')
    assert 'no box of a person for 0.png' in line
