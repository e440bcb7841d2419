"""The check of the sparse kernel for machines without Python."""
import subprocess
from pathlib import Path

import pytest

from mmst.kernels.native import compiler

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(compiler.find_compiler() is None, reason='no C++ compiler')


@pytest.mark.by_turns(4)
@pytest.mark.parametrize('target', [[], ['-march=native']], ids=['baseline', 'native'])
def test_the_kernel_agrees_with_plain_loops(tmp_path, target):
    subprocess.run([*compiler.find_compiler(), '-O1', '-std=c++17', '-pthread', *target,
                    f'-I{ROOT}/mmst/deploy/sparse/kernel', f'-I{compiler.INCLUDE}',
                    str(ROOT / 'benchmarks/kernel_check.cpp'), '-o', str(tmp_path / 'check')],
                   check=True)
    printed = subprocess.run([str(tmp_path / 'check')], check=True, capture_output=True, text=True)
    assert 'lanes, relative error' in printed.stdout
