"""Whole networks by the kernel, and without it."""
import pytest
import torch
from c_projects import four_branches
from small_nets import NarrowModel, input_image
from sparse_nets import NarrowClassifier, assert_nan_passes, assert_same, needs_kernel, pruned
from tiny import run
from torch import nn

from mmst.deploy.sparse import SparseModel, library
from mmst.errors import ConfigError, TicketError
from mmst.kernels.native.build import processor


@needs_kernel
@pytest.mark.parametrize('make', [NarrowModel, NarrowClassifier])
def test_network_gives_what_torch_gives(make):
    model = pruned(make)
    sparse = SparseModel(model, threads=2)
    assert sparse.blocks['sparse'] > 20 and not sparse.blocks['dense']
    for size in ((64, 64), (70, 39)):  # the second: sizes that do not meet in fusions
        x = input_image(2, *size)
        assert_same(sparse(x), model, x)


@needs_kernel
@pytest.mark.parametrize('make', [NarrowModel, NarrowClassifier])
def test_dense_and_sparse_blocks_work_together(make):
    model = pruned(make)
    sparse = SparseModel(model, max_density=0.4)
    assert sparse.blocks['sparse'] and sparse.blocks['dense']
    assert_same(sparse(input_image(1)), model, input_image(1))


@pytest.fixture
def fresh():
    """The kernel is looked for again, in the test and after it."""
    library.kernel.cache_clear()
    yield
    library.kernel.cache_clear()


def test_without_kernel_the_network_is_torchs_and_the_log_says_so(fresh, monkeypatch, capsys):
    monkeypatch.setenv('MMST_KERNEL', 'none')
    model = pruned(NarrowModel)
    sparse = SparseModel(model)
    assert not sparse.blocks['sparse']
    assert_same(sparse(input_image(1)), model, input_image(1))
    logged = capsys.readouterr()
    assert 'torch\'s dense layers: MMST_KERNEL=none' in logged.out + logged.err


@pytest.mark.by_turns(4)
@needs_kernel
@pytest.mark.skipif('avx2' not in processor(), reason='no AVX2')
@pytest.mark.parametrize('target, lanes', [('-mavx2 -mfma -O1', 8), ('-msse2 -O1', 4)])
def test_narrower_instructions_give_the_same(fresh, monkeypatch, tmp_path, target, lanes):
    monkeypatch.setenv('MMST_KERNEL_TARGET', target)
    monkeypatch.setenv('MMST_KERNEL_CACHE', str(tmp_path))
    model = pruned(NarrowModel)
    sparse = SparseModel(model, threads=2)
    assert library.kernel().lanes() == lanes and sparse.blocks['sparse']
    assert_same(sparse(input_image(2, 70, 39)), model, input_image(2, 70, 39))
    assert_nan_passes()


def test_ticket_of_a_run_is_read_from_its_file(tmp_path):
    runner = run(tmp_path, epochs=2, ticket=True)
    path = tmp_path / 'ticket.pth'
    sparse = SparseModel.from_ticket(path)
    x = torch.randn(3, 3, 16, 16)
    from mmst.tickets import Ticket
    assert_same(sparse(x), Ticket.load(path).build(), x)
    assert runner is not None


@pytest.mark.parametrize('threads', [0, -1, 1.5, 'all'])
def test_threads_that_make_no_sense_are_refused(threads):
    with pytest.raises(ConfigError, match='threads'):
        SparseModel(nn.Conv2d(3, 3, 1), threads=threads)


def test_image_without_batch_is_refused():
    with pytest.raises(ConfigError, match=r'images.shape'):
        SparseModel(nn.Conv2d(3, 3, 1))(torch.zeros(3, 8, 8))


def test_missing_file_is_refused(tmp_path):
    with pytest.raises(TicketError, match='no such file'):
        SparseModel.from_ticket(tmp_path / 'none.pth')


@needs_kernel
@pytest.mark.parametrize('threads', [1, 3])
def test_torchs_number_of_threads_is_as_it_was_after_a_call(threads):
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        SparseModel(pruned(NarrowModel), threads=threads)(input_image(1))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


@needs_kernel
def test_the_callers_defaults_for_new_tensors_change_nothing(tmp_path):
    ticket, x = four_branches(), input_image(1)
    expected = SparseModel.from_ticket(ticket)(x)
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16)
    try:
        with torch.device('meta'):
            sparse = SparseModel.from_ticket(ticket)
            assert torch.get_default_dtype() == torch.bfloat16 and torch.ones(1).is_meta
    finally:
        torch.set_default_dtype(before)
    assert torch.equal(sparse(x), expected)


def test_a_sparse_model_and_odd_flags_are_refused():
    model = SparseModel(nn.Sequential(nn.ReLU()))
    with pytest.raises(ConfigError, match='sparse already'):
        SparseModel(model)
    with pytest.raises(ConfigError, match='int8'):
        SparseModel(nn.Sequential(nn.ReLU()), int8='x')
