"""Detectors on boxes of generated street scenes: a run of few steps ends with a searched ticket."""
import importlib.util
import json
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner
from tiny import PlainConfig, timeline

from mmst.costs.network_costs import NetworkCosts
from mmst.engine.build import build_model
from mmst.engine.data import check_data
from mmst.engine.rehearsal import rehearse
from mmst.errors import MMSTError
from mmst.lab.scenes import generate
from mmst.tickets import Ticket

pytest.importorskip('mmdet')

DEMOS = Path(__file__).parents[2] / 'configs' / 'demo'
SIZE = (64, 128)
NAMES = ('retinanet', 'yolox')


@pytest.fixture(scope='module')
def boxes(tmp_path_factory):
    return generate('cityscapes_boxes', tmp_path_factory.mktemp('data') / 'boxes', SIZE, 8, 2).path


@pytest.fixture(params=NAMES)
def cfg(request, boxes, tmp_path):
    """A demo's config with small images and two epochs of two steps."""
    cfg = Config.fromfile(DEMOS / f'{request.param}_cityscapes_p80_demo.py').to_dict()
    for split in ('train', 'val', 'test'):
        dataset = cfg[f'{split}_dataloader']['dataset']
        dataset['data_root'] = str(boxes)
        for transform in dataset['pipeline']:
            if transform['type'] == 'Resize':
                transform['scale'] = SIZE[::-1]
    for split in ('val', 'test'):
        cfg[f'{split}_evaluator']['ann_file'] = str(
            boxes / 'annotations/instancesonly_filtered_gtFine_val.json')
    cfg['train_dataloader']['sampler']['share'] = 1.
    cfg['train_cfg'].update(max_epochs=2, val_interval=2)
    cfg['param_scheduler'][1]['T_max'] = 1
    hooks = cfg['default_hooks']
    hooks['search'].update(interval=1, warmup=0, input_shape=SIZE)
    hooks['prune'].update(interval=1)
    cfg.update(work_dir=str(tmp_path / 'work'), log_level='ERROR', launcher='none',
               experiment_name=str(tmp_path))
    return PlainConfig(cfg)


def without_evaluation(cfg):
    for part in ('cfg', 'dataloader', 'evaluator'):
        cfg[f'val_{part}'] = cfg[f'test_{part}'] = None


@pytest.mark.by_turns(4, 'cfg')
def test_few_steps_end_with_a_searched_and_pruned_ticket_that_needs_no_config(cfg, tmp_path):
    without_evaluation(cfg)
    whole = NetworkCosts(SIZE)(build_model(cfg))['macs']
    # Nearly all units are below the threshold: the target says how many go.
    cfg.default_hooks.search.update(threshold=0.999, rho=0.5, target_flops=0.6 * whole)
    runner = Runner.from_cfg(cfg)
    runner.train()
    assert {kind for kind, _ in timeline(runner, 'search', 'prune')} == {'search', 'prune'}
    ticket = Ticket.load(tmp_path / 'work' / 'ticket.pth')
    summary = json.loads((tmp_path / 'work' / 'ticket.json').read_text())
    assert ticket.sparsity == pytest.approx(0.8, abs=1e-2)
    network = ticket.build().eval()
    assert 0.57 * whole < NetworkCosts(SIZE)(network)['macs'] < 0.9 * whole
    assert len(summary['metrics']) == 0
    with torch.no_grad():
        scores, *_ = network(torch.zeros(1, 3, *SIZE))
    assert all(level.isfinite().all() and level.shape[1] % 8 == 0 for level in scores)


@pytest.mark.by_turns(4)
@pytest.mark.skipif(
    bool(importlib.util.find_spec('mmcv._ext') and importlib.util.find_spec('mmcv._ext').origin),
    reason='mmcv has its operations')
def test_rehearsal_names_the_operation_that_evaluation_lacks_and_passes_without_one(cfg):
    check_data(cfg, ('train', 'val'))
    with pytest.raises(MMSTError, match=r"^model\.bbox_head = .*'nms' needs .*Remedy: .*full mmcv"
                       r'.*--no-validate\.$'):
        rehearse(cfg)
    assert not Path(cfg.work_dir).exists()
    without_evaluation(cfg)
    rehearse(cfg)
