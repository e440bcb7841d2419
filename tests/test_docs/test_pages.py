"""README and docs name links, anchors, files and make targets that exist."""
import re

import pytest
from doc_pages import PAGES, ROOT, blocks, code_spans, file_of, headings, links, name_of

FOLDERS = ('mmst/', 'configs/', 'tools/', 'docs/', 'tests/', 'benchmarks/')


@pytest.mark.parametrize('page', PAGES, ids=name_of)
def test_links_lead_to_files_and_headings(page):
    for target in links(page):
        path, _, anchor = target.partition('#')
        file = file_of(page, path)
        assert file.exists(), f'{name_of(page)}: {target}'
        if anchor:
            assert anchor in headings(file), f'{name_of(page)}: {target}'


def spelled_out(pattern):
    """``a{b,c}`` as ``['ab', 'ac']``."""
    found = re.search(r'\{([^{}]*)\}', pattern)
    if not found:
        return [pattern]
    before, after = pattern[:found.start()], pattern[found.end():]
    return [name for choice in found.group(1).split(',')
            for name in spelled_out(before + choice + after)]


@pytest.mark.parametrize('page', PAGES, ids=name_of)
def test_files_named_in_the_text_exist(page):
    for span in code_spans(page):
        for word in span.split():
            if word.startswith(FOLDERS):
                for name in spelled_out(word):
                    assert list(ROOT.glob(name.rstrip('/'))), f'{name_of(page)}: {name}'


def test_included_files_exist():
    included = [block.included for block in blocks('python') if block.included]
    assert len(included) >= 4 and all((ROOT / name).is_file() for name in included)


def test_make_targets_exist():
    targets = re.findall(r'^([\w-]+):', (ROOT / 'Makefile').read_text(), re.MULTILINE)
    named = [line.split()[1] for block in blocks('shell') for line in block.text.splitlines()
             if line.startswith('make ')]
    assert named and set(named) <= set(targets)


def test_the_navigation_names_pages_that_exist():
    text = (ROOT / 'mkdocs.yml').read_text()
    listed = set(re.findall(r'[\w/]+\.md', text))
    assert len(listed) > 15
    assert not [name for name in listed if not (ROOT / 'docs' / name).is_file()]
