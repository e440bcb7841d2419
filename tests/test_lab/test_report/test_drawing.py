"""Blocks in their places."""
import re

import pytest
from small_nets import NARROW

from mmst.lab.report.blocks import blocks_of
from mmst.lab.report.drawing import NARROW as TALL
from mmst.lab.report.drawing import WIDE, _columns, _place, architecture, counts_of
from mmst.lab.report.scales import Scale, limits, short
from mmst.lab.report.svg import tag, words
from mmst.models import ClassificationNeck, DensePredictionNeck, HRNASSupernet
from mmst.models.hrnas.widths import get_widths


def full_widths(neck=None):
    """The paper's supernet, with a neck."""
    return dict(backbone=get_widths(HRNASSupernet(transformer='none')),
                neck=get_widths(neck or DensePredictionNeck(transformer='none')))


@pytest.fixture(scope='module')
def full():
    return full_widths()


def test_the_paper_s_supernet_has_its_61_blocks_in_five_modules_of_each_kind(full):
    blocks = blocks_of(full)
    assert len(blocks) == 61 and len({b.label for b in blocks}) == 61
    for kind in ('fusion', 'parallel'):
        assert {b.stage for b in blocks if b.kind == kind} == {0, 1, 2, 3, 4}
    assert [b.branch for b in blocks if b.kind == 'new'] == [1, 2, 3]
    last = [b for b in blocks if b.stage == 4 and b.kind == 'fusion']
    assert {(b.source, b.branch) for b in last} == {
        (i, j) for i in range(4) for j in range(4) if abs(i - j) < 2}


@pytest.mark.parametrize('form', [WIDE, TALL], ids=['wide', 'tall'])
@pytest.mark.parametrize('neck', [
    DensePredictionNeck(transformer='none'), ClassificationNeck(transformer='none')],
    ids=['dense', 'classification'])
def test_no_two_blocks_overlap(form, neck):
    blocks = blocks_of(full_widths(neck))
    places = [_place(form, b, blocks, _columns(blocks)) for b in blocks]
    for i, (x, y) in enumerate(places):
        for other_x, other_y in places[:i]:
            assert abs(x - other_x) >= form.block[0] or abs(y - other_y) >= form.block[1]


def test_time_and_branches_have_their_directions(full):
    blocks = blocks_of(full)
    places = {b.path: _place(WIDE, b, blocks, _columns(blocks)) for b in blocks}
    stages = [places[f'backbone.parallels.{i}.0.0'][0] for i in range(5)]
    branches = [places[f'backbone.parallels.4.{i}.0'][1] for i in range(4)]
    assert stages == sorted(set(stages)) and branches == sorted(set(branches))
    assert places['neck.block'][0] == max(x for x, _ in places.values())


def test_a_strip_s_colour_is_the_share_that_is_left(full):
    after = {part: {n: dict(w, channels=dict(w['channels'])) for n, w in blocks.items()}
             for part, blocks in full.items()}
    after['backbone']['parallels.0.0.0']['channels'][5] //= 2
    colours = [set(re.findall(r'fill="(#\w{6})"', architecture('x', full, widths, {})))
               for widths in (full, after)]
    assert len(colours[1] - colours[0]) == 1


def test_an_emptied_block_is_crossed_out():
    before = dict(backbone=get_widths(HRNASSupernet(**NARROW)))
    after = dict(backbone={n: dict(w, tokens=0, channels=dict.fromkeys(w['channels'], 0))
                           for n, w in before['backbone'].items()})
    drawn = architecture('x', before, after, {})
    assert drawn.count('stroke="#ffffff"') == 2 * len(before['backbone'])
    assert architecture('x', before, before, {}).count('stroke="#ffffff"') == 0


def test_counts_are_those_of_the_widths(full):
    assert counts_of('neck.block', full) == {3: 1080, 5: 1080, 7: 1080, 0: 0}
    assert counts_of('neck.nothing', full) == {0: 0}


# --------------------------------------------------------------------------- small helpers


def test_values_find_their_places():
    scale = Scale(0, 10, 100, 200)
    assert scale(5) == 150 and scale.ticks(5) == [0, 2, 4, 6, 8, 10]
    assert Scale(0, 3, 0, 1).ticks(6, whole=True) == [0, 1, 2, 3]
    assert Scale(2, 2, 0, 1)(2) == 0


def test_limits_leave_room_and_pass_over_what_is_no_number():
    assert limits([1., 5., float('nan'), float('inf')])[0] == 0
    assert limits([1., 5.])[1] > 5 and limits([])[1] > 0 and limits([-2., 2.])[0] < -2


@pytest.mark.parametrize('value, text', [
    (1.5e6, '1.5M'), (2e10, '20G'), (0.25, '0.25'), (0, '0'), (1000, '1k'), (-2e3, '-2k')])
def test_numbers_are_short(value, text):
    assert short(value) == text


def test_everything_in_an_element_is_escaped():
    assert tag('a', href='"><script>') == '<a href="&quot;&gt;&lt;script&gt;"></a>'
    assert words('<b>', 1, 2.25) == '<text x="1" y="2.25">&lt;b&gt;</text>'
    assert tag('a', class_='x', title=None, data_x=1) == '<a class="x" data-x="1"></a>'
