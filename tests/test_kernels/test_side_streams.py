"""Paths side by side in captures: which streams wait for which, with torch's functions replaced."""
import copy
import pickle
from contextlib import contextmanager
from unittest import mock

import pytest
import torch
from graphs import stand_in
from small_nets import NarrowModel, input_image

from mmst.kernels import side_streams
from mmst.kernels.graph_parts import graph_parts
from mmst.kernels.ops import KernelOps
from mmst.kernels.side_streams import MOST, SideStreams
from mmst.models.hrnas.ops import use_ops


class Device:
    """Stands for a GPU: it notes which stream is current, what each does, and what it waits for."""

    def __init__(self, monkeypatch):
        self.log, self.streams, self.captured = [], [], {'main'}
        self.here = self.main = Stream(self, 'main')
        for name, function in dict(
                Stream=lambda: Stream(self), Event=lambda: Event(), stream=self.on,
                current_stream=lambda: self.here,
                is_current_stream_capturing=lambda: self.here.name in self.captured).items():
            monkeypatch.setattr(torch.cuda, name, function)
        monkeypatch.setattr(side_streams, '_mark',
                            lambda x, stream: self.log.append(('mark', stream.name)))

    @contextmanager
    def on(self, stream):
        before, self.here = self.here, stream
        try:
            yield
        finally:
            self.here = before

    def does(self, name):
        """A path of this name, which notes the stream that it runs on."""
        def path(x):
            self.log.append((name, self.here.name))
            return x + 1
        return path

    def begin(self):
        """Forget what was done before."""
        self.log.clear()


class Stream:

    def __init__(self, device, name=None):
        self.device, self.name = device, name or f'side {len(device.streams) + 1}'
        device.streams.append(self) if name is None else None

    def wait_event(self, event):
        self.device.log.append((self.name, 'waits for', event.stream.name))
        self.device.captured.add(self.name)

    def wait_stream(self, other):
        self.device.log.append((self.name, 'waits for', other.name))


class Event:

    def record(self, stream):
        self.stream = stream


@pytest.fixture
def device(monkeypatch):
    return Device(monkeypatch)


def forked(sides, *paths):
    x = torch.zeros(1)
    return sides.within(lambda: sides([(path, x) for path in paths]))()


def test_each_path_has_a_stream_that_starts_after_the_fork_and_ends_before_the_join(device):
    found = forked(SideStreams(), *map(device.does, 'abc'))
    assert [float(y) for y in found] == [1, 1, 1]
    done = [entry for entry in device.log if entry[0] != 'mark']
    assert done[:7] == [
        ('a', 'main'), ('side 1', 'waits for', 'main'), ('b', 'side 1'),
        ('side 2', 'waits for', 'main'), ('c', 'side 2'),
        ('main', 'waits for', 'side 1'), ('main', 'waits for', 'side 2')]


def test_what_passes_between_streams_is_marked_for_both(device):
    forked(SideStreams(), *map(device.does, 'ab'))
    assert device.log[1:5] == [('side 1', 'waits for', 'main'), ('mark', 'side 1'),
                               ('b', 'side 1'), ('mark', 'main')]


def test_each_place_has_the_same_stream_in_each_pass(device):
    sides = SideStreams()
    for _ in range(2):
        device.begin()
        forked(sides, *map(device.does, 'abc'))
        assert ('b', 'side 1') in device.log and ('c', 'side 2') in device.log
    assert len(device.streams) == 2


def test_forks_within_forks_have_streams_of_their_own(device):
    sides = SideStreams()

    def outer(name):
        return lambda x: sum(sides([(device.does(f'{name}1'), x), (device.does(f'{name}2'), x)]))

    forked(sides, outer('a'), outer('b'))
    where = dict(entry for entry in device.log if entry[0] in ('a1', 'a2', 'b1', 'b2'))
    assert where['a1'] == 'main' and len(set(where.values())) == 4
    assert (where['b1'], 'waits for', where['b2']) in device.log


def test_many_paths_share_a_bounded_number_of_streams(device):
    found = forked(SideStreams(), *(device.does(str(i)) for i in range(3 * MOST)))
    assert len(found) == 3 * MOST and len(device.streams) == MOST - 1


def test_outside_of_a_capture_paths_run_in_order_on_the_current_stream(device):
    sides = SideStreams()
    forked(sides, *map(device.does, 'ab'))
    device.begin()
    sides([(device.does('a'), torch.zeros(1)), (device.does('b'), torch.zeros(1))])
    assert device.log == [('a', 'main'), ('b', 'main')]


def test_streams_meet_after_an_error_and_the_next_pass_runs_in_order(device):
    sides = SideStreams()

    def fail(x):
        raise torch.cuda.OutOfMemoryError('CUDA out of memory')

    with pytest.raises(torch.cuda.OutOfMemoryError):
        forked(sides, device.does('a'), lambda x: sides([(device.does('b'), x), (fail, x)]))
    assert ('side 1', 'waits for', 'side 2') in device.log
    assert ('main', 'waits for', 'side 1') in device.log
    device.begin()
    sides([(device.does('a'), torch.zeros(1)), (device.does('b'), torch.zeros(1))])
    assert device.log == [('a', 'main'), ('b', 'main')]


def test_streams_that_a_failed_backward_pass_left_in_the_capture_are_joined(device):
    sides = SideStreams()
    forked(sides, *map(device.does, 'abc'))

    def fail():
        raise torch.cuda.OutOfMemoryError('CUDA out of memory')

    device.captured = {'main', 'side 2'}
    device.begin()
    with pytest.raises(torch.cuda.OutOfMemoryError):
        sides.within(fail)()
    assert device.log == [('main', 'waits for', 'side 2')]


def test_all_streams_are_waited_for_after_a_warm_up_whose_backward_pass_failed(device):
    sides = SideStreams()
    forked(sides, *map(device.does, 'abc'))

    def fail():
        raise RuntimeError('called a synchronizing CUDA operation')

    device.captured = set()
    device.begin()
    with pytest.raises(RuntimeError, match='synchronizing'):
        sides.within(fail)()
    assert device.log == [('main', 'waits for', 'side 1'), ('main', 'waits for', 'side 2')]


def test_pools_of_cuda_itself_are_an_obstacle(monkeypatch):
    monkeypatch.setattr(torch.cuda, 'get_allocator_backend', lambda: 'cudaMallocAsync')
    assert 'cudaMallocAsync' in SideStreams.obstacle()
    monkeypatch.setattr(torch.cuda, 'get_allocator_backend', lambda: 'native')
    assert SideStreams.obstacle() is None


def test_a_copy_of_a_network_has_streams_of_its_own(device):
    sides = SideStreams()
    forked(sides, *map(device.does, 'abc'))
    for other in (copy.deepcopy(sides), pickle.loads(pickle.dumps(sides))):
        assert other is not sides and not other._streams


# ------------------------------------------------------------------------------ in the supernet


def trained(model, image, steps=3):
    """Outputs and gradients of passes with equal random numbers."""
    found = []
    for _ in range(steps):
        model.zero_grad()
        torch.manual_seed(1)
        out = model(image)
        out.square().mean().backward()
        found.append([out.detach(), *(p.grad.clone() for p in model.parameters()
                                      if p.grad is not None)])
    return found


@pytest.mark.parametrize('transformer', ['all', 'none'])
def test_branches_and_paths_are_forked_and_every_bit_of_outputs_stays(device, transformer):
    plain = NarrowModel(transformer=transformer).train()
    other, sides = copy.deepcopy(plain), SideStreams()
    use_ops(plain, KernelOps(()))
    use_ops(other, KernelOps((), streams=sides))
    expected = trained(plain, input_image())
    found = sides.within(lambda: trained(other, input_image()))()
    for (out, *gradients), (other_out, *others) in zip(expected, found, strict=True):
        assert torch.equal(out, other_out)
        for a, b in zip(gradients, others, strict=True):  # summed in another order
            torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)
    assert len(device.streams) >= (6 if transformer == 'all' else 3)
    device.begin()
    other.eval(), plain.eval()
    assert torch.equal(plain(input_image()), other(input_image()))
    assert not device.log  # evaluation knows no forks


def test_captures_fork_and_steps_without_a_graph_do_not(device, monkeypatch):
    stand_in(monkeypatch)
    monkeypatch.setattr(torch.cuda, 'Stream', lambda: Stream(device))
    model, sides = NarrowModel().train(), SideStreams()
    use_ops(model, KernelOps((), streams=sides))
    parts = graph_parts(model, sides)
    model(input_image()).sum().backward()
    assert not device.log
    model(input_image()).sum().backward()
    assert [part.captures for part in parts] == [1, 1] and not parts[0].reasons
    assert any('waits for' in entry for entry in device.log)


@pytest.mark.parametrize('on_gpu', [True, False])
def test_memory_of_another_stream_is_kept_until_this_one_has_read_it(on_gpu):
    tensor = mock.MagicMock(is_cuda=on_gpu)
    side_streams._mark(tensor, 'stream')
    assert tensor.record_stream.call_args_list == [mock.call('stream')] * on_gpu
