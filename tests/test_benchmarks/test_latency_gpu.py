"""Rows of images a second on a GPU: each form runs; without a GPU, functions stand for its own."""
from contextlib import contextmanager
from unittest import mock

import latency_gpu
import pytest
import torch
from graphs import CountedGraph
from latency_gpu import FORMS, measured, measured_compressed, prepare
from torch import nn

pytestmark = pytest.mark.skipif(torch.cuda.is_available(), reason='of machines without a GPU')


@pytest.fixture
def gpu(monkeypatch):
    """What the GPU was asked for, in order; networks stay on the CPU."""
    asked, stream = [], mock.MagicMock()

    @contextmanager
    def within(what):
        asked.append(f'{what} begins')
        yield
        asked.append(f'{what} ends')

    event = mock.MagicMock(**{'return_value.elapsed_time.return_value': 2.})
    stream.wait_stream.side_effect = lambda other: asked.append('a side stream waits')
    monkeypatch.setattr(CountedGraph, 'made', [])
    for name, function in dict(
            is_available=lambda: True, current_stream=lambda: 'current', Stream=lambda: stream,
            stream=lambda _: within('warm-up'), graph=lambda _: within('capture'), Event=event,
            CUDAGraph=CountedGraph, synchronize=lambda: asked.append('all ends')).items():
        monkeypatch.setattr(torch.cuda, name, function)
    # inductor takes minutes
    monkeypatch.setattr(torch, 'compile', lambda model: asked.append('compiled') or model)
    return asked


def network():
    return nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU()).eval()


@pytest.mark.parametrize('precision', ['fp32', 'bf16'])
@pytest.mark.parametrize('form', FORMS)
def test_each_form_gives_a_row_for_each_network(gpu, form, precision):
    rows = measured(dict(supernet=network(), searched=network()), 4, (8, 16), precision, form, 3)
    assert [row['network'] for row in rows] == ['supernet', 'searched']
    for row in rows:
        assert row['form'] == form and row['size'] == [8, 16] and row['precision'] == precision
        assert row['milliseconds'] == 2. and row['images_a_second'] == 2000.
    assert gpu.count('compiled') == 2 * (form == 'torch.compile')
    assert [graph.replays for graph in CountedGraph.made] == [3, 3] * (form == 'CUDA graph')


def test_a_warm_up_waits_for_the_conversion_and_ends_before_a_capture(gpu):
    prepare(network(), 1, (8, 16), torch.float32, 'CUDA graph', False)
    assert gpu == ['a side stream waits', 'warm-up begins', 'warm-up ends', 'all ends',
                   'capture begins', 'capture ends']


@pytest.mark.parametrize('form', FORMS)
def test_each_form_computes_what_the_network_does(form, monkeypatch):
    monkeypatch.setattr(torch, 'compile', lambda model: model)
    model, image = network(), torch.rand(2, 3, 8, 16)
    monkeypatch.setattr(latency_gpu, 'random_image', lambda size, batch: image)
    found = prepare(model, 2, (8, 16), torch.float32, form, False)()
    torch.testing.assert_close(found, model(image))


def test_tickets_of_2_4_masks_run_with_their_zeros_and_compressed(gpu, monkeypatch):
    compressed = []
    monkeypatch.setattr(latency_gpu, 'semi_structured', compressed.append)
    networks = {'supernet': network(), 'ticket 2:4': network()}
    rows = measured_compressed(networks, 1, (8, 16), 'eager', 2)
    assert [row['network'] for row in rows] == ['ticket 2:4', 'ticket 2:4 compressed']
    assert len(compressed) == 1
    assert {p.dtype for p in compressed[0].parameters()} == {torch.float16}
