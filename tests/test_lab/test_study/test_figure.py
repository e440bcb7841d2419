"""Figures of studies: what they show, and that print without colour shows it too."""
import csv
import io
import xml.etree.ElementTree as xml

import pytest
from study_tables import bars_table, curves_table, row, section, table

from mmst.lab.study.figure import write_figures
from mmst.lab.study.points import OURS, PAPER, as_csv, figure_points
from mmst.lab.style import COLOURS, curve_styles, ink_on, plot_style, shade


def found(table):
    return {(p.series, p.run, p.source): (p.macs, p.score, p.low, p.high)
            for p in figure_points(table)}


def test_curves_have_scores_with_their_range_over_macs():
    points = found(curves_table())
    assert points['A', 'd.a_p50', OURS] == (4e6, 52., 50., 54.)
    assert points['A', 'd.a_p90', OURS] == (1e6, 40., 40., 40.)


def test_the_papers_points_are_there_where_it_gives_both_coordinates():
    points = found(curves_table())
    assert {key[1]: value[:2] for key, value in points.items() if key[2] == PAPER} == {
        'd.a_p50': (5e6, 70.), 'd.b_p90': (2e6, 20.)}


def test_runs_without_a_result_have_no_point():
    assert ('B', 'd.b_p90', OURS) not in found(curves_table())
    assert ('d.none', 'd.none', OURS) not in found(bars_table())


def test_an_ablation_has_every_row_s_bar():
    points = found(bars_table())
    assert points['d.plain', 'd.plain', OURS][1:] == (42., 40., 44.)
    assert points['d.more', 'd.more', PAPER][1] == 63. and len(points) == 5


def test_the_file_holds_the_points_that_are_drawn(tmp_path):
    paths = write_figures(curves_table(), tmp_path)
    assert [path.name for path in paths] == ['t.png', 't.svg', 't_figure.csv']
    text = paths[2].read_text()
    assert text == as_csv(figure_points(curves_table()))
    rows = list(csv.DictReader(io.StringIO(text)))
    printed = [(r['series'], r['source'], float(r['score'])) for r in rows if r['run'] == 'd.a_p50']
    assert printed == [('A', OURS, 52.), ('A', PAPER, 70.)]


@pytest.mark.parametrize('make', [curves_table, bars_table, lambda: table(section(row('d.x', [])))])
def test_the_same_table_gives_the_same_picture(tmp_path, make):
    for name in 'ab':
        write_figures(make(), tmp_path / name)
    for path in (tmp_path / 'a').iterdir():
        assert path.read_bytes() == (tmp_path / 'b' / path.name).read_bytes()


def texts(path):
    return [''.join(element.itertext()).strip() for element in xml.parse(path).iter()
            if element.tag.endswith('}text')]


def test_letters_of_the_svg_are_letters(tmp_path):
    write_figures(curves_table(), tmp_path)
    words = texts(tmp_path / 't.svg')
    assert {'A', 'B', 'AP', 'title of t', 'S: this project, size demo'} <= set(words)


def test_an_empty_half_says_so(tmp_path):
    write_figures(table(section(row('d.x', []), curves=dict(A=['d.x']))), tmp_path)
    assert {'no results yet', 'no figures in the text'} <= set(texts(tmp_path / 't.svg'))


def test_changing_one_score_changes_the_picture(tmp_path):
    changed = curves_table()
    changed['sections'][0]['rows'][2]['metrics']['AP']['mean'] += 1
    for name, content in (('a', curves_table()), ('b', changed)):
        write_figures(content, tmp_path / name)
    for ending in ('t.png', 't.svg', 't_figure.csv'):
        assert (tmp_path / 'a' / ending).read_bytes() != (tmp_path / 'b' / ending).read_bytes()


# ------------------------------------------------------------------------------------ style


def test_curves_differ_in_colour_marker_and_line():
    styles = curve_styles(7)
    for name in ('color', 'marker', 'linestyle'):
        assert len({str(style[name]) for style in styles}) == 7
    assert len(curve_styles(10)) == 10 and styles[0]['color'] == COLOURS[0]


def test_the_style_leaves_no_trace():
    import matplotlib
    before = dict(matplotlib.rcParams)
    with plot_style() as plt:
        assert plt.rcParams['svg.fonttype'] == 'none'
    assert {k: v for k, v in matplotlib.rcParams.items() if before[k] != v} == {}


def luminance(colour):
    red, green, blue = (int(colour[i:i + 2], 16) for i in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_shares_grow_lighter_in_print_too():
    steps = [luminance(shade(i / 10)) for i in range(11)]
    assert steps == sorted(steps) and steps[-1] - steps[0] > 150
    assert shade(-1) == shade(0) and shade(2) == shade(1)


def test_letters_on_a_shade_can_be_read():
    assert ink_on(shade(0)) == '#ffffff' and ink_on(shade(1)) == '#000000'
