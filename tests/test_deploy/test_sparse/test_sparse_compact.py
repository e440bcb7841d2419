"""Compact tickets, those with n:m masks and those of sparse files, by the kernel."""
import copy
import multiprocessing
import pickle
from multiprocessing.reduction import ForkingPickler

import forks
import pytest
import torch
from deploy_tickets import TASKS, small_ticket, with_n_m_mask
from sparse_nets import needs_kernel
from torch.utils._pytree import tree_leaves

from mmst.deploy.compact import CompactNetwork, compact
from mmst.deploy.export import load_sparse, save_sparse
from mmst.deploy.sparse import SparseModel
from mmst.deploy.sparse.engine_settings import EngineSettings
from mmst.deploy.sparse.nodes import GraphNode
from mmst.deploy.sparse.sparse_block import SparseSearchBlock
from mmst.deploy.sparse.sparse_neck import SparseDenseNeck
from mmst.deploy.sparse.sparsify import sparsify

pytestmark = needs_kernel


def assert_runs(ticket, sizes=((64, 64), (45, 70)), **settings):
    """By the kernel, giving what the ticket's network gives in float64."""
    model = ticket.build()
    sparse = SparseModel(model, threads=2, **settings)
    for size in sizes:
        x = torch.randn(2, 3, *size)
        with torch.no_grad():
            exact = tree_leaves(copy.deepcopy(model).double()(x.double(), None))
        for found, wanted in zip(tree_leaves(sparse(x)), exact, strict=True):
            assert found.shape == wanted.shape
            assert float((found - wanted).abs().max()) <= 1e-5 * float(wanted.abs().max())
    return sparse


@pytest.mark.parametrize('multiple', [1, 8])
@pytest.mark.parametrize('task, sparsity', [(task, s) for task in TASKS for s in (0.3, 0.9)])
def test_compact_tickets_run_by_the_kernel(task, sparsity, multiple):
    ticket = compact(small_ticket(task, sparsity), multiple)
    sparse = assert_runs(ticket)
    assert sparse.blocks['sparse'] > 0 and not sparse.blocks['dense']


def test_a_compact_ticket_without_a_live_channel_gives_its_constants():
    assert_runs(compact(small_ticket('imagenet', 1.)))


def test_all_paths_of_a_compact_ticket_run_by_the_kernel():
    ticket = small_ticket('cityscapes', 0.3, cut=0)
    sparse = assert_runs(compact(ticket))
    backbone = sparse.model.backbone
    left = [node.name for number, step in enumerate(backbone.steps)
            if str(number) not in backbone.parts
            for node in backbone.nodes[step.node] if node.op == 'conv']
    assert sparse.blocks['sparse'] == SparseModel(ticket.build()).blocks['sparse']
    assert not any('depthwise' in name or 'expand' in name for name in left)


def test_networks_keep_no_module_of_torch_that_the_kernel_stands_for():
    ticket = compact(small_ticket('cityscapes', 0.9))
    network = ticket.build().backbone
    before = len(network.nodes)
    backbone = SparseModel(ticket.build()).model.backbone
    steps = {step.node: str(number) in backbone.parts for number, step in enumerate(backbone.steps)}
    by_torch = {node.name for step, part in steps.items() if not part
                for node in backbone.nodes[step]}
    assert set(backbone.network.nodes) <= by_torch
    assert len(list(backbone.modules())) < before
    sparsify(model := torch.nn.Sequential(network), EngineSettings())
    assert len(network.nodes) == before and model[0] is not network


@pytest.mark.parametrize('multiple', [1, 8])
def test_a_compact_ticket_has_the_blocks_of_its_ticket_and_resizes_no_map(multiple):
    ticket = small_ticket('cityscapes', 0.1, cut=0)
    models = [SparseModel(t.build()) for t in (ticket, compact(ticket, multiple))]
    blocks = [[m for m in model.modules() if isinstance(m, SparseSearchBlock)] for model in models]
    assert len(blocks[0]) == len(blocks[1])
    assert sum(bool(b.transformer) for b in blocks[0]) == sum(bool(b.transformer)
                                                              for b in blocks[1]) > 0
    assert any(isinstance(m, SparseDenseNeck) for m in models[1].modules())
    assert not any(isinstance(m, GraphNode) for m in models[1].modules())


@pytest.mark.parametrize('changes', [dict(channels_last=False), dict(transformer='none'),
                                     dict(kernel_sizes=(3, 9))])
def test_compact_networks_of_other_forms_run_too(changes):
    assert_runs(compact(small_ticket('cityscapes', 0.8, **changes)), sizes=((40, 52), ))


def test_networks_of_which_nothing_is_left_run_too():
    ticket = compact(small_ticket('cityscapes', 1., scope='global'))
    assert_runs(ticket, sizes=((33, 40), ))


def test_dense_paths_stay_torchs_where_that_is_asked_for():
    sparse = assert_runs(compact(small_ticket('cityscapes', 0.3)), max_density=0.2)
    assert not sparse.blocks['sparse']


def sent(model):
    """As another process gets it, which moves its tensors to memory that both share."""
    return pickle.loads(ForkingPickler.dumps(model))


@pytest.mark.parametrize('twice', [copy.deepcopy, sent])
@pytest.mark.parametrize('task', TASKS)
def test_copies_of_compact_tickets_give_the_same_and_leave_the_first_as_it_was(task, twice):
    sparse, x = SparseModel(compact(small_ticket(task, 0.6)).build()), torch.randn(1, 3, 40, 48)
    expected = tree_leaves(sparse(x))
    for model in (twice(sparse), sparse):
        assert all(map(torch.equal, tree_leaves(model(x)), expected))


@pytest.mark.slow
@pytest.mark.parametrize('method', ['fork', 'spawn'])
@pytest.mark.parametrize('task', TASKS)
def test_compact_tickets_run_in_other_processes(task, method):
    sparse, x = SparseModel(compact(small_ticket(task, 0.6)).build()), torch.randn(1, 3, 40, 48)
    expected = tree_leaves(sparse(x))
    context = multiprocessing.get_context(method)
    queue = context.Queue()
    process = context.Process(target=forks.answer, args=(sparse, x, queue))
    process.start()
    found = [torch.from_numpy(values) for values in queue.get(timeout=200)]
    process.join()
    assert all(map(torch.equal, found, expected))


def test_compact_tickets_can_be_copied_saved_and_given_images_without_numbers():
    model = compact(small_ticket('cityscapes', 0.8)).build()
    sparse, x = SparseModel(model), torch.randn(1, 3, 40, 48)
    assert torch.equal(copy.deepcopy(sparse)(x), sparse(x))
    x[0, 0, 20, 20] = float('nan')
    with torch.no_grad():
        exact = model(x, None)
    assert torch.equal(sparse(x).isnan(), exact.isnan())


def test_networks_are_made_sparse_in_place_as_tools_do():
    model = compact(small_ticket('cityscapes', 0.8)).build()
    x = torch.randn(1, 3, 40, 48)
    with torch.no_grad():
        exact = model(x, None)
        found = sparsify(model, EngineSettings(threads=2))
        assert found['sparse'] and not isinstance(model.backbone, CompactNetwork)
        assert torch.allclose(model(x, None), exact, atol=1e-5 * float(exact.abs().max()))


def test_tickets_of_n_m_masks_run_by_the_kernel():
    sparse = assert_runs(with_n_m_mask(small_ticket('cityscapes', 0.5)), sizes=((40, 48), ))
    assert sparse.blocks['sparse'] and not sparse.blocks['dense']


@pytest.mark.parametrize('small', [False, True])
def test_sparse_files_run_by_the_kernel(tmp_path, small):
    ticket = small_ticket('cityscapes', 0.8)
    ticket = compact(ticket) if small else ticket
    save_sparse(ticket, tmp_path / 'x.sparse')
    sparse = SparseModel.from_ticket(tmp_path / 'x.sparse')
    x = torch.randn(1, 3, 40, 48)
    assert sparse.blocks['sparse']
    assert torch.equal(sparse(x), SparseModel(ticket.build())(x))
    assert load_sparse(tmp_path / 'x.sparse').meta == ticket.meta
