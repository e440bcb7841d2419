"""Copies, pickles, forks, compilers and the memory of a sparse network."""
import copy
import gc
import io
import os
import pickle
import threading

import pytest
import torch
from forks import child_gives
from small_nets import NarrowModel, input_image
from sparse_nets import needs_kernel, pruned
from torch import nn
from torch.fx.experimental.proxy_tensor import make_fx

from mmst.deploy.sparse import SparseModel, library
from mmst.deploy.sparse.library import kernel
from mmst.errors import TrainingError

pytestmark = needs_kernel


@pytest.fixture(scope='module')
def sparse():
    return SparseModel(pruned(NarrowModel), threads=2)


def saved(model):
    buffer = io.BytesIO()
    torch.save(model, buffer)
    buffer.seek(0)
    return torch.load(buffer, weights_only=False)


@pytest.mark.parametrize('twice', [copy.deepcopy, copy.copy, saved,
                                   lambda model: pickle.loads(pickle.dumps(model))])
@pytest.mark.parametrize('used', [True, False])
def test_copies_give_the_same(sparse, twice, used):
    if not used:
        sparse.release()
    else:
        sparse(input_image(1))
    other = twice(sparse)
    x = input_image(2, 40, 72)
    assert other is not sparse and other.threads == 2
    assert torch.equal(other(x), sparse(x))


def test_a_copy_outlives_its_original():
    first = SparseModel(pruned(NarrowModel))
    expected, other = first(input_image(1)), copy.deepcopy(first)
    del first
    gc.collect()
    assert torch.equal(other(input_image(1)), expected)


def test_an_unpickled_network_without_a_kernel_says_what_is_missing(sparse, monkeypatch):
    data = pickle.dumps(sparse)
    library.kernel.cache_clear()
    monkeypatch.setenv('MMST_KERNEL', 'none')
    try:
        with pytest.raises(TrainingError, match=r'the sparse kernel, which cannot be had .*Remedy'):
            pickle.loads(data)(input_image(1))
    finally:
        library.kernel.cache_clear()


@pytest.mark.by_turns(3)
@pytest.mark.parametrize('threads', [1, 2])
def test_children_forked_while_another_thread_infers_work(threads):
    sparse = SparseModel(pruned(NarrowModel), threads=threads)
    x, stop = input_image(1, 32, 32), threading.Event()
    busy = input_image(4, 128, 128)
    expected = sparse(x)

    def infer():
        while not stop.is_set():
            sparse(busy)

    other = threading.Thread(target=infer)
    other.start()
    try:
        found = [child_gives(sparse, x, expected) for _ in range(8)]
    finally:
        stop.set()
        other.join()
    assert found == [True] * 8
    assert torch.equal(sparse(x), expected)


def test_a_child_computes_after_torch_had_several_threads_in_its_parent(sparse):
    """NaN in images is passed on by torch's layers, whose threads a fork leaves behind."""
    x = input_image(4, 128, 128)
    x[0, 0, 0, 0] = float('nan')
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        nn.Conv2d(3, 8, 3)(x)
        expected = sparse(x).isnan()
        assert child_gives(lambda images: sparse(images).isnan(), x, expected)
    finally:
        torch.set_num_threads(before)


def test_threads_that_infer_images_of_many_sizes_do_not_disturb_each_other(sparse):
    images = [torch.randn(1, 3, 16 + 4 * i, 24) for i in range(10)]
    expected, wrong = [sparse(x) for x in images], []

    def infer(start):
        for i in range(30):
            j = (start + 3 * i) % len(images)
            try:
                if not torch.equal(sparse(images[j]), expected[j]):
                    wrong.append(j)
            except Exception as error:
                wrong.append(error)

    threads = [threading.Thread(target=infer, args=(i, )) for i in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def resident() -> int:
    with open('/proc/self/statm') as file:
        return int(file.read().split()[1]) * os.sysconf('SC_PAGE_SIZE')


def test_release_gives_back_what_a_large_image_took(sparse):
    x = input_image(1)
    expected = sparse(x)
    sparse(torch.zeros(1, 3, 1024, 1024))
    large, before = kernel().held(), resident()
    assert large > 2**23
    sparse.release()
    assert kernel().held() == 0
    if os.path.exists('/proc/self/statm'):
        assert before - resident() > large / 2
    assert torch.equal(sparse(x), expected)
    assert 0 < kernel().held() < large


@pytest.mark.parametrize('twice', [lambda m: m, copy.deepcopy])
def test_memory_is_freed_with_the_model(twice):
    model = twice(SparseModel(pruned(NarrowModel)))
    model(input_image(1))
    assert kernel().held() > 0
    del model
    gc.collect()
    assert kernel().held() == 0


def in_large_pages():
    """Bytes of this process for which large pages were asked, whether the system had them or not.
    """
    total = size = 0
    with open('/proc/self/smaps') as file:
        for name, *words in map(str.split, file):
            size = int(words[0]) * 1024 if name == 'Size:' else size
            total += size * (name == 'VmFlags:' and 'hg' in words)
    return total


@pytest.mark.skipif(not os.path.exists('/sys/kernel/mm/transparent_hugepage'),
                    reason='this system has no large pages')
def test_weights_and_maps_lie_in_large_pages_as_long_as_they_are_needed():
    """Small ones make a network slower by chance."""
    gc.collect()
    kernel().release()
    before = in_large_pages()
    model = SparseModel(pruned(NarrowModel))
    model(torch.zeros(1, 3, 512, 512))
    both = in_large_pages() - before
    model.release()
    weights = in_large_pages() - before
    assert both - 2**21 >= weights >= 2**21
    del model
    gc.collect()
    assert in_large_pages() == before


def test_torch_compile_leaves_it_alone(sparse):
    x = input_image(1)
    expected = sparse(x)
    assert torch.equal(torch.compile(sparse)(x), expected)

    class Around(nn.Module):

        def forward(self, x):
            return sparse(x * 2) + 1

    compiled = torch.compile(Around(), backend='eager')
    assert torch.equal(compiled(x), sparse(x * 2) + 1)


def test_tracers_are_refused(sparse):
    for trace in (lambda: torch.jit.trace(sparse, input_image(1)),
                  lambda: torch.jit.script(sparse), lambda: make_fx(sparse)(input_image(1)),
                  lambda: make_fx(sparse, tracing_mode='fake')(input_image(1)),
                  lambda: torch.func.functionalize(sparse)(input_image(1)),
                  lambda: torch.export.export(sparse, (input_image(1), ), strict=False)):
        with pytest.raises(TrainingError, match=r'cannot be traced or exported: .*Remedy: export'):
            trace()


def test_a_network_of_another_kind_is_warned_that_nothing_is_accelerated(capsys):
    from mmengine.logging import MMLogger
    MMLogger.get_instance('foreign', log_level='INFO')
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU())
    sparse = SparseModel(model)
    logged = capsys.readouterr()
    text = logged.out + logged.err
    assert 'WARNING' in text and '0 blocks are accelerated' in text
    assert 'mmst export' in text and 'HRNASSupernet' in text
    x = torch.randn(1, 1, 8, 8)
    assert torch.equal(sparse(x), model(x))


def test_a_network_whose_blocks_are_all_too_dense_is_warned_of_max_density(capsys):
    SparseModel(NarrowModel(), max_density=0.)
    logged = capsys.readouterr()
    assert 'denser than max_density' in logged.out + logged.err
