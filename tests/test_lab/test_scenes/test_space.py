"""The camera, places and solids that scenes are drawn with."""
import numpy as np
import pytest

from mmst.lab.scenes.drawing import Canvas
from mmst.lab.scenes.solids import box, prism
from mmst.lab.scenes.space import NEAR, Camera, Place, Stage


@pytest.fixture
def camera():
    return Camera(focal=100.0, centre=64.0, horizon=32.0, height=2.0)


def test_point_at_eye_height_lies_on_the_horizon_and_size_falls_with_distance(camera):
    near, far = camera.project([(0, 2, 5), (1, 2, 5)]), camera.project([(0, 2, 10), (1, 2, 10)])
    assert near[:, 1].tolist() == far[:, 1].tolist() == [32.0, 32.0]
    assert near[1, 0] - near[0, 0] == pytest.approx(20.0)
    assert far[1, 0] - far[0, 0] == pytest.approx(10.0)


def test_turning_the_camera_right_moves_the_vanishing_point_left():
    turned = Camera(100.0, 64.0, 32.0, 2.0, yaw=0.1)
    assert turned.project([(0, 0, 1e6)])[0, 0] == pytest.approx(64 - 100 * np.tan(0.1), abs=0.01)


def test_polygon_through_the_camera_is_cut_at_the_near_plane(camera):
    corners = [(-1, 0, -5), (1, 0, -5), (1, 0, 5), (-1, 0, 5)]
    cut = camera.project(corners)
    assert len(cut) == 4
    assert cut[:, 1].max() == pytest.approx(32 + 100 * 2 / NEAR)
    assert len(camera.project([(x, y, -9) for x, y, _ in corners])) == 0


@pytest.mark.parametrize('heading, ahead', [(0, (0, 1)), (np.pi / 2, (1, 0)), (np.pi, (0, -1))])
def test_heading_turns_an_object_to_where_it_faces(heading, ahead):
    x, _, z = Place(3.0, 7.0, heading).world([(0, 0, 1)])[0]
    assert (x - 3, z - 7) == pytest.approx(ahead, abs=1e-9)


def test_normals_of_a_prism_point_outward():
    for points, normal, _ in prism([(0, 0), (4, 0), (3, 2), (1, 2)], -1, 1, (0, 0, 0)):
        assert np.linalg.norm(normal) == pytest.approx(1)
        assert (points.mean(0) - (0, 1, 2)) @ normal > 0


def test_solid_shows_its_near_faces_and_labels_them(camera):
    canvas = Canvas(64, 128)
    stage = Stage(canvas, camera, (0, 0, 0), sight=1e9, contrast=0.0)
    faces = [(points, normal, (255, 0, 0) if normal[2] < 0 else (0, 0, 255))
             for points, normal, _ in box(2, 2, 0, 2, None)]
    stage.solid(Place(0, 8, 0), faces, 3)
    image, label = canvas.finish()
    assert set(np.unique(label)) == {3, 255}
    assert image[40, 64].tolist() == [255, 0, 0]  # the back of what faces away


def test_label_map_holds_only_labels_that_were_drawn():
    canvas = Canvas(32, 32, background=0)
    canvas.disc((16, 16), (9, 9), (200, 200, 200), 7)
    canvas.stroke([(0, 0), (31, 20)], 3, (90, 90, 90), 4)
    image, label = canvas.finish()
    assert image.shape == (32, 32, 3) and label.shape == (32, 32)
    assert set(np.unique(label)) == {0, 4, 7}
