"""Which package may import which: the contracts of pyproject.toml, and no circle anywhere."""
import graphlib
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
grimp = pytest.importorskip('grimp', reason='import-linter is not installed')


@pytest.fixture(scope='module')
def graph():
    return grimp.build_graph('mmst', cache_dir=None)


def lint(folder):
    """``lint-imports`` on the package of a folder, by the settings there."""
    return subprocess.run(
        [sys.executable, '-c', 'from importlinter.cli import lint_imports_command as run; run()',
         '--no-cache'], cwd=folder, capture_output=True, text=True, timeout=120)


def test_the_contracts_are_kept():
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout
    assert ' 0 broken' in done.stdout


@pytest.mark.parametrize('file, line, contract', [
    ('settings/checks.py', 'from ..search import units', 'A package imports only from'),
    ('engine/run/plan.py', 'from ...lab import style', 'Only subcommands of their own import'),
    ('cli/leaving.py', 'from ..lab import style', 'Only subcommands of their own import'),
    ('engine/run/steps.py', 'from ..hooks import seed_hook', 'A run rests on its hooks'),
    ('search/norms.py', 'from . import recalibrate', 'Packages and modules that lie next'),
    ('pruning/criteria/obc.py', 'from .random import Random', 'Criteria do not know each other'),
    ('pruning/schedules/cubic.py', 'from .one_shot import OneShot', 'Schedules do not know'),
    ('models/initialize.py', 'import typing\nif typing.TYPE_CHECKING:\n    from .. import kernels',
     'The network does not know')])
def test_an_import_that_runs_back_breaks_them(tmp_path, file, line, contract):
    package = tmp_path / 'mmst'
    for path in (ROOT / 'mmst').rglob('*.py'):
        if '.mim' not in path.parts:
            copy = package / path.relative_to(ROOT / 'mmst')
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
    (tmp_path / 'pyproject.toml').write_bytes((ROOT / 'pyproject.toml').read_bytes())
    with open(package / file, 'a', encoding='utf-8') as changed:
        changed.write(f'\n{line}\n')
    done = lint(tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    assert contract in done.stdout.partition('Broken contracts')[2]


def test_modules_import_each_other_in_no_circle(graph):
    """Imports for type checking count."""
    needs = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    list(graphlib.TopologicalSorter(needs).static_order())  # a circle is an error


def test_every_module_is_in_the_graph(graph):
    names = {'.'.join(path.relative_to(ROOT).with_suffix('').parts).removesuffix('.__init__')
             for path in (ROOT / 'mmst').rglob('*.py') if '.mim' not in path.parts}
    assert names <= graph.modules
