"""A report runs nothing of a work directory, which may come from anybody."""
import json
import time

import pytest
from mmengine.config import Config
from report_runs import CONFIG, write_run

from mmst.engine.run import timeline
from mmst.errors import TicketError
from mmst.lab.report import write_report
from mmst.lab.report.dumped_config import read_dumped
from mmst.lab.report.supernet import supernet_widths


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A run, in whose folder nothing may make the file ``made``."""
    monkeypatch.chdir(tmp_path)
    yield write_run(tmp_path / 'run')
    assert not (tmp_path / 'made').exists()


def test_what_mmengine_dumps_is_read_as_it_was(tmp_path):
    cfg = Config(dict(a=dict(b=[1, -2.5, (3, )], c=None, d=True, e='it\'s "x"\n'), f={'1 x': 2},
                      g=float('inf'), h=-1e-9, i=[dict(type='A'), {}]))
    cfg.dump(tmp_path / 'x.py')
    assert read_dumped(tmp_path / 'x.py').to_dict() == cfg.to_dict()


@pytest.mark.parametrize('line', [
    'import os', 'open("made", "w")', 'a = open("made", "w")', 'a = dict(b=open("made", "w"))',
    'a = __import__("os").system("touch made")', 'a = [x for x in (1, )]', 'a.b = 1', 'a = b = 1',
    'a = dict(**{"b": 1})', 'a = {**{}}', 'a = f"{open(chr(109), chr(119))}"',
    'def f():\n    pass', '_base_ = "./other.py"\nwith read_base():\n    pass', 'a = 9 ** 9 ** 9',
    'a = "x" * 10**10', 'a = ' + '-' * 50_000 + '1', 'a = ' + '[' * 50_000, '\0', 'a ='])
def test_a_config_that_does_anything_is_not_run(run, line):
    (run / 'narrow.py').write_text(f'{CONFIG}\n{line}\n')
    begin = time.monotonic()
    page = write_report(run, samples=0).read_text()
    assert 'The config narrow.py cannot be read' in page and time.monotonic() - begin < 10


HOSTILE = dict(
    function='dict(type="builtins.open", file="made", mode="w")',
    method='dict(type="pathlib.Path.touch", self="made")',
    module='dict(type="evil.Set")', scope='dict(type="CocoDataset", _scope_="evil")',
    config='dict(type="mmpose.CocoDataset", metainfo=dict(from_file="evil.py"))',
    pickle='dict(type="mmpretrain.CUB", ann_file="evil.pkl", data_root="")')


@pytest.mark.parametrize('name', HOSTILE)
def test_samples_build_registered_classes_and_run_no_files(run, name, monkeypatch):
    monkeypatch.syspath_prepend(run.parent)
    (run.parent / 'evil.py').write_text('open("made", "w")')
    (run.parent / 'evil.pkl').write_bytes(b'cbuiltins\nopen\n(Vmade\nVw\ntR.')
    (run / 'ticket.pth').write_bytes(b'')
    (run / 'narrow.py').write_text(f'{CONFIG}\nval_dataloader = dict(dataset={HOSTILE[name]})\n')
    assert 'Samples could not be drawn' in write_report(run, samples=1).read_text()


@pytest.mark.parametrize('kind', ['MNIST', 'FashionMNIST', 'CIFAR10', 'CIFAR100'])
@pytest.mark.parametrize('inside', ['{}', 'dict(type="RepeatDataset", times=2, dataset={})'])
def test_samples_download_nothing(run, kind, inside, monkeypatch):
    from mmpretrain.datasets import cifar, mnist
    for module in (cifar, mnist):
        monkeypatch.setattr(module, 'download_and_extract_archive',
                            lambda *args, **kwargs: open('made', 'w').close())
    (run / 'ticket.pth').write_bytes(b'')
    found = inside.format(f'dict(type="mmpretrain.{kind}", data_root="new", download=True)')
    (run / 'narrow.py').write_text(f'{CONFIG}\nval_dataloader = dict(dataset={found})\n')
    assert 'Samples could not be drawn' in write_report(run, samples=1).read_text()


@pytest.mark.parametrize('backbone', [
    dict(type='mmst.files.os.mkdir', path='made'),
    dict(type='mmst.HRNASSupernet', channels=((10**9, ), ), depths=((1, ), )),
    dict(type='mmst.HRNASSupernet', channels=((4, ), ), depths=((10**9, ), ))])
def test_the_supernet_of_a_config_is_built_within_bounds(run, backbone):
    with pytest.raises(Exception, match=r'asks for far more|not in the|is no|registry'):
        supernet_widths(dict(backbone=backbone))


def put(content, path, value):
    *path, last = path
    for key in path:
        content = content[key]
    content[last] = value


@pytest.mark.parametrize('line, path, value', [
    (1, ('importance', ), [1]), (1, ('importance', ), 1e308), (1, ('removed', 0, 'removed'), 'x'),
    (0, ('edges', ), 10**18), (0, ('widths', ), True), (0, ('input_shape', ), -1),
    (8, ('state', ), '<script>'), (8, ('state', ), {}), (8, ('kind', ), '<script>'),
    (0, ('target', ), [1]), (8, ('step', ), 10**400)])
def test_a_timeline_of_nonsense_ends_in_one_line_and_no_page(run, line, path, value):
    lines = [json.loads(text) for text in (run / timeline.FILE).read_text().splitlines()]
    put(lines[line], path, value)
    (run / timeline.FILE).write_text(''.join(json.dumps(entry) + '\n' for entry in lines))
    (run / 'ticket.json').unlink()
    with pytest.raises(TicketError, match=r'holds what no run writes \(.*Remedy: ') as error:
        write_report(run, samples=0)
    assert '\n' not in str(error.value) and not (run / 'report.html').exists()
