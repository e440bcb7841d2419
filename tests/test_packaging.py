"""A wheel, a source archive and an editable install: all find configs as ``mmst::name.py``.

A wheel has compiled kernels where a compiler was at hand.
"""
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from mmst.kernels.native.compiler import find_compiler
from mmst.kernels.native.prebuilt import LEVELS, instructions

ROOT = Path(__file__).resolve().parents[1]
SHIPPED = ('mmst', 'configs', 'tools', 'setup.py', 'MANIFEST.in', 'model-index.yml')
#: As $CXX: there is no compiler.
NOTHING = '/nonexistent'
#: A config of the project's own. The probe next to it is there only in the tests' copy.
OWN_CONFIG = 'st_hrnas_cityscapes_p90.py'

# Run from another folder, with a config there that inherits by package name.
READ_CONFIGS = '''
import sys
import mmst
from mmengine.config import Config
from mmengine.hub import get_config
for name in sys.argv[1:]:
    with open('child.py', 'w') as file:
        file.write(f"_base_ = 'mmst::{name}'\\nwork_dir = 'changed'\\n")
    by_package = Config.fromfile('child.py')
    with open('child.py', 'w') as file:
        file.write(f"_base_ = __import__('mmst').cfg('{name}')\\nwork_dir = 'changed'\\n")
    by_path = Config.fromfile('child.py')
    assert by_package.work_dir == by_path.work_dir == 'changed'
    assert len(by_path) > 1 and by_package.to_dict() == by_path.to_dict()
    assert len(get_config(f'mmst::{name}')) > 0
print(mmst.__file__)
'''


def run(*command, cwd, **env):
    result = subprocess.run([str(part) for part in command], cwd=cwd, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            env=dict(os.environ, PYTHONWARNINGS='ignore', **env))
    assert result.returncode == 0, result.stdout
    return result.stdout


def pip(*arguments, cwd, **env):
    """pip without network, with the setuptools of this environment; without a compiler, whose work
    would take a while.
    """
    return run(sys.executable, '-m', 'pip', '--disable-pip-version-check', *arguments, '--no-deps',
               '--no-build-isolation', '--no-index', cwd=cwd, **dict(dict(CXX=NOTHING), **env))


@pytest.fixture(scope='module')
def source(tmp_path_factory):
    """A copy of the project (builds write into it) with two probe configs and a probe script."""
    copy = tmp_path_factory.mktemp('source')
    for name in SHIPPED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, copy / name, symlinks=True,
                            ignore=shutil.ignore_patterns('__pycache__'))
        elif (ROOT / name).exists():
            shutil.copy(ROOT / name, copy / name)
    for folder in ('configs/_base_', 'tools'):
        (copy / folder).mkdir(parents=True, exist_ok=True)
    (copy / 'configs/_base_/probe_base.py').write_text('answer = 42\n')
    (copy / 'configs/probe.py').write_text("_base_ = './_base_/probe_base.py'\nwork_dir = 'a'\n")
    script = copy / 'tools/probe.sh'
    script.write_text('#!/bin/sh\n')
    script.chmod(0o755)
    return copy


@pytest.fixture(scope='module')
def wheel(source):
    pip('wheel', '.', '-w', 'dist', '-q', cwd=source)
    return next((source / 'dist').glob('*.whl'))


def test_a_wheel_without_a_compiler_is_for_all_machines(wheel):
    assert wheel.name.endswith('-py3-none-any.whl')
    with zipfile.ZipFile(wheel) as archive:
        assert not [name for name in archive.namelist() if name.endswith('.so')]
        metadata = next(name for name in archive.namelist() if name.endswith('/WHEEL'))
        assert 'Root-Is-Purelib: true' in archive.read(metadata).decode()


# In another folder, without a compiler: the engine runs by the wheel's libraries, then by one that
# is compiled here for the same instructions.
RUN_ENGINE = '''
import os, sys
from pathlib import Path
import torch
import mmst
from mmst.deploy import SparseModel
from mmst.deploy.sparse import library
from mmst.kernels.native import prebuilt
from mmst.tickets import Ticket

def outputs(target, **env):
    os.environ.update(env, MMST_KERNEL_TARGET=target)
    library.kernel.cache_clear()
    model = SparseModel.from_ticket(Path(mmst.__file__).parent / 'deploy/shipped/street-p90.sparse')
    assert model.blocks['sparse'] > 20 and not model.blocks['dense'], model.blocks
    image = torch.randn(1, 3, 64, 96, generator=torch.Generator().manual_seed(0))
    return model(image), library.kernel().lanes()

wide, lanes = outputs('')
narrow, few = outputs('-march=x86-64-v3')
assert not os.path.exists(os.environ['MMST_KERNEL_CACHE'])
assert few == 8 and torch.allclose(wide, narrow, rtol=1e-3, atol=1e-3)
level = 'x86-64-v4' if lanes == 16 else 'x86-64-v3'
compiled, same = outputs(f'-march={level} -g0', CXX=sys.argv[1])
assert os.listdir(os.environ['MMST_KERNEL_CACHE'])
assert same == lanes and torch.equal(wide, compiled)
print(mmst.__file__)
'''


@pytest.mark.by_turns(4)
@pytest.mark.skipif(not find_compiler() or not instructions() >= LEVELS['x86-64-v3'],
                    reason='no C++ compiler, or no AVX2')
def test_the_engine_of_a_wheel_needs_no_compiler(source, tmp_path):
    here = tmp_path / 'source'
    shutil.copytree(source, here, symlinks=True, ignore=shutil.ignore_patterns('dist', 'build'))
    for other in ('batch_norm', 'depthwise'):  # compiling these as well takes longer
        next((here / 'mmst/kernels' / other).glob('kernel/*.cpp')).unlink()
    stale = here / 'build/lib/mmst/kernels/native/libraries/sparse_0_x86-64-v3.so'
    stale.parent.mkdir(parents=True)
    stale.write_bytes(b'')
    cxx = shlex.join(find_compiler())
    pip('wheel', '.', '-w', 'dist', '-q', cwd=here, CXX=cxx)
    wheel, = (here / 'dist').glob('*.whl')
    assert wheel.name.endswith('-py3-none-linux_x86_64.whl')
    with zipfile.ZipFile(wheel) as archive:
        libraries = [name for name in archive.namelist() if name.endswith('.so')]
    assert len(libraries) == len(LEVELS) and not [name for name in libraries if '_0_' in name]
    pip('install', wheel, '--target', tmp_path / 'site', '-q', cwd=tmp_path)
    output = run(sys.executable, '-c', RUN_ENGINE, cxx, cwd=tmp_path, CXX=NOTHING,
                 PYTHONPATH=str(tmp_path / 'site'), MMST_KERNEL='',
                 MMST_KERNEL_CACHE=str(tmp_path / 'cache'))
    assert str(tmp_path / 'site') in output


def test_an_editable_install_compiles_nothing(source, tmp_path):
    compiler = tmp_path / 'compiler'
    compiler.write_text(f'#!/bin/sh\ntouch {tmp_path}/called\n')
    compiler.chmod(0o755)
    run(sys.executable, '-c', 'import setuptools.build_meta as hooks; hooks.build_editable("..")',
        cwd=source, CXX=str(compiler))
    assert not (tmp_path / 'called').exists() and not list(source.glob('mmst/**/*.so'))


def config_names(source):
    own = [OWN_CONFIG] if (source / 'configs' / OWN_CONFIG).exists() else []
    return ['probe.py', '_base_/probe_base.py', *own]


def test_links_lead_to_the_folders_at_the_root():
    for name in ('configs', 'tools', 'model-index.yml'):
        assert os.readlink(ROOT / 'mmst/.mim' / name) == f'../../{name}'


def test_wheel_holds_configs_and_tools_as_real_files(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        script = archive.getinfo('mmst/.mim/tools/probe.sh')
    assert {'mmst/.mim/model-index.yml', 'mmst/.mim/configs/probe.py',
            'mmst/.mim/configs/metafile.yml', 'mmst/.mim/configs/demo/metafile.yml',
            'mmst/.mim/configs/_base_/probe_base.py', 'mmst/registry.py'} <= names
    assert script.external_attr >> 16 & 0o111, 'scripts lose their executable bit'
    assert 'mmst/.mim/tools/train.py' in names and 'mmst/.mim/tools/alone.py' not in names
    outside = {name for name in names if not name.startswith(('mmst/', 'mm_supertickets-'))}
    assert not outside


def test_wheel_holds_the_sources_of_all_kernels(wheel):
    sources = {p.relative_to(ROOT).as_posix() for p in (ROOT / 'mmst').rglob('*')
               if p.suffix in ('.cpp', '.h')}
    assert len(sources) > 3
    with zipfile.ZipFile(wheel) as archive:
        assert sources <= set(archive.namelist())


@pytest.fixture(scope='module')
def site(wheel, tmp_path_factory):
    """Where the wheel is installed."""
    folder = tmp_path_factory.mktemp('installed') / 'site'
    pip('install', wheel, '--target', folder, '-q', cwd=folder.parent)
    return folder


def test_configs_are_found_in_an_installed_wheel(source, site, tmp_path):
    output = run(sys.executable, '-c', READ_CONFIGS, *config_names(source), cwd=tmp_path,
                 PYTHONPATH=str(site))
    assert str(site / 'mmst') in output


@pytest.mark.by_turns(5)
def test_the_command_of_a_wheel_works_in_an_empty_folder(site, tmp_path):
    def call(*words):
        return run(site / 'bin' / 'mmst', *words, cwd=tmp_path, PYTHONPATH=str(site))

    assert '\n  retrain ' in call('--help')
    costs = call('cost', 'demo/st_hrnas_cityscapes_p90_demo.py', '--shape', '32', '32')
    assert str(site / 'mmst/.mim/configs') in costs and 'backbone' in costs
    assert '0 done' in call('study', 'table1', '--size', 'demo', '--dry-run')
    with pytest.raises(AssertionError, match=r'--root = None: this is no checkout\. Remedy'):
        call('metafiles')
    assert not list(tmp_path.iterdir())


def test_the_tools_of_a_wheel_work_by_their_path(site, tmp_path):
    tool = site / 'mmst/.mim/tools/generate_data.py'
    assert os.access(tool, os.X_OK)
    made = run(sys.executable, tool, 'cityscapes', 'data', '--size', '32', '64', '--train', '1',
               '--val', '1', cwd=tmp_path, PYTHONPATH=str(site))
    assert '1 train + 1 val' in made and (tmp_path / 'data').is_dir()


def make_environment(folder):
    """A venv that sees this one's packages, but none of its editable installs."""
    run(sys.executable, '-m', 'venv', '--without-pip', folder, cwd=folder.parent)
    python = folder / 'bin/python'
    site = run(python, '-c', 'import sysconfig; print(sysconfig.get_path("purelib"))',
               cwd=folder.parent).strip()
    paths = {sysconfig.get_path('purelib'), sysconfig.get_path('platlib')}
    Path(site, 'parent.pth').write_text('\n'.join(sorted(paths)) + '\n')
    return python


@pytest.mark.by_turns(3)
def test_configs_are_found_in_an_editable_install(source, tmp_path):
    python = make_environment(tmp_path / 'venv')
    elsewhere = tmp_path / 'elsewhere'
    elsewhere.mkdir()
    run(python, '-m', 'pip', 'install', '--use-pep517', '--no-deps', '--no-build-isolation',
        '--no-index', '-q', '-e', source, cwd=tmp_path)
    output = run(python, '-c', READ_CONFIGS, *config_names(source), cwd=elsewhere, PYTHONPATH='')
    assert str(source / 'mmst') in output


def test_source_archive_builds_the_same_wheel(source, wheel, tmp_path):
    run(sys.executable, 'setup.py', '-q', 'sdist', '-d', tmp_path, cwd=source)
    pip('wheel', next(tmp_path.glob('*.tar.gz')), '-w', tmp_path, '-q', cwd=tmp_path)
    rebuilt = next(tmp_path.glob('*.whl'))

    def content(path):
        return {name for name in zipfile.ZipFile(path).namelist() if name.startswith('mmst/')}

    assert content(rebuilt) == content(wheel)


def test_distribution_is_not_named_as_the_module(wheel):
    # mmengine would look for the configs of an editable install in site-packages.
    assert not wheel.name.startswith('mmst-')


def test_extras_never_force_one_of_the_two_mmcv(wheel):
    with zipfile.ZipFile(wheel) as archive:
        metadata = next(name for name in archive.namelist() if name.endswith('METADATA'))
        lines = archive.read(metadata).decode().splitlines()
    requirements = [line for line in lines if line.startswith('Requires-Dist:')]
    mmcv = [line for line in requirements if 'mmcv' in line]
    assert mmcv and all('extra == "lite"' in line for line in mmcv)
    assert not [line for line in requirements if '<' in line.split(';')[0]], 'no caps'


def test_the_page_on_installing_names_all_extras(wheel):
    with zipfile.ZipFile(wheel) as archive:
        metadata = next(name for name in archive.namelist() if name.endswith('METADATA'))
        lines = archive.read(metadata).decode().splitlines()
    extras = {line.split()[1] for line in lines if line.startswith('Provides-Extra:')}
    page = (ROOT / 'docs/start.md').read_text(encoding='utf-8')
    assert {'seg', 'dev'} <= extras and not {name for name in extras if f'`{name}`' not in page}
