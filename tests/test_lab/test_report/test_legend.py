"""What pictures of the toolboxes' visualizers are said to show."""
from types import SimpleNamespace

from mmst.lab.report.legend import legend


def test_key_points_of_one_side_share_a_name():
    meta = dict(keypoint_id2name={0: 'nose', 1: 'left_eye', 2: 'left_ear', 3: 'right_eye'},
                keypoint_colors=[[0, 0, 255], [0, 255, 0], [0, 255, 0], [255, 128, 0]])
    words, colours = legend(SimpleNamespace(dataset_meta=meta))
    assert 'left the labels, right the predictions' in words
    assert colours == (('#0000ff', 'nose'), ('#00ff00', 'left side'), ('#ff8000', 'right side'))


def test_boxes_have_the_colours_of_their_classes():
    meta = dict(classes=('car', 'bus'), palette=[(1, 2, 3), (255, 0, 16)])
    _, colours = legend(SimpleNamespace(dataset_meta=meta))
    assert colours == (('#010203', 'car'), ('#ff0010', 'bus'))


def test_a_classified_image_says_what_is_written_into_it():
    drawer = SimpleNamespace(dataset_meta=None, visualize_cls=print)
    assert legend(drawer) == ('the label, then the prediction with its score', ())
