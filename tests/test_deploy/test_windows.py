"""Exports warn where mmseg evaluates on windows: files hold the network alone."""
import pytest
from deploy_tickets import small_ticket
from sparse_nets import needs_kernel

from mmst.cli.main import main
from mmst.deploy import windows
from mmst.deploy.windows import warn_of_windows

WINDOW = dict(mode='slide', crop_size=(24, 32), stride=(16, 20))


@pytest.fixture
def said(monkeypatch):
    """What was logged."""
    lines = []
    monkeypatch.setattr(windows, 'print_log', lambda text, *_: lines.append(text))
    return lines


def with_settings(settings):
    return small_ticket(sparsity=0.5, change=lambda model: model.update(test_cfg=settings))


@pytest.mark.by_turns(5)
@pytest.mark.parametrize('form', ['onnx', 'torch', pytest.param('c', marks=needs_kernel)])
def test_an_export_says_once_that_no_window_slides(tmp_path, said, form):
    if form == 'onnx':
        pytest.importorskip('onnxruntime')
    with_settings(WINDOW).save(tmp_path / 'a.pth')
    words = [str(tmp_path / 'a.pth'), '--format', form, '-o', str(tmp_path / 'out')]
    assert main(['export', *words]) == 0
    line, = said
    assert 'a window of 24x32 by 16x20' in line and 'differ from those of the evaluation' in line
    assert 'Remedy: ' in line and '\n' not in line


@pytest.mark.parametrize('form', ['sparse', 'pth'])
def test_tickets_keep_their_settings_and_need_no_warning(tmp_path, said, form):
    with_settings(WINDOW).save(tmp_path / 'a.pth')
    words = [str(tmp_path / 'a.pth'), '--format', form, '-o', str(tmp_path / f'out.{form}')]
    assert main(['export', *words]) == 0
    assert not said


@pytest.mark.parametrize('settings', [dict(mode='whole'), {}, None])
def test_nothing_is_said_of_networks_that_are_evaluated_on_whole_images(said, settings):
    warn_of_windows(with_settings(settings).build())
    assert not said


@pytest.mark.parametrize('task', ['imagenet', 'coco'])
def test_nothing_is_said_of_other_tasks(said, task):
    warn_of_windows(small_ticket(task).build())
    assert not said
