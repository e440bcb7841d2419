"""Data, a config and a finished run that the tests of the tools share."""
import pytest
from tiny_street import load_tool, make_streets, write_config


@pytest.fixture(scope='session')
def streets(tmp_path_factory):
    """Folder of generated street scenes."""
    return make_streets(tmp_path_factory.mktemp('streets') / 'cityscapes')


@pytest.fixture(scope='session')
def config(tmp_path_factory, streets):
    """Path of the tiny config."""
    return write_config(tmp_path_factory.mktemp('config') / 'tiny.py', streets)


@pytest.fixture(scope='session')
def train():
    """``main`` of tools/train.py."""
    return load_tool('train').main


@pytest.fixture(scope='session')
def test():
    """``main`` of tools/test.py."""
    return load_tool('test').main


@pytest.fixture(scope='session')
def trained(tmp_path_factory, config, train):
    """Work dir of a finished run."""
    work_dir = tmp_path_factory.mktemp('trained')
    assert train([config, '--work-dir', str(work_dir)]) == 0
    return work_dir


@pytest.fixture
def refused(tmp_path, config, train, capfd):
    """``refused(*arguments, config=…)``: train must refuse them; gives the one line it printed."""

    def check(*arguments, config=config):
        work_dir = tmp_path / 'work_dir'
        capfd.readouterr()
        code = train([config, '--work-dir', str(work_dir), *arguments])
        err = capfd.readouterr().err
        assert code == 2
        assert err.count('\n') == 1 and err.startswith('train.py: error: '), err
        assert 'Remedy: ' in err and 'Traceback' not in err
        assert not work_dir.exists()
        return err

    return check
