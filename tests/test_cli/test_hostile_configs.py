"""Config files that are none: one line, whichever subcommand reads them."""
import pytest

from mmst.cli.main import main

CONTENTS = dict(ends='import sys\nsys.exit(7)\n', number='model = dict(type=1)\n',
                bytes='\x00\x01', other='model = 5\n')


@pytest.mark.parametrize('content', CONTENTS)
@pytest.mark.parametrize('name', ['train', 'cost', 'chance', 'study'])
def test_a_config_that_is_none_ends_in_one_line(tmp_path, monkeypatch, capsys, name, content):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'config.py').write_text(CONTENTS[content])
    assert main([name, 'config.py']) == 2
    said = capsys.readouterr().err
    assert said.count('\n') == 1 and said.startswith(f'mmst {name}: error: ')
    assert 'Remedy: ' in said and [path.name for path in tmp_path.iterdir()] == ['config.py']
