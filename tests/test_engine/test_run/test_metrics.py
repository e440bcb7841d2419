"""Which of an evaluation's metrics are numbers."""
import math

import numpy as np
import torch
from tiny import events, run

from mmst.engine.run.metrics import scalar_metrics


def test_metrics_that_are_one_number_are_taken():
    found = scalar_metrics(dict(
        mIoU=61.5, top1=torch.tensor(70.), AP=np.float64(0.5), none=float('nan'), each=[1., 2.],
        matrix=torch.eye(2), rows=np.eye(2), unknown=None))
    assert math.isnan(found.pop('none'))
    assert found == dict(mIoU=61.5, top1=70., AP=0.5)
    assert scalar_metrics(None) == {}


def test_a_run_goes_on_where_a_metric_has_a_number_for_each_class(tmp_path):
    runner = run(tmp_path, 1, ticket=True, val=1, scores=[[0.1, 0.2]], search=False, ema=False,
                 prune=dict(reactivation=None))
    assert [event['metrics'] for event in events(runner) if event['kind'] == 'evaluate'] == [{}]
