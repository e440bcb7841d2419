"""mmst export and mmst compact of one level of a family."""
import json

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


@pytest.fixture
def told(path, tmp_path, monkeypatch):
    """A copy with what its run has told, in the current folder."""
    rows = [dict(level=level, sparsity=level, metrics=dict(mIoU=metric))
            for level, metric in ((0.5, 40.), (0.8, 30.), (0.9, None))]
    (tmp_path / 'family.json').write_text(json.dumps(dict(metrics=rows[0]['metrics'], levels=rows)))
    (tmp_path / 'family.pth').write_bytes(path.read_bytes())
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(words):
    name, *rest = words.split()
    return load_tool(name).main(rest)


@pytest.mark.parametrize('form', ['pth', 'safetensors', 'sparse'])
def test_a_level_has_its_costs_and_metrics_next_to_it(told, form, capsys):
    assert run(f'export family.pth --format {form} --level 0.8') == 0
    assert 'family_0.8.json' in capsys.readouterr().out
    facts = json.loads((told / 'family_0.8.json').read_text())
    assert facts['metrics'] == dict(mIoU=30.) and 'levels' not in facts
    assert facts['sparsity'] == pytest.approx(0.8, abs=0.01)
    assert facts['params']['sparse'] < 0.5 * facts['params']['searched']
    assert run(f'share family_0.8.{form} -o shared --no-timing') == 0
    assert '| mIoU | 30 |' in (told / 'shared' / 'README.md').read_text()


def test_a_ticket_keeps_its_metrics_under_another_name(told):
    assert run('export family.pth --format safetensors -o all.safetensors') == 0
    facts = json.loads((told / 'all.json').read_text())
    assert facts['metrics'] == dict(mIoU=40.)
    assert [row['metrics'] for row in facts['levels']] == [dict(mIoU=40.), dict(mIoU=30.), {}]


def test_the_summary_of_all_levels_stays_that_of_all(told, capsys):
    before = (told / 'family.json').read_bytes()
    assert run('export family.pth --format safetensors') == 0
    assert run('export family.pth --format safetensors --level 0.8 -o family.safetensors') == 2
    assert "--out = 'family.json': is the file that is read" in capsys.readouterr().err
    assert (told / 'family.json').read_bytes() == before
    assert open_ticket('family.safetensors').family is not None


def test_classes_without_a_label_are_told_of_each_level(told):
    content = json.loads((told / 'family.json').read_text())
    (told / 'family.json').write_text(json.dumps(dict(content, classes_without_label=['train'])))
    assert run('export family.pth --format pth --level 0.8') == 0
    facts = json.loads((told / 'family_0.8.json').read_text())
    assert facts['classes_without_label'] == ['train'] and facts['metrics'] == dict(mIoU=30.)


def test_a_file_that_is_no_summary_is_in_nobodys_way(told, capsys):
    (told / 'family.json').write_text('[1, 2]')
    assert run('export family.pth --format pth -o all.pth') == 0
    assert 'without costs and metrics: family.json is no summary' in capsys.readouterr().out
    assert open_ticket('all.pth').family is not None and not (told / 'all.json').exists()


def test_weights_of_eight_bits_have_no_metrics_of_others(told):
    assert run('export family.pth --format sparse --level 0.8 --int8') == 0
    facts = json.loads((told / 'family_0.8_int8.json').read_text())
    assert facts['metrics'] == {} and facts['sparsity'] == pytest.approx(0.8, abs=0.01)


def test_no_file_of_eight_bits_comes_to_lie_beside_metrics_of_others(told, capsys):
    run('export family.pth --format pth --level 0.8 -o one.pth')
    before = (told / 'one.json').read_bytes()
    assert run('export one.pth --format sparse --int8') == 0
    assert run('export one.pth --format sparse --int8 -o one.sparse') == 2
    assert "--out = 'one.json'" in capsys.readouterr().err
    assert (told / 'one.json').read_bytes() == before and not (told / 'one.sparse').exists()
    assert run('share one_int8.sparse -o shared --no-timing') == 0
    assert json.loads(before)['metrics'] == dict(mIoU=30.)
    assert 'mIoU' not in (told / 'shared' / 'README.md').read_text()


def test_no_ticket_comes_to_lie_beside_the_summary_of_another_one(told, capsys):
    assert not run('export family.pth --format pth --level 0.8 -o one.pth')
    assert not run('export family.pth --format pth --level 0.5 -o two.pth')
    open_ticket('family.pth').at(0.5).save('untold.pth')
    assert run('export one.pth --format sparse -o x.sparse') == 0
    assert run('export one.pth --format safetensors -o x.safetensors') == 0, 'the same facts'
    assert run('export one.pth --format sparse --int8 -o y.sparse') == 0
    before = {path.name: path.read_bytes() for path in told.iterdir() if path.is_file()}
    capsys.readouterr()
    for words, other in (('two.pth --format pth -o x.pth', 'x.safetensors'),
                         ('one.pth --format safetensors -o y.safetensors', 'y.sparse'),
                         ('untold.pth --format sparse -o one.sparse', 'one.pth')):
        assert run(f'export {words}') == 2
        assert f'{other} is another ticket' in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in told.iterdir() if path.is_file()} == before


@pytest.mark.parametrize('words', ['cost family.pth', 'cost family_0.8.pth'])
def test_costs_of_a_family_say_of_which_level_they_are(told, capsys, words):
    run('export family.pth --format pth --level 0.8')
    capsys.readouterr()
    assert run(words) == 0
    said = 'family.pth has the levels 0.5, 0.8, 0.9: 0.5 is looked at' in capsys.readouterr().out
    assert said is words.endswith('family.pth')


def test_a_folder_in_the_place_of_a_summary_is_found_before_work(told, capsys):
    (told / 'there.json').mkdir()
    assert run('export family.pth --format pth -o there.pth') == 2
    assert 'there.json is a folder' in capsys.readouterr().err and not (told / 'there.pth').exists()


@pytest.mark.parametrize('told_of_it', [True, False])
def test_no_summary_of_a_file_that_was_there_before_stays(told, told_of_it):
    assert run('export family.pth --format safetensors --level 0.5 -o new.safetensors') == 0
    open_ticket('family.pth').at(0.8).save('other.pth')
    if told_of_it:
        (told / 'other.json').write_text('[1, 2]')
    assert run('export other.pth --format safetensors -o new.safetensors') == 0
    if told_of_it:
        assert not (told / 'new.json').exists()
    else:
        facts = json.loads((told / 'new.json').read_text())
        assert facts['metrics'] == {} and facts['sparsity'] == pytest.approx(0.8, abs=0.01)


@pytest.mark.parametrize('words', [
    'export family.pth --format safetensors -o labels.safetensors',
    'compact family.pth --level 0.8 -o labels.pth'])
def test_a_file_of_ones_own_in_the_place_of_a_summary_stays(told, capsys, words):
    (told / 'labels.json').write_text('{"model": {"type": "X"}, "metrics": {}}')
    assert run(words) == 2
    assert "--out = 'labels.json': is the place of the ticket's summary" in capsys.readouterr().err
    assert not list(told.glob('labels.[!j]*'))


def test_a_level_may_be_named_as_near_as_levels_are_told_apart(told):
    assert run('export family.pth --format pth --level 0.8000000001 -o near.pth') == 0
    assert json.loads((told / 'near.json').read_text())['metrics'] == dict(mIoU=30.)


def test_one_level_is_compacted_under_its_name(told, capsys):
    assert run('compact family.pth --level 0.8') == 0
    tickets = open_ticket('family_0.8_compact.pth'), open_ticket('family.pth').at(0.8)
    kept = [sum(int(value.count_nonzero()) for value in ticket.state_dict.values())
            for ticket in tickets]
    assert kept[0] <= kept[1]
    facts = json.loads((told / 'family_0.8_compact.json').read_text())
    assert facts['metrics'] == dict(mIoU=30.)
    assert run('compact family.pth') == 0
    assert 'the levels 0.5, 0.8, 0.9: 0.5 is written' in capsys.readouterr().out


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
