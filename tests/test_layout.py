"""Each test file lies where a reader looks for it."""
import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
PACKAGE = TESTS.parent / 'mmst'
#: Folders whose files mirror none of the package, and what they test.
WHOLE = dict(
    test_benchmarks='benchmarks/', test_configs='configs/', test_docs='docs/ and README.md',
    test_cli='commands as users type them', test_distributed='runs on several processes',
    test_resume='runs that are killed, stopped and resumed', test_faults='broken files and disks',
    test_fuzz='files that are changed at random')


def belongs(path):
    """Whether ``test_a/test_b.py`` has ``mmst/a/b.py``, a package ``mmst/a/b``, or tests a function
    of ``mmst/a/__init__.py``; or lies in a folder for tests of several parts together.
    """
    *folders, file = path.with_suffix('').parts
    if not folders or folders[0] in WHOLE or 'integration' in folders:
        return True
    own = PACKAGE.joinpath(*(name.removeprefix('test_') for name in folders))
    name = file.removeprefix('test_')
    if (own / f'{name}.py').is_file() or (own / name / '__init__.py').is_file():
        return True
    package = own / '__init__.py'
    return package.is_file() and any(
        isinstance(node, ast.FunctionDef) and node.name == name
        for node in ast.parse(package.read_text()).body)


def test_files_mirror_the_package_or_say_that_they_test_several_parts():
    files = sorted(path.relative_to(TESTS) for path in TESTS.rglob('test_*.py'))
    assert len(files) > 200 and [str(path) for path in files if not belongs(path)] == []


@pytest.mark.parametrize('path, found', [
    ('test_pruning/test_mask.py', True), ('test_pruning/test_masks.py', False),
    ('test_costs/test_latency.py', True), ('test_engine/test_rehearsal/test_rehearse.py', True),
    ('test_engine/test_accumulation.py', False), ('test_engine/integration/test_any.py', True),
    ('test_faults/test_any.py', True), ('test_other/test_any.py', False)])
def test_files_elsewhere_are_found(path, found):
    assert belongs(Path(path)) == found


def test_folders_of_whole_things_exist():
    assert [name for name in WHOLE if not (TESTS / name).is_dir()] == []
