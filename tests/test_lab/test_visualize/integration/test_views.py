"""Predictions and drawings of the views of the three tasks."""
import cv2
import numpy as np
import pytest
from deploy_tickets import TASKS
from mmengine.config import Config
from mmengine.registry import DefaultScope
from view_tickets import view_ticket, write_view_config

from mmst.deploy.compact import compact
from mmst.errors import ConfigError, DataError
from mmst.lab.visualize import Subject, view_of
from mmst.lab.visualize.classification import BAR, RIGHT, best, tint
from mmst.lab.visualize.column import Column
from mmst.lab.visualize.compare import picture_row


@pytest.fixture(scope='module', params=TASKS)
def task(request):
    return request.param


@pytest.fixture(scope='module')
def config(task, tmp_path_factory):
    return Config.fromfile(write_view_config(task, tmp_path_factory.mktemp(task)))


@pytest.fixture
def view(config):
    with DefaultScope.overwrite_default_scope(config.default_scope):
        yield view_of(config, threshold=0.)


@pytest.fixture(scope='module')
def tickets(task):
    return [view_ticket(task, seed) for seed in (0, 1)]


def row_of(view, tickets, subject):
    """Pictures of a row by column, and the samples."""
    columns = [Column(str(i), view.prepare(ticket)) for i, ticket in enumerate(tickets)]
    return picture_row(view, columns, subject)


def differ(one, other):
    """Whether more than a few pixels differ."""
    return one.shape != other.shape or (one != other).any(-1).mean() > 0.005


def test_another_ticket_gives_another_picture_and_the_same_one_the_same(view, tickets):
    subject, = view.subjects([0])
    first, second, again = tickets[0], tickets[1], tickets[0]
    image, labels, *columns = row_of(view, [first, second, again], subject)[0]
    assert differ(columns[0], columns[1])
    np.testing.assert_array_equal(columns[0], columns[2])
    assert differ(labels, columns[0])
    assert image.shape == subject.image.shape


def test_another_image_gives_another_picture(view, tickets):
    one, other = view.subjects([0, 2])
    assert one.name != other.name
    assert differ(row_of(view, tickets[:1], one)[0][-1], row_of(view, tickets[:1], other)[0][-1])


def test_compact_tickets_are_drawn_alike(view, tickets):
    subject, = view.subjects([1])
    whole, small = row_of(view, [tickets[0], compact(tickets[0])], subject)[0][-2:]
    assert not differ(whole, small)


def test_an_index_beyond_the_data_is_refused(view):
    with pytest.raises(DataError, match=r'--indices 3: the validation data have 3 images.*0 to 2'):
        view.subjects([3])


def test_a_config_of_no_known_task_is_refused():
    with pytest.raises(ConfigError, match=r'no view draws this task.*mmpose, mmpretrain, mmseg'):
        view_of(Config(dict(default_scope='mmdet')))


# ------------------------------------------------------------------------- task by task


@pytest.mark.parametrize('task', ['cityscapes'], indirect=True)
def test_a_map_shows_the_colours_of_the_predicted_classes(view, tickets, task):
    view.opacity = 1.
    subject, = view.subjects([0])
    pictures, samples = row_of(view, tickets[:1], subject)
    palette = np.array(view.meta['palette'], np.uint8)
    np.testing.assert_array_equal(pictures[-1], palette[samples[-1].pred_sem_seg.data[0].numpy()])
    shown = {name for name, _ in view.legend(samples[-1:])}
    assert shown == {view.meta['classes'][i] for i in samples[-1].pred_sem_seg.data.unique()}


@pytest.mark.parametrize('task', ['cityscapes'], indirect=True)
def test_labels_are_drawn_at_the_size_of_the_image(view, task):
    subject, = view.subjects([0])
    assert subject.truth.gt_sem_seg.data.shape[1:] == subject.image.shape[:2]
    image = np.ascontiguousarray(subject.image[..., ::-1])
    view.opacity = 1.
    drawn = view.draw(image, subject.truth, truth=True)
    labels = subject.truth.gt_sem_seg.data[0].numpy()
    road = view.meta['classes'].index('road')
    assert (drawn[labels == road] == view.meta['palette'][road]).all()


@pytest.mark.parametrize('task', ['coco'], indirect=True)
def test_points_lie_in_their_boxes_and_without_boxes_in_the_image(view, tickets, task):
    subject, = view.subjects([0])
    network = view.prepare(tickets[0])
    inside = np.array([[20, 10, 60, 70]], np.float32)
    found = view.predict(network, Subject('x', subject.image, inside)).pred_instances
    assert found.keypoints.shape == (1, 17, 2)
    # A box is padded by a quarter and made as high as the network's input.
    assert (np.abs(found.keypoints[0] - [40, 40]) <= [60, 60]).all()
    whole = view.predict(network, Subject('x', subject.image)).pred_instances
    assert len(whole.keypoints) == 1 and not np.allclose(whole.keypoints, found.keypoints)


@pytest.mark.parametrize('task', ['coco'], indirect=True)
def test_nobody_is_drawn_where_there_are_no_boxes_or_no_scores(view, tickets, task):
    subject, = view.subjects([0])
    nobody = Subject('x', subject.image, np.zeros((0, 4), np.float32))
    image, picture = row_of(view, tickets[:1], nobody)[0]
    plain = cv2.resize(image, picture.shape[1::-1])
    assert not differ(picture, plain)
    somebody = Subject('x', subject.image, subject.boxes)
    assert differ(row_of(view, tickets[:1], somebody)[0][-1], plain)
    view.threshold = 1e6
    assert not differ(row_of(view, tickets[:1], somebody)[0][-1], plain)


@pytest.mark.parametrize('task', ['coco'], indirect=True)
def test_all_people_of_an_image_are_one_row(view, task):
    subjects = view.subjects([0, 1, 2])
    assert len({subject.name for subject in subjects}) == 3
    for subject in subjects:
        assert len(subject.boxes) == len(subject.truth.gt_instances.keypoints) >= 1


@pytest.mark.parametrize('task', ['imagenet'], indirect=True)
def test_bars_are_as_long_as_the_scores_and_green_for_the_right_class(view, tickets, task):
    subject, = view.subjects([0])
    pictures, samples = row_of(view, tickets[:1], subject)
    (label, score), *_ = best(samples[-1].pred_score.numpy())
    right = label == int(subject.truth.gt_label)
    bar = (pictures[-1][1] == tint(RIGHT if right else BAR)).all(-1)
    assert bar.sum() == max(1, round(score * bar.size))
    assert (pictures[1] == RIGHT).all(-1).any() and not (pictures[1] == BAR).all(-1).any()


def test_the_best_classes_come_first():
    assert best(np.array([0.1, 0.5, 0.1, 0.3]), 3) == [(1, 0.5), (3, 0.3), (0, 0.1)]
