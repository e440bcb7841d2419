"""A project that is not ours inherits the shipped configs: from a wheel, and an editable install.

The project lies in ``tests/downstream``. It is copied to a folder of its own and used as a stranger
would: by processes of an environment in which mmst is installed.
"""
import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
import torch
from mmengine.runner.checkpoint import CheckpointLoader

import mmst  # noqa: F401  (first: it prepares OpenMMLab's packages)
from mmst.tickets import Ticket

ROOT = Path(__file__).resolve().parents[1]
SHIPPED = ('mmst', 'configs', 'tools', 'setup.py', 'MANIFEST.in', 'model-index.yml')
pytestmark = pytest.mark.by_turns(4, 'project')
INSTALLS = ('wheel', 'editable')
TOOLBOXES = dict(cityscapes='mmseg', ade20k='mmseg', imagenet='mmpretrain', coco='mmpose')
PLAIN = dict(plain_seg='mmseg', plain_cls='mmpretrain', plain_pose='mmpose')
#: Configs that inherit those of docs/your_data.md and docs/your_project.md, and their scripts.
PAGES = dict(short_plants='mmst', short_mobilenet='mmseg')
CONFIGS = sorted(path.name for path in (ROOT / 'configs').glob('st_hrnas_*.py'))


def run(*command, cwd, timeout=900):
    """A process without this checkout on its path; what it printed."""
    env = {key: value for key, value in os.environ.items() if key != 'PYTHONPATH'}
    result = subprocess.run([str(part) for part in command], cwd=cwd, text=True, timeout=timeout,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            env=dict(env, PYTHONWARNINGS='ignore'))
    assert result.returncode == 0, result.stdout[-5000:]
    return result.stdout


# ---------------------------------------------------------------------------- the two installs


def copy_of_the_source(folder):
    """Builds write into their source; an editable install stays in it."""
    for name in SHIPPED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, symlinks=True,
                            ignore=shutil.ignore_patterns('__pycache__'))
        else:
            shutil.copy(ROOT / name, folder / name)
    return folder


def install(kind, folder):
    """The Python of a new environment with mmst, this one's packages, and none of its editables."""
    source = folder / 'source'
    source.mkdir()
    run(sys.executable, '-m', 'venv', '--without-pip', folder / 'venv', cwd=folder)
    python = folder / 'venv/bin/python'
    site = run(python, '-c', 'import sysconfig; print(sysconfig.get_path("purelib"))', cwd=folder)
    paths = {sysconfig.get_path('purelib'), sysconfig.get_path('platlib')}
    Path(site.strip(), 'parent.pth').write_text('\n'.join(sorted(paths)) + '\n')
    pip = (python, '-m', 'pip', '--disable-pip-version-check', 'install', '-q', '--no-deps',
           '--no-build-isolation', '--no-index', '--use-pep517')
    run(*pip, *(('-e', ) if kind == 'editable' else ()), copy_of_the_source(source), cwd=folder)
    if kind == 'wheel':
        shutil.rmtree(source)
    return python


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    """The project's data."""
    folder = tmp_path_factory.mktemp('data')
    run(sys.executable, '-c', 'import project; project.write_data(".")',
        cwd=copy_of_the_project(folder))
    run(sys.executable, 'plants.py', 'data/plants', cwd=folder)
    return folder / 'data'


def copy_of_the_project(folder):
    shutil.copytree(ROOT / 'tests/downstream', folder, dirs_exist_ok=True,
                    ignore=shutil.ignore_patterns('__pycache__'))
    for path in (ROOT / 'docs/examples').glob('own_*/*.py'):
        shutil.copy(path, folder / 'configs')
    return folder


@pytest.fixture(scope='module', params=INSTALLS)
def project(request, tmp_path_factory, data):
    """Folder of the project and the Python that it uses."""
    folder = tmp_path_factory.mktemp(request.param)
    python = install(request.param, folder)
    home = copy_of_the_project(folder / 'project')
    (home / 'data').symlink_to(data)
    (home / 'runs').mkdir()
    for path in (home / 'configs').glob('inherits_*.py'):
        text = path.read_text().replace("__import__('mmst').cfg('", "'mmst::").replace(
            ".py')\n", ".py'\n", 1)
        path.with_name(path.name.replace('inherits', 'named')).write_text(text)
    return home, python


def script_of(package, python, home):
    """A package's own train script, as pip has installed it."""
    found = run(python, '-c', 'import importlib.util as u\n'
                f'print(u.find_spec({package!r}).origin)', cwd=home)
    return Path(found.strip().splitlines()[-1]).parent / '.mim/tools/train.py'


@pytest.fixture(scope='module')
def trained(project):
    """The runs of all configs by all scripts: name of the run to its work directory."""
    home, python = project
    scripts = {name: script_of(name, python, home) for name in {'mmst', *TOOLBOXES.values()}}
    runs = {f'{package}_{dataset}': (scripts[package], f'configs/inherits_{dataset}.py')
            for dataset, package in TOOLBOXES.items()}
    # Ours imports mmst before it reads the config, so the configs can name their base.
    runs.update({f'mmst_{dataset}': (scripts['mmst'], f'configs/named_{dataset}.py')
                 for dataset in TOOLBOXES})
    if 'wheel' in str(python):
        runs.update({name: (scripts[package], f'configs/{name}.py')
                     for name, package in (PLAIN | PAGES).items()})
    arguments = [str(part) for name, (script, config) in runs.items()
                 for part in (script, config, f'runs/{name}')]
    process = subprocess.run([str(python), '-W', 'ignore', 'run_scripts.py', *arguments], cwd=home,
                             timeout=1800, stdout=subprocess.PIPE, text=True,
                             env={k: v for k, v in os.environ.items() if k != 'PYTHONPATH'})
    for name in runs:
        assert process.returncode == 0, (name, (home / f'runs/{name}.txt').read_text()[-3000:])
    return {name: home / 'runs' / name for name in runs}


# ---------------------------------------------------------------------------------- the tests


def test_each_environment_uses_its_own_install(project):
    home, python = project
    where = run(python, '-c', 'import mmst; print(mmst.__file__)', cwd=home)
    kind = 'site-packages' if 'wheel' in str(python) else 'source/mmst'
    assert kind in where and str(ROOT / 'mmst') not in where


def test_every_shipped_config_builds_by_name_with_keys_overridden(project):
    assert len(CONFIGS) >= 28
    home, python = project
    built = run(python, 'build_all.py', *CONFIGS, cwd=home).split()
    assert [name for name in built if name in CONFIGS] == CONFIGS


@pytest.mark.parametrize('script', ['toolbox', 'mmst'])
@pytest.mark.parametrize('dataset', TOOLBOXES)
def test_an_inherited_config_trains_two_iterations(trained, dataset, script):
    package = TOOLBOXES[dataset] if script == 'toolbox' else 'mmst'
    work_dir = trained[f'{package}_{dataset}']
    checkpoint = CheckpointLoader.load_checkpoint(str(work_dir / 'epoch_1.pth'))
    assert checkpoint['meta']['iter'] == 2
    ticket = Ticket.load(work_dir / 'ticket.pth')
    assert ticket.mask.total - ticket.mask.pruned == int(0.1 * ticket.mask.total)
    assert all(torch.isfinite(value).all() for value in ticket.state_dict.values()
               if value.is_floating_point())


@pytest.mark.parametrize('project', ['wheel'], indirect=True)
@pytest.mark.parametrize('name', PLAIN)
def test_the_supernet_is_a_backbone_in_a_plain_config(trained, name):
    files = sorted(trained[name].glob('*_[12].pth'))
    checkpoint = CheckpointLoader.load_checkpoint(str(files[0]))
    assert checkpoint['meta']['iter'] == 2
    assert any('mixconv' in key for key in checkpoint['state_dict'])


@pytest.mark.parametrize('project', ['wheel'], indirect=True)
@pytest.mark.parametrize('name', PAGES)
def test_the_config_of_a_page_trains_to_a_ticket_that_builds_without_it(trained, project, name):
    ticket = Ticket.load(trained[name] / 'ticket.pth')
    assert ticket.mask.total - ticket.mask.pruned == round(0.2 * ticket.mask.total)
    events = (trained[name] / 'timeline.jsonl').read_text().splitlines()[1:]
    assert {'search', 'prune', 'recalibrate'} <= {json.loads(line)['kind'] for line in events}
    home, python = project
    shape = run(python, '-c', 'from mmst.tickets import Ticket\nimport torch\n'
                f'network = Ticket.load({str(trained[name] / "ticket.pth")!r}).build()\n'
                'print(*network(torch.zeros(1, 3, 96, 128)).shape)', cwd=home / 'runs')
    assert shape.split()[-4:-2] == ['1', '3']


# -------------------------------------------------------------------- without any toolbox

NO_TOOLBOX = '''
import importlib.abc
import sys


class Blocker(importlib.abc.MetaPathFinder):

    def find_spec(self, name, path=None, target=None):
        if name.partition('.')[0] in ('mmseg', 'mmpose', 'mmpretrain', 'mmdet'):
            raise ModuleNotFoundError(f'No module named {name!r}', name=name)


sys.meta_path.insert(0, Blocker())
import torch
import mmst
from mmengine.registry import HOOKS, MODELS
from mmst.search.units import find_units

backbone = MODELS.build(dict(type='mmst.HRNASSupernet', stem_channels=(4, 4),
                             channels=((4, ), (4, 6)), depths=((1, ), (1, 1)), tokens=4))
outputs = backbone(torch.zeros(2, 3, 32, 32))
assert [tuple(o.shape[:2]) for o in outputs] == [(2, 4), (2, 6)] and find_units(backbone)
HOOKS.build(dict(type='mmst.SearchHook', input_shape=(32, 32)))
HOOKS.build(dict(type='mmst.PruneHook', sparsity=0.5))
assert mmst.cfg('st_hrnas_imagenet_p90.py')
try:
    import mmseg
except ModuleNotFoundError:
    print('works without toolboxes')
'''


def test_package_backbone_and_hooks_work_without_any_toolbox(tmp_path):
    output = run(sys.executable, '-c', NO_TOOLBOX, cwd=tmp_path)
    assert output.strip().endswith('works without toolboxes')


@pytest.mark.parametrize('dataset, package', [
    ('imagenet', 'pip install mmpretrain'), ('coco', 'pip install --no-deps mmpose')])
def test_a_missing_toolbox_gives_the_command_that_installs_it_when_its_task_is_used(
        tmp_path, dataset, package):
    blocked = NO_TOOLBOX.split('import torch')[0]
    tool = ROOT / 'tools/train.py'
    config = ROOT / f'configs/st_hrnas_{dataset}_p90.py'
    code = (f'{blocked}\nimport runpy\nsys.argv = ["train.py", {str(config)!r}]\n'
            f'runpy.run_path({str(tool)!r}, run_name="__main__")\n')
    result = subprocess.run([sys.executable, '-W', 'ignore', '-c', code], cwd=tmp_path, text=True,
                            capture_output=True, timeout=300)
    assert result.returncode == 2
    assert result.stderr.count('\n') == 1 and package in result.stderr, result.stderr
    assert not list(tmp_path.iterdir())
