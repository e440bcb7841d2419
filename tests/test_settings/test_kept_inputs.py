"""What is read is not written over."""
import os

import pytest

from mmst.errors import ConfigError
from mmst.settings.kept_inputs import keep_inputs


@pytest.mark.parametrize('name', ['a.pth', './a.pth', 'folder/../a.pth', 'link.pth', 'hard.pth'])
def test_a_file_is_known_by_all_its_paths(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'folder').mkdir()
    (tmp_path / 'a.pth').touch()
    (tmp_path / 'link.pth').symlink_to('a.pth')
    os.link('a.pth', 'hard.pth')
    with pytest.raises(ConfigError, match=r"^--out = '.*pth': is the file that is read.*Remedy"):
        keep_inputs('--out', name, None, tmp_path / 'a.pth')


def test_other_files_and_new_ones_are_written(tmp_path):
    for name in ('a.pth', 'b.pth'):
        (tmp_path / name).touch()
    keep_inputs('--out', tmp_path / 'b.pth', tmp_path / 'a.pth', 'street-p90', None)
    keep_inputs('--out', tmp_path / 'c.pth', tmp_path / 'a.pth', tmp_path / 'c.pth')
