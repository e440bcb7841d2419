"""The file of events."""
import pytest

from mmst.engine.run import timeline
from mmst.errors import TrainingError

RUN = dict(kind='run', step=0, steps=9)
EVENTS = [dict(kind='prune', step=2, state=dict(sparsity=0.1)), dict(kind='search', step=4),
          dict(kind='prune', step=4)]


def test_what_is_written_is_read(tmp_path):
    timeline.begin(tmp_path, RUN, EVENTS[:1])
    timeline.append(tmp_path, EVENTS[1:])
    assert timeline.read(tmp_path) == (RUN, EVENTS)


def test_every_event_is_on_the_disk_once_it_is_written(tmp_path):
    timeline.begin(tmp_path, RUN, [])
    for count, event in enumerate(EVENTS, 1):
        timeline.append(tmp_path, [event])
        assert timeline.read(tmp_path) == (RUN, EVENTS[:count])


@pytest.mark.parametrize('half', ['{"kind": "prune", "st', '{"kind": "prune", "step": 9}', '[]\n',
                                  '{"kind": "prune"}\n', '\x00\n'])
def test_a_line_that_is_not_whole_is_left_out(tmp_path, half):
    timeline.begin(tmp_path, RUN, EVENTS)
    with open(tmp_path / timeline.FILE, 'a') as file:
        file.write(half)
    assert timeline.read(tmp_path) == (RUN, EVENTS)


@pytest.mark.parametrize('content', [None, b'', b'\xff\xfe', b'{"kind": "prune", "step": 1}\n'])
def test_no_timeline_is_none(tmp_path, content):
    if content is not None:
        (tmp_path / timeline.FILE).write_bytes(content)
    assert timeline.read(tmp_path) == (None, [])


def test_a_run_that_goes_on_keeps_what_its_checkpoint_knows_and_no_more():
    events = [dict(kind=e['kind'], step=e['step']) for e in EVENTS]
    assert timeline.merge(events[:2], EVENTS) == EVENTS[:2]
    assert timeline.merge(events, EVENTS[:1]) == EVENTS[:1] + events[1:]
    assert timeline.merge(events, []) == events


def test_entries_of_another_history_are_dropped():
    events = [dict(kind='prune', step=3), dict(kind='search', step=4)]
    assert timeline.merge(events, EVENTS) == [events[0], EVENTS[1]]


def test_a_file_that_cannot_be_written_ends_in_one_line(tmp_path):
    with pytest.raises(TrainingError, match=r'timeline.jsonl cannot be written .*Remedy: '):
        timeline.append(tmp_path / 'nowhere', EVENTS)
