"""Rows, columns, labels."""
import numpy as np

from mmst.lab.visualize.grid import GAP, grid
from mmst.lab.visualize.text import fit, text_width, write


def flat(height, width, value):
    return np.full((height, width, 3), value, np.uint8)


def test_pictures_stand_in_their_cells_scaled_to_the_column():
    picture = grid([[flat(10, 20, 10), flat(20, 40, 200)], [flat(5, 10, 30), flat(5, 10, 90)]],
                   ['a', 'b'], width=40)
    height, width = picture.shape[:2]
    assert width == 2 * 40 + 3 * GAP and height % 2 == 0
    cells = picture[height - 2 * (20 + GAP):]
    for row, values in ((0, (10, 200)), (1, (30, 90))):
        for column, value in enumerate(values):
            left, top = GAP + column * (40 + GAP), row * (20 + GAP)
            assert (cells[top:top + 20, left:left + 40] == value).all()


def test_labels_and_legend_are_written():
    plain = grid([[flat(10, 20, 255)]], [''], width=200)
    labelled = grid([[flat(10, 20, 255)]], ['a label'], width=200)
    assert plain.shape == labelled.shape and (plain != labelled).any()
    legend = grid([[flat(10, 20, 255)]], [''], 200, [('road', (128, 64, 128)), ('sky', (1, 2, 3))])
    assert legend.shape[0] > plain.shape[0]
    for colour in ((128, 64, 128), (1, 2, 3)):
        assert (legend == colour).all(-1).sum() > 100


def test_a_legend_that_is_too_wide_goes_on_in_the_next_line():
    def entries(count):
        return [(f'a class of number {i}', (i, 0, 0)) for i in range(count)]

    one, many = (grid([[flat(10, 20, 255)]], ['a'], 300, entries(n)) for n in (1, 6))
    assert many.shape[0] > one.shape[0] and many.shape[1] == one.shape[1]


def test_sizes_are_even_as_video_formats_need_them():
    assert all(n % 2 == 0 for n in grid([[flat(7, 33, 0)]], ['a'], 33).shape[:2])


def test_long_labels_are_cut_off():
    text = fit('a label that is far too long for its column', 100, 15)
    assert text.endswith('…') and text_width(text, 15) <= 100
    assert fit('short', 100, 15) == 'short'


def test_writing_leaves_the_picture_as_it_was():
    picture = flat(20, 100, 255)
    assert (write(picture, 'x', (0, 0), 15) != picture).any() and (picture == 255).all()
