"""Networks timed by torch on a GPU; the GPU is a stand-in."""
import pytest
import torch

from mmst.deploy.profile.places import TorchGPU
from mmst.errors import ConfigError


def test_the_clock_waits_for_the_gpu_and_the_table_names_it(monkeypatch):
    order, moved = [], []
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
    monkeypatch.setattr(torch.cuda, 'get_device_name', lambda: 'Card 9000')
    monkeypatch.setattr(torch.cuda, 'synchronize', lambda: order.append('wait'))
    for kind in (torch.nn.Module, torch.Tensor):
        monkeypatch.setattr(kind, 'to', lambda thing, device: moved.append(device) or thing)
    place, model = TorchGPU(), torch.nn.Linear(3, 3)
    model.register_forward_hook(lambda *_: order.append('run'))
    network = place.prepare(model, [''])
    place.take([network], torch.zeros(1, 3), 1)
    assert moved == ['cuda', 'cuda'] and place.machine()['device'] == 'Card 9000'
    assert len(network.whole) == len(network.parts['']) == 1
    for place_of_run in (i for i, what in enumerate(order) if what == 'run'):
        assert 'wait' in order[:place_of_run] and 'wait' in order[place_of_run:]
    assert order[-1] == 'wait'


def test_without_a_gpu_there_is_one_error(monkeypatch):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    with pytest.raises(ConfigError, match=r'--device = .*no GPU here.*Remedy: '):
        TorchGPU()
