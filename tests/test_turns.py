"""Tests that take turns: each commit runs some, and each of them comes."""
from pathlib import Path
from types import SimpleNamespace

import pytest
from conftest import pytest_collection_modifyitems


class Item:
    """A test as pytest collects it."""

    def __init__(self, name, mark=None, file='a.py', **indices):
        self.nodeid, self.path, self.added = f'{file}::{name}', Path(file), []
        self.mark = mark and mark.mark
        if indices:
            self.callspec = SimpleNamespace(indices=indices)

    def get_closest_marker(self, name):
        return self.mark if self.mark and self.mark.name == name else None

    def add_marker(self, mark):
        self.added.append(mark)


def names_by_turn(monkeypatch, turns, make):
    """Of each turn, the names of the tests that run."""
    found = []
    for turn in range(turns):
        monkeypatch.setenv('MMST_TURN', str(turn))
        items = make()
        pytest_collection_modifyitems(items)
        found.append([item.nodeid for item in items if not item.added])
    return found


def test_cases_come_one_after_the_other(monkeypatch):
    mark = pytest.mark.by_turns(2)
    found = names_by_turn(monkeypatch, 3, lambda: [
        Item('plain'), *(Item(f'test[{i}]', mark, case=i) for i in range(3))])
    assert found == [['a.py::plain', 'a.py::test[0]', 'a.py::test[2]'],
                     ['a.py::plain', 'a.py::test[1]'],
                     ['a.py::plain', 'a.py::test[0]', 'a.py::test[2]']]


def test_cases_of_one_value_come_together(monkeypatch):
    mark = pytest.mark.by_turns(2, 'kind')
    found = names_by_turn(monkeypatch, 2, lambda: [
        Item(f'test[{kind}{i}]', mark, kind=kind, case=i) for kind in range(2) for i in range(2)])
    assert found == [['a.py::test[00]', 'a.py::test[01]'], ['a.py::test[10]', 'a.py::test[11]']]


def test_tests_of_one_case_share_the_turns(monkeypatch):
    mark = pytest.mark.by_turns(2)
    found = names_by_turn(monkeypatch, 2, lambda: [Item(name, mark) for name in 'abc'])
    assert found == [['a.py::a', 'a.py::c'], ['a.py::b']]


def test_files_whose_tests_share_a_preparation_come_whole(monkeypatch):
    mark = pytest.mark.by_turns(2, together=True)
    found = names_by_turn(monkeypatch, 2, lambda: [
        Item(name, mark, file) for file in ('a.py', 'b.py') for name in 'cd'])
    assert found == [['a.py::c', 'a.py::d'], ['b.py::c', 'b.py::d']]


def test_all_run_where_all_are_asked_for(monkeypatch):
    monkeypatch.setenv('MMST_TURN', 'all')
    items = [Item(name, pytest.mark.by_turns(5)) for name in 'ab']
    pytest_collection_modifyitems(items)
    assert not any(item.added for item in items)
