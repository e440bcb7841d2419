"""No command writes over the file that it reads."""
import json
import shutil

import cv2
import numpy as np
import pytest
from deploy_tickets import small_ticket, with_levels
from mmengine.config import Config
from tiny_street import load_tool
from view_tickets import view_ticket, write_view_config

from mmst.deploy.export import save_sparse
from mmst.deploy.open import open_ticket
from mmst.tickets import Ticket


@pytest.fixture(scope='module')
def kept(tmp_path_factory):
    folder = tmp_path_factory.mktemp('kept')
    ticket = small_ticket(sparsity=0.5)
    family = with_levels(ticket, (0.5, 0.8, 0.9))
    for ending in ('pth', 'safetensors'):
        family.save(folder / f'family.{ending}')
    family.save_pretrained(folder / 'shared')
    save_sparse(ticket, str(folder / 'one.sparse'))
    write_view_config('cityscapes', folder)
    return folder


@pytest.fixture
def folder(kept, tmp_path, monkeypatch):
    """A copy, which is the current folder."""
    shutil.copytree(kept, tmp_path / 'here')
    (tmp_path / 'here' / 'link.pth').symlink_to('family.pth')
    monkeypatch.chdir(tmp_path / 'here')
    return tmp_path / 'here'


def call(words):
    name, *rest = words.split()
    return load_tool(name).main(rest)


@pytest.mark.parametrize('form', ['pth', 'safetensors', 'sparse'])
def test_each_level_gets_a_file_of_its_own(folder, form):
    before = {path: path.read_bytes() for path in folder.glob('family.*')}
    for level in (0.8, 0.9):
        assert call(f'export family.pth --format {form} --level {level}') == 0
    assert before == {path: path.read_bytes() for path in folder.glob('family.*')}
    assert [round(open_ticket(str(folder / f'family_{level}.{form}')).sparsity, 1)
            for level in (0.8, 0.9)] == [0.8, 0.9]


@pytest.mark.parametrize('words', [
    'export family.pth --format pth',
    'export family.safetensors --format safetensors',
    'export shared --format safetensors',
    'export one.sparse --format sparse',
    'export family.pth --format pth --level 0.8 -o ./family.pth',
    'export family.pth --format pth --level 0.8 -o link.pth',
    'export link.pth --format pth --level 0.8 -o family.pth',
    'compact family.pth -o ../here/family.pth',
    'seal family.pth -o family.pth',
    'cost family.pth --out family.pth',
    'profile one.sparse -o one.sparse',
    'share shared -o shared --no-timing'])
def test_a_command_whose_output_is_its_input_is_refused(folder, capsys, words):
    before = {path: path.read_bytes() for path in folder.rglob('*') if path.is_file()}
    assert call(words) == 2
    line, = capsys.readouterr().err.splitlines()
    assert 'out = ' in line and 'is the file that is read' in line and 'Remedy: ' in line
    assert before == {path: path.read_bytes() for path in folder.rglob('*') if path.is_file()}


def test_sharing_into_the_folder_of_a_run_keeps_its_summary(folder, capsys):
    small_ticket(sparsity=0.5).save(folder / 'ticket.pth')
    summary = json.dumps(dict(metrics=dict(mIoU=40.), zeros=0.5))
    (folder / 'ticket.json').write_text(summary)
    assert call('share ticket.pth -o . --no-timing') == 2
    assert "--out = 'ticket.json': is the file that is read" in capsys.readouterr().err
    assert (folder / 'ticket.json').read_text() == summary


def test_a_prune_keeps_the_summary_of_what_it_prunes(folder, capsys):
    (folder / 'view.json').write_text('{}')
    view_ticket('cityscapes', 0).save(folder / 'view.pth')
    config, = folder.glob('*.py')
    assert call(f'prune {config} view.pth --sparsity 0.5 --out view.safetensors') == 2
    assert "--out = 'view.json': is the file that is read" in capsys.readouterr().err
    assert (folder / 'view.json').read_text() == '{}' and not (folder / 'view.safetensors').exists()


def test_a_config_of_json_is_not_lost_to_the_summary_of_a_ticket(folder, capsys):
    view_ticket('cityscapes', 0).save(folder / 'view.pth')
    summary = dict(metrics={}, layer_sparsity={})
    (folder / 'view.json').write_text(json.dumps(summary))
    config, = folder.glob('*.py')
    Config.fromfile(config).dump(folder / 'net.json')
    before = (folder / 'net.json').read_bytes()
    for words in ('prune net.json view.pth --sparsity 0.5 --out net.pth',
                  'compact view.pth --config net.json -o net.pth'):
        assert call(words) == 2
        assert "--out = 'net.json': is the place of the ticket's" in capsys.readouterr().err
        assert (folder / 'net.json').read_bytes() == before and not (folder / 'net.pth').exists()


@pytest.mark.parametrize('words', ['prune {} view.pth --sparsity 0.5', 'compact view.pth'])
def test_a_ticket_is_not_lost_to_its_own_summary(folder, capsys, words):
    view_ticket('cityscapes', 0).save(folder / 'view.pth')
    config, = folder.glob('*.py')
    assert call(f'{words.format(config)} --out new.json') == 2
    assert "--out = 'new.json': is the place of the ticket's summary" in capsys.readouterr().err
    assert not (folder / 'new.json').exists()


def test_a_report_takes_the_place_of_no_file_of_its_run(folder, capsys):
    Ticket.load('family.pth').at(0.5).save(folder / 'ticket.pth')
    before = (folder / 'ticket.pth').read_bytes()
    assert call('report . -o ticket.pth') == 2
    assert "--out = 'ticket.pth'" in capsys.readouterr().err
    assert (folder / 'ticket.pth').read_bytes() == before


@pytest.mark.parametrize('name, out', [
    ('images.png', 'pictures'), ('images.png', 'pictures/images.png'), ('a.mp4', 'pictures')])
def test_images_and_videos_are_not_drawn_over(folder, capsys, name, out):
    view_ticket('cityscapes', 0).save(folder / 'view.pth')
    picture = folder / 'pictures' / name
    picture.parent.mkdir()
    pixels = np.zeros((48, 64, 3), np.uint8)
    if name.endswith('.png'):
        cv2.imwrite(str(picture), pixels)
    else:
        writer = cv2.VideoWriter(str(picture), cv2.VideoWriter_fourcc(*'mp4v'), 5, (64, 48))
        writer.write(pixels)
        writer.release()
    before = picture.read_bytes()
    config, = folder.glob('*.py')
    assert call(f'visualize {config} view.pth --images pictures --device cpu -o {out}') == 2
    assert f"--out = 'pictures/{name}'" in capsys.readouterr().err
    assert picture.read_bytes() == before
