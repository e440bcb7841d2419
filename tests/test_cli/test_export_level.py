"""mmst export of one level of a family."""
import pytest
import torch
from deploy_tickets import small_ticket, with_levels
from tiny_street import load_tool

from mmst.deploy.open import open_ticket


@pytest.fixture(scope='module')
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp('family') / 'family.pth'
    with_levels(small_ticket(sparsity=0.5), (0.5, 0.8, 0.9)).save(path)
    return path


def export(path, form, out, *words):
    return load_tool('export').main([str(path), '--format', form, '-o', str(out), *words])


@pytest.mark.parametrize(('form', 'ending'), [
    ('sparse', 'sparse'), ('pth', 'pth'), ('safetensors', 'safetensors')])
def test_a_level_is_written_as_an_ordinary_ticket(path, tmp_path, form, ending):
    out = tmp_path / f'level.{ending}'
    assert export(path, form, out, '--level', '0.8') == 0
    found, wanted = open_ticket(str(out)), open_ticket(str(path)).at(0.8)
    assert found.family is None and found.sparsity == pytest.approx(0.8, abs=0.01)
    assert all(torch.equal(found.state_dict[name], value)
               for name, value in wanted.state_dict.items())


def test_without_a_level_all_are_written_where_the_format_holds_them(path, tmp_path, capsys):
    assert export(path, 'safetensors', tmp_path / 'all.safetensors') == 0
    assert open_ticket(str(tmp_path / 'all.safetensors')).family.levels == (0.5, 0.8, 0.9)
    assert export(path, 'sparse', tmp_path / 'one.sparse') == 0
    assert 'the levels 0.5, 0.8, 0.9: 0.5 is written' in capsys.readouterr().out
    assert open_ticket(str(tmp_path / 'one.sparse')).sparsity == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize('level', ['0.7', 'nan', '-1', '1e300'])
def test_a_level_that_is_not_there_is_refused_before_anything_is_written(path, tmp_path, capsys,
                                                                         level):
    assert export(path, 'sparse', tmp_path / 'x.sparse', f'--level={level}') == 2
    error = capsys.readouterr().err
    assert '--level' in error and 'use one of 0.5, 0.8, 0.9' in error
    assert not (tmp_path / 'x.sparse').exists()


def test_a_ticket_without_levels_has_none_to_name(path, tmp_path, capsys):
    open_ticket(str(path)).at(0.9).save(tmp_path / 'one.pth')
    assert export(tmp_path / 'one.pth', 'pth', tmp_path / 'x.pth', '--level', '0.9') == 2
    assert '--level' in capsys.readouterr().err
