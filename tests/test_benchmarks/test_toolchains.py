"""The record of what toolchains make of an exported ticket."""
import ast
import json
import sys

import numpy as np
import pytest

toolchains = pytest.importorskip('toolchains')

ROW = dict(ticket='a', size=[64, 64], toolchain='executorch', file='program.pt2', difference=2e-7,
           versions=dict(executorch='1.5.1'), delegated=90, parts=7,
           left=dict(layer_norm=4, expand=6))


@pytest.fixture
def results(tmp_path, monkeypatch):
    monkeypatch.setattr(toolchains, 'RESULTS', tmp_path / 'toolchains.json')
    return tmp_path


def test_a_new_row_replaces_the_older_one_of_its_ticket_size_and_toolchain(results):
    for row in (ROW, dict(ROW, ticket='b'), dict(ROW, delegated=95)):
        toolchains.keep(row)
    rows = json.loads((results / 'toolchains.json').read_text())
    assert [(row['ticket'], row['delegated']) for row in rows] == [('a', 95), ('b', 90)]


def test_the_table_says_which_share_is_delegated_and_what_is_not(results):
    toolchains.keep(ROW)
    line = (results / 'toolchains.md').read_text().splitlines()[-1]
    assert '90 of 100 nodes delegated to XNNPACK (90%), in 7 parts' in line
    assert line.index('6 expand') < line.index('4 layer_norm') and '2.0e-07' in line


def test_a_failure_is_told_in_the_table(results):
    toolchains.keep(dict(ticket='a', size=[64, 64], toolchain='ncnn', file='17.onnx', error='x|y'))
    assert '| ncnn | 17.onnx | fails | x/y |' in (results / 'toolchains.md').read_text()


@pytest.mark.parametrize('tool', toolchains.TOOLCHAINS)
def test_programs_can_be_read_and_files_exported(tool):
    file, packages, program = toolchains.TOOLCHAINS[tool]
    ast.parse(toolchains.BEGIN + program)
    assert file in toolchains.FILES and 'numpy' in packages.split()


def test_a_toolchain_is_compared_by_the_images_that_it_was_given(tmp_path, monkeypatch):
    """Its environment is that of this test; its program gives the first image back, doubled."""
    place = tmp_path / 'environments/own/bin'
    place.mkdir(parents=True)
    (place / 'python').write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    (place / 'python').chmod(0o755)
    images = np.random.default_rng(0).standard_normal((2, 3, 4, 4)).astype(np.float32)
    np.save(tmp_path / 'in.npy', images)
    (tmp_path / 'f').touch()
    for program, said in (('end(2 * images[:1], "pytest", kept=1)', 'difference'),
                          ('raise ValueError("no such operator")', 'error')):
        monkeypatch.setitem(toolchains.TOOLCHAINS, 'own', ('f', 'numpy', program))
        row = toolchains.attempt('own', tmp_path, 2 * images, tmp_path / 'environments')
        assert said in row
    assert 'no such operator' in row['error']
