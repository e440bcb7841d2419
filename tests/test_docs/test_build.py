"""The documentation is built without a warning (where the extra `docs` is installed)."""
import importlib.util
import re
import subprocess
import sys

import pytest
from doc_pages import ROOT

needs_mkdocs = pytest.mark.skipif(
    importlib.util.find_spec('mkdocs') is None or importlib.util.find_spec('mkdocstrings') is None,
    reason='pip install -r requirements-docs.txt')


@needs_mkdocs
def test_the_site_is_built_without_warnings(tmp_path):
    result = subprocess.run(
        [sys.executable, '-m', 'mkdocs', 'build', '--strict', '-d', str(tmp_path / 'site')],
        cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert result.returncode == 0, result.stdout
    page = (tmp_path / 'site/api/hooks/index.html').read_text()
    assert 'iterative reactivation' in page, 'docstrings are in the API pages'


@pytest.mark.parametrize('page', sorted((ROOT / 'docs/api').glob('*.md')), ids=lambda p: p.stem)
def test_api_pages_name_objects_that_exist(page):
    names = re.findall(r'^::: ([\w.]+)$', page.read_text(), re.MULTILINE)
    assert names
    for name in names:
        lookup(name)


def lookup(name):
    """A module, or something in one."""
    parts = name.split('.')
    for i in range(len(parts), 0, -1):
        try:
            found = importlib.import_module('.'.join(parts[:i]))
        except ModuleNotFoundError:
            continue
        for part in parts[i:]:
            found = getattr(found, part)
        return found
    raise AssertionError(f'{name} is nowhere')
