"""A folder with a small study and tools that pretend."""
from pathlib import Path

import fake_tools
import pytest

from mmst.lab.study.jobs import _base
from mmst.lab.study.main import conduct
from mmst.lab.study.spec import parse_study, read_settings


def perform(*words):
    """Conduct ./study.py with the pretending tools."""
    study = parse_study('study', read_settings(Path('study.py'), 'STUDY', 'give one'))
    conduct(study, fake_tools.arguments(*words), Path('tools'), Path('nowhere'))


def calls(name, seed=0):
    """How many times a run's tool was called."""
    path = Path('work', name, f'seed{seed}', 'calls.txt')
    return len(path.read_text().splitlines()) if path.is_file() else 0


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current directory, with study.py, size.py, config.py and tools/."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr('mmst.lab.study.runner.PATIENCE', 0.02)
    _base.cache_clear()
    monkeypatch.setattr('mmst.lab.study.devices.gpus', lambda: [])
    monkeypatch.setattr('mmst.lab.study.write.figures', lambda table: {})  # seconds each
    return fake_tools.write(tmp_path)


@pytest.fixture
def study():
    """``study(*words)`` conducts it; ``study.calls(run)`` counts."""
    perform.calls = calls
    return perform
