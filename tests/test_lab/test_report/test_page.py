"""The content of the page."""
import json
from html.parser import HTMLParser

import pytest
from report_runs import write_run

from mmst.engine.run import timeline
from mmst.errors import ConfigError
from mmst.lab.baselines import FILE, Baseline, write_baselines
from mmst.lab.report import write_report
from mmst.lab.report.collect import collect
from mmst.lab.report.page import page
from mmst.lab.report.samples import Sample, draw_samples
from mmst.lab.style import shade


class Checked(HTMLParser):
    """Refuses elements that are not closed in order; collects ids, links and text."""
    VOID = {'meta', 'link', 'img', 'br'}

    def __init__(self, text):
        super().__init__()
        self.open, self.ids, self.sources, self.tips, self.words = [], [], [], [], []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.ids += [attrs['id']] if 'id' in attrs else []
        self.sources += [attrs[k] for k in ('href', 'src') if k in attrs]
        self.tips += [attrs['aria-label']] if attrs.get('class') == 'spot' else []
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp('report') / '<i>run & "co"')


@pytest.fixture(scope='module')
def text(folder):
    return page(collect(folder), [Sample(None, 'no <samples>')])


def test_it_is_whole_and_asks_for_nothing(text):
    found = Checked(text)
    assert len(found.ids) == len(set(found.ids))
    assert all(source.startswith(('#', 'data:')) for source in found.sources)
    assert {s[1:] for s in found.sources if s.startswith('#')} == set(found.ids)
    assert 'http' not in text.replace('http-equiv', '') and '@import' not in text


def test_what_comes_from_the_run_is_escaped(text):
    assert '<i>run' not in text and '&lt;i&gt;run &amp; &quot;co&quot;' in text
    assert '<b>5 > 3</b>' not in text and '&lt;b&gt;5 &gt; 3&lt;/b&gt;' in text
    assert 'no &lt;samples&gt;' in text


def test_the_same_run_gives_the_same_page(folder, text):
    assert page(collect(folder), [Sample(None, 'no <samples>')]) == text


@pytest.mark.parametrize('file, old, new', [
    (timeline.FILE, '"mIoU": 18.0', '"mIoU": 18.000001'),
    (timeline.FILE, '"revived": 123', '"revived": 124'),
    (timeline.FILE, '"batches": 2', '"batches": 3'),
    ('20240101_100000/vis_data/scalars.json', '2.5', '2.5000001'),
    ('ticket.json', '"seed": 11', '"seed": 12'),
    ('narrow.py', 'max_epochs=8', 'max_epochs=9')])
def test_changing_one_logged_number_changes_the_page(tmp_path, file, old, new):
    write_run(tmp_path)
    before = page(collect(tmp_path), [])
    content = (tmp_path / file).read_text()
    assert content.count(old) >= 1
    (tmp_path / file).write_text(content.replace(old, new, 1))
    assert page(collect(tmp_path), []) != before


def test_every_block_tells_its_numbers_in_both_drawings(folder, text):
    data, tips = collect(folder), Checked(text).tips
    blocks = [(part, name) for part, found in data.before.items() for name in found]
    assert len(blocks) == 27
    left = data.after['backbone']['parallels.3.2.0']['channels']
    printed = next(t for t in tips if t.startswith('stage 4, parallel, branch 3, block 1:')
                and f'3x3 {left["3"]} of 16, 5x5 {left["5"]} of 16' in t)
    assert printed.endswith('of a layer\'s weights pruned on average')
    # Before and after, each for wide and for narrow screens; once more in the heat map.
    assert sum(t.startswith('stage 4, parallel, branch 3, block 1:') for t in tips) == 5


def test_events_tell_what_they_are_once(text):
    tips = Checked(text).tips
    assert tips.count('epoch 4: reactivate at 4: 123 pruned weights train again') == 1
    assert any(t.startswith('epoch 8: mIoU 18 at ') for t in tips)
    assert any(t.startswith('epoch 4: mIoU 14 at ') and t.endswith('interim') for t in tips)


def test_status_seed_and_versions_are_reported(text):
    words = ' '.join(Checked(text).words)
    assert 'Finished at epoch 8.' in words and '1.2.3' in words and 'mIoU' in words


def test_a_killed_run_says_that_it_is_not_finished(tmp_path):
    text = page(collect(write_run(tmp_path, killed=True)), [])
    words = ' '.join(Checked(text).words)
    assert 'Not finished: the last event was at epoch 4 of 8.' in words
    assert 'after epoch 4' in words and 'kept weights' in words


def test_a_run_without_blocks_has_no_drawing_and_says_so(tmp_path):
    write_run(tmp_path)
    run, entries = timeline.read(tmp_path)
    for entry in entries:
        if 'state' in entry:
            entry['state'].update(widths={}, layers={'backbone.conv1.weight': 0.25})
    timeline.begin(tmp_path, dict(run, widths={}), entries)
    (tmp_path / 'narrow.py').write_text('model = dict(backbone=dict(type="ResNet"))')
    (tmp_path / 'ticket.json').unlink()
    text = page(collect(tmp_path), [])
    assert 'no drawing of it' in text and 'conv1: 4 75.0%, 8 75.0%' in Checked(text).tips


def test_a_run_that_has_only_begun_is_no_empty_page(tmp_path):
    write_run(tmp_path, killed=True)
    run, _entries = timeline.read(tmp_path)
    timeline.begin(tmp_path, run, [dict(kind='recalibrate', step=1, batches=2)])
    words = ' '.join(Checked(page(collect(tmp_path), [])).words)
    assert 'No search has recorded' in words and 'weights pruned' not in words


def test_samples_that_cannot_be_drawn_say_why(folder):
    sample, = draw_samples(collect(folder), 2)
    assert sample.png is None and 'no ticket or checkpoint' in sample.text
    sample, = draw_samples(collect(folder), 0)
    assert '--samples 0' in sample.text


def test_pictures_are_part_of_the_page(folder):
    text = page(collect(folder), [Sample(b'\x89PNG', 'an image')])
    assert 'src="data:image/png;base64,iVBORw=="' in text


def test_the_file_is_written_where_it_is_asked_for(tmp_path, folder):
    path = write_report(write_run(tmp_path / 'run'), samples=0)
    assert path == tmp_path / 'run' / 'report.html' and path.read_text().endswith('</html>\n')
    other = write_report(tmp_path / 'run', tmp_path / 'x' / 'y.html', samples=0)
    assert other.read_bytes() == path.read_bytes()
    before = {p: p.stat().st_mtime_ns for p in folder.rglob('*')}
    write_report(folder, tmp_path / 'z.html', samples=0)
    assert {p: p.stat().st_mtime_ns for p in folder.rglob('*')} == before


def test_a_folder_that_is_no_run_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(ConfigError):
        write_report(tmp_path, samples=0)
    assert not list(tmp_path.iterdir())


def test_unit_names_and_counts_are_those_of_the_log(folder):
    data = collect(folder)
    histogram = data.of_kind('search')[0]['importance']
    tips = Checked(page(data, [])).tips
    for counts in histogram.values():
        assert any(f'before the search at 4: {sum(counts):,} units' in t for t in tips)
    assert json.loads(json.dumps(histogram)) == histogram


def rows_of(text):
    """Cells of the table next to the headline."""
    head = text.partition('<section')[0]
    cells = [row.split('</td>') for row in head.partition('<tbody>')[2].split('</tr>')]
    return [[cell.rpartition('>')[2] for cell in row[:-1]] for row in cells if len(row) > 1]


def test_the_supernet_stands_next_to_the_headline_where_nobody_has_measured_others(text):
    assert rows_of(text) == [['supernet, before the search', '-', '0.040', '0.0090'],
                             ['this run, kept weights', '18.00', '0.015', '0.0020']]


def test_networks_that_were_measured_stand_next_to_the_headline(tmp_path):
    write_baselines(write_run(tmp_path), [
        Baseline('dense <supernet>', 67.9, 4.5e6, 5.9e8), Baseline('a constant answer', 4.7)])
    assert rows_of(page(collect(tmp_path), [])) == [
        ['dense &lt;supernet&gt;', '67.90', '4.500', '0.5900'],
        ['a constant answer', '4.70', '-', '-'],
        ['this run, kept weights', '18.00', '0.015', '0.0020']]


@pytest.mark.parametrize('content', [
    '{', '3', '[3]', '[{"name": 3}]', '[{"name": "x", "score": "1"}]', '[{"name": "x", "y": 1}]',
    '[{"name": "x", "score": true}]', '[{"name": "x", "score": NaN}]', '[{}]'])
def test_baselines_that_nobody_writes_are_left_out_with_a_note(tmp_path, content):
    (write_run(tmp_path) / FILE).write_text(content)
    data = collect(tmp_path)
    assert data.baselines == [] and any(FILE in note for note in data.notes)
    assert len(rows_of(page(data, []))) == 2


def test_both_maps_are_light_where_weights_are_left(folder):
    """A block that has lost everything is dark in both."""
    data = collect(folder)
    for left in data.after['backbone'].values():
        for kind in left:
            left[kind] = dict.fromkeys(left[kind], 0) if isinstance(left[kind], dict) else 0
    for name in data.layers:
        data.layers[name] = 1.
    section = page(data, []).partition('id="layers"')[2].partition('</section>')[0]
    maps = section.split('<figure>')[1:]
    assert len(maps) == 2
    dark = shade(0)
    for drawn in maps:
        assert 'left, in %' in drawn or 'kept, in %' in drawn
        assert dark in drawn and shade(1) not in drawn.partition('neck')[0]


def test_rows_are_named_in_words(text):
    section = text.partition('id="layers"')[2].partition('</section>')[0]
    for name in ('stage 3, branch 1 to 2', 'stage 4, branch 3, block 1', 'stage 3, new branch 3'):
        assert f'>{name}</text>' in section


def test_colours_of_a_sample_are_explained_below_it(folder):
    text = page(collect(folder), [Sample(b'x', 'people', (('#00ff00', 'left <side>'), ))])
    below = text.partition('class="legend"')[2].partition('</p>')[0]
    assert 'fill="#00ff00"' in below and 'left &lt;side&gt;' in below


def test_a_kernel_size_that_a_search_has_removed_whole_leaves_an_empty_row(tmp_path):
    write_run(tmp_path)
    run, entries = timeline.read(tmp_path)
    last = [entry for entry in entries if entry['kind'] == 'search'][-1]
    last['importance'].pop('7')
    timeline.begin(tmp_path, run, entries)
    tips = Checked(page(collect(tmp_path), [])).tips
    assert any(tip.startswith('before the search at 8: 0 units') for tip in tips)
