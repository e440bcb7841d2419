"""weight_norm and spectral_norm, old and new, from training with averages to every kind of file."""
import pytest
import tiny
import torch
from mmengine.runner import Runner
from normed_nets import NORMS, config

from mmst.cli.main import main
from mmst.deploy import SparseModel
from mmst.deploy.compact import compact
from mmst.deploy.export import load_sparse, save_sparse
from mmst.deploy.export.deployed import Deployed, smallest
from mmst.deploy.export.onnx_file import check_onnx, export_onnx
from mmst.engine.run.runner_views import averaged_model, unwrap
from mmst.errors import MMSTError
from mmst.tickets import Ticket

pytestmark = [pytest.mark.filterwarnings('ignore:.*weight_norm.*:FutureWarning'),
              pytest.mark.parametrize('norm', NORMS, scope='module')]


def train(folder, norm, **settings):
    runner = Runner.from_cfg(config(folder, norm, **settings))
    runner.register_hook(tiny.Probe(after_train_epoch=tiny.weaken(0.35)), 60)
    runner.train()
    return runner


@pytest.fixture(scope='module')
def run(tmp_path_factory, norm):
    """A run with averages, whose computed weight is left alone."""
    return train(tmp_path_factory.mktemp(norm), norm, checkpoint=dict(interval=1),
                 prune=dict(leave_alone=['neck.extra']))


def test_its_mask_is_refused_where_it_would_not_act(tmp_path, norm):
    with pytest.raises(MMSTError, match=r"neck\.extra\.weight is computed.*Remedy: .*leave_alone="):
        train(tmp_path, norm)


@pytest.mark.by_turns(4, 'norm')
def test_a_run_resumed_ends_alike_and_its_ticket_is_its_average(run, tmp_path, norm):
    again = train(tmp_path, norm, prune=dict(leave_alone=['neck.extra']), resume=True,
                  load_from=f'{run.work_dir}/epoch_1.pth')
    own, other = unwrap(run).state_dict(), unwrap(again).state_dict()
    assert own.keys() == other.keys() and all(torch.equal(own[key], other[key]) for key in own)
    ticket, images = Ticket.load(f'{run.work_dir}/ticket.pth'), torch.randn(2, 3, *tiny.SIZE)
    assert not any(name.startswith('neck.extra') for name in ticket.mask)
    with torch.no_grad():
        assert torch.equal(ticket.build().eval()(images), averaged_model(run).module.eval()(images))


@pytest.mark.by_turns(4, 'norm')
def test_every_file_of_its_ticket_gives_its_outputs_or_is_refused(run, tmp_path, norm, capsys):
    path, images = f'{run.work_dir}/ticket.pth', torch.randn(2, 3, *tiny.SIZE)
    ticket = Ticket.load(path)
    with torch.no_grad():
        expected = ticket.build().eval()(images)
        forms = dict(compact=compact(ticket).build().eval()(images),
                     engine=SparseModel.from_ticket(ticket)(images))
        for ending in ('.sparse', '.safetensors'):
            other = tmp_path / f'ticket{ending}'
            save_sparse(ticket, other) if ending == '.sparse' else ticket.save(other)
            read = load_sparse(other) if ending == '.sparse' else Ticket.load(other)
            assert torch.equal(read.build().eval()(images), expected)
    for name, found in forms.items():
        assert torch.allclose(found, expected, atol=1e-5), name
    assert main(['export', path, '--format', 'c', '-o', str(tmp_path / 'c')]) == 2
    assert 'the C library does not run a TinySegmentor' in capsys.readouterr().err


@pytest.mark.slow
def test_its_onnx_file_gives_its_outputs(run, tmp_path, norm):
    pytest.importorskip('onnxruntime')
    ticket = Ticket.load(f'{run.work_dir}/ticket.pth')
    network = Deployed(smallest(ticket), tiny.SIZE)
    export_onnx(network, str(tmp_path / 'x.onnx'))
    assert check_onnx(str(tmp_path / 'x.onnx'), network, torch.randn(2, 3, *tiny.SIZE)) < 1e-5


@pytest.mark.by_turns(4, 'norm')
def test_its_ticket_is_retrained(run, tmp_path, norm):
    start = dict(weight_norm='reinitialize', spectral_norm='random_pruning').get(norm, 'ticket')
    cfg = config(tmp_path, norm, 1, search=False, prune=False)
    cfg.default_hooks['prune'] = dict(type='mmst.FixedMaskHook', start=start,
                                      ticket=f'{run.work_dir}/ticket.pth')
    Runner.from_cfg(cfg).train()
    mask = Ticket.load(f'{run.work_dir}/ticket.pth').mask
    assert Ticket.load(tmp_path / 'ticket.pth').mask.keys() == mask.keys()
