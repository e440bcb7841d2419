"""Installs mmst. The pinned set that is known to work is in ``requirements.txt``."""
import importlib
import itertools
import shutil
import sys
import sysconfig
from pathlib import Path

from setuptools import Command, find_packages, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build import build

ROOT = Path(__file__).parent


def read_version() -> str:
    """Return the version, without importing the package (and with it torch)."""
    scope = {}
    exec((ROOT / 'mmst' / 'version.py').read_text(encoding='utf-8'), scope)
    return scope['__version__']


def read_readme() -> str:
    """Return the README, where the source has it."""
    readme = ROOT / 'README.md'
    return readme.read_text(encoding='utf-8') if readme.is_file() else ''


# mmcv is needed and yet listed nowhere but in `lite`: mmcv and mmcv-lite are two distributions of
# one module and overwrite each other. A user of the compiled mmcv must not be given mmcv-lite, nor
# the other way round; `import mmst` names the remedy where neither is there. OpenMMLab's own
# packages do the same.
EXTRAS = {
    # Not a cap but a hole: mmseg 1.2 and mmdet 3.3 refuse mmcv 2.2 when they are imported.
    'lite': ['mmcv-lite>=2.0.0,!=2.2.*'],
    # mmseg imports ftfy and regex without declaring them.
    'seg': ['mmsegmentation>=1.2.0', 'ftfy', 'regex'],
    'cls': ['mmpretrain>=1.2.0'],
    # mmpose itself is missing on purpose: it declares chumpy, which no longer builds and which it
    # never imports. Install it with `pip install --no-deps mmpose`; here is the rest it needs.
    'pose': ['mmdet>=3.0.0', 'xtcocotools>=1.12', 'json-tricks', 'munkres'],
    'det': ['mmdet>=3.0.0'],
}
EXTRAS['all'] = sorted(
    set(itertools.chain.from_iterable(EXTRAS[task] for task in ('seg', 'cls', 'pose', 'det'))))
# torch's ONNX exporter is written in onnxscript; onnxruntime checks its files.
EXTRAS['export'] = ['onnx>=1.16', 'onnxscript>=0.1', 'onnxruntime>=1.18']
# Tickets as safetensors, and sharing them.
EXTRAS['hub'] = ['safetensors>=0.4', 'huggingface_hub>=0.26']
# ruff formats the signatures in the API pages.
EXTRAS['docs'] = ['mkdocs>=1.6', 'mkdocs-material>=9.5', 'mkdocstrings[python]>=0.26', 'ruff']
# benchmarks/latency.py compares with it.
EXTRAS['benchmark'] = ['openvino>=2024.0', *EXTRAS['export']]
# benchmarks/side_by_side.py compares with it.
EXTRAS['compare'] = ['torch-pruning>=1.6']
EXTRAS['dev'] = ['pytest', 'pytest-xdist', 'pytest-timeout',
                 'pytest-rerunfailures', 'hypothesis', 'selenium',
                 'tensorboard', 'ruff', 'import-linter', 'mypy', 'pre-commit', *EXTRAS['export'],
                 *EXTRAS['hub']]

class BuildKernels(Command):
    """Compiles the kernels for the usual processors, where there is a compiler.

    Not in an editable install, whose kernels are compiled at first use, for the very processor.
    """

    user_options = ()
    editable_mode = False

    def initialize_options(self) -> None:
        self.build_lib = None

    def finalize_options(self) -> None:
        self.set_undefined_options('build_py', ('build_lib', 'build_lib'))

    def run(self) -> None:
        # By its folder: to import mmst is to import torch, which is not there yet.
        sys.path.insert(0, str(ROOT / 'mmst' / 'kernels'))
        prebuilt = importlib.import_module('native.prebuilt')
        sys.path.pop(0)
        folder = Path(self.build_lib, 'mmst', prebuilt.FOLDER)
        shutil.rmtree(folder, ignore_errors=True)  # of another version
        if not self.editable_mode and sysconfig.get_platform() == 'linux-x86_64':
            prebuilt.prebuild(ROOT / 'mmst', folder)

    def get_outputs(self) -> list[str]:
        return sorted(map(str, Path(self.build_lib).glob('mmst/**/*.so')))

    def get_output_mapping(self) -> dict[str, str]:
        return {}

    def get_source_files(self) -> list[str]:
        return []  # package_data has them


class Wheel(bdist_wheel):
    """Is for one platform where it has compiled kernels, else for all; for any Python 3."""

    def run(self) -> None:
        self.run_command('build')
        compiled = bool(self.get_finalized_command('build_kernels').get_outputs())
        self.root_is_pure = not compiled
        self.distribution.has_ext_modules = lambda: compiled
        super().run()

    def get_tag(self) -> tuple[str, str, str]:
        python, abi, platform = super().get_tag()
        return (python, abi, platform) if self.root_is_pure else ('py3', 'none', platform)


build.sub_commands.append(('build_kernels', None))

setup(
    # Not `mmst`: for a distribution of the module's own name, mmengine would look for an editable
    # install's configs in site-packages.
    name='mm-supertickets',
    version=read_version(),
    description='SuperTickets (ECCV 2022): architecture search and pruning in one training run, '
    'for mmsegmentation, mmpretrain, mmpose and mmdetection',
    long_description=read_readme(),
    long_description_content_type='text/markdown',
    author='mmst contributors',
    license='Apache-2.0',
    license_files=['LICENSE'],
    classifiers=[
        'Development Status :: 4 - Beta',
        'Intended Audience :: Science/Research',
        'License :: OSI Approved :: Apache Software License',
        'Programming Language :: Python :: 3',
        'Programming Language :: Python :: 3.10',
        'Programming Language :: Python :: 3.11',
        'Programming Language :: Python :: 3.12',
        'Topic :: Scientific/Engineering :: Artificial Intelligence',
    ],
    python_requires='>=3.10',
    packages=find_packages(include=['mmst', 'mmst.*']),
    # mmst/.mim links to the root's configs/, tools/ and model-index.yml. A wheel gets the files
    # themselves, an editable install follows the links: `mmst::name.py` works in both.
    package_data={'mmst': ['.mim/model-index.yml', '.mim/configs/**/*', '.mim/tools/**/*',
                           'deploy/sparse/kernel/*', 'deploy/c_library/source/*',
                           'deploy/shipped/*', 'kernels/batch_norm/kernel/*',
                           'kernels/depthwise/kernel/*', 'kernels/native/include/*']},
    exclude_package_data={'mmst': ['.mim/tools/alone.py']},  # the Makefile's own
    entry_points=dict(console_scripts=['mmst = mmst.cli.main:run']),
    install_requires=['torch>=2.1', 'torchvision>=0.16', 'mmengine>=0.10.0', 'numpy'],
    extras_require=EXTRAS,
    cmdclass=dict(build_kernels=BuildKernels, bdist_wheel=Wheel),
    zip_safe=False,
)
