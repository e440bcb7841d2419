"""A small config on generated streets, read once, and what checks and rehearsal say of changes."""
import copy

import pytest
from mmengine.config import Config
from tiny_street import write_config

from mmst.engine.data import check_data
from mmst.engine.rehearsal import check, rehearse
from mmst.engine.run.command_line import complete
from mmst.errors import MMSTError
from mmst.lab.scenes import generate


@pytest.fixture(scope='session')
def streets_config(tmp_path_factory):
    """A two-in-one run on 4 + 2 images."""
    folder = tmp_path_factory.mktemp('rehearsal')
    data = generate('cityscapes', folder / 'data', (32, 64), 4, 2).path
    cfg = Config.fromfile(write_config(folder / 'tiny.py', str(data)))
    cfg.launcher = 'none'
    cfg = complete(cfg)
    return cfg


@pytest.fixture
def cfg(streets_config, tmp_path):
    """A copy that a test may change."""
    cfg = copy.deepcopy(streets_config)
    cfg.work_dir = str(tmp_path / 'work_dir')
    return cfg


@pytest.fixture
def refusal(tmp_path, monkeypatch):
    """``refusal(cfg)``: the one line with which a config is refused before anything is written."""
    monkeypatch.chdir(tmp_path)

    def first_line(cfg):
        with pytest.raises(MMSTError) as refused:
            checked = check(cfg)
            check_data(cfg, ('train', 'val'))
            rehearse(cfg, checked)
        assert not list(tmp_path.iterdir())
        line = str(refused.value)
        assert '\n' not in line and '\x1b' not in line and line.count('Remedy: ') == 1
        assert len(line) < 700
        return line

    return first_line
