"""The documentation is built without a warning (where `make docs` has been called)."""
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest
from doc_pages import ROOT

#: From `make docs`, or from the extra `docs`.
MKDOCS = next((path for path in (ROOT / '.venv-docs/bin/mkdocs', Path(sys.prefix, 'bin/mkdocs'))
               if path.is_file()), None)


@pytest.mark.skipif(MKDOCS is None, reason='make docs')
def test_the_site_is_built_without_warnings(tmp_path):
    result = subprocess.run(
        [str(MKDOCS), 'build', '--strict', '-d', str(tmp_path / 'site')], cwd=ROOT, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert result.returncode == 0, result.stdout
    page = (tmp_path / 'site/api/hooks.html').read_text()
    assert 'iterative reactivation' in page, 'docstrings are in the API pages'
    records = {path.stem for path in (ROOT / 'benchmarks/results').glob('*.md')}
    assert records <= {path.stem for path in (tmp_path / 'site/results').glob('*.html')}


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
