"""Builds the networks of ``benchmarks/training.py``: the full supernet for two tasks, on random
images."""
import itertools
import shutil
import tempfile
from typing import Any

import torch
import torch.nn.functional as F
from mmengine.config import Config
from mmengine.model import BaseModel
from mmengine.registry import DATASETS, LOOPS, MODELS
from mmengine.runner import EpochBasedTrainLoop, Runner
from torch import Tensor, nn
from torch.utils.data import Dataset

import mmst
from mmst.models import ClassificationNeck, DensePredictionNeck, HRNASSupernet

#: Task to its batch size, height and width.
SIZES = dict(segmentation=(2, 256, 512), classification=(8, 224, 224))
CLASSES = dict(segmentation=19, classification=1000)
#: Where a Runner trains: on a GPU if there is one. ``CUDA_VISIBLE_DEVICES=`` hides it.
DEVICE = 'cuda' if torch.cuda.is_available() else 'cpu'
#: A process that waits for a GPU takes no processor time; on a CPU other work stretches the clock.
TIME = dict(cuda='clock', cpu='processor')[DEVICE]
_NUMBERS = itertools.count()


@MODELS.register_module()
class BenchmarkNetwork(BaseModel):
    """Joins backbone, neck and linear classifier with cross-entropy; no toolbox is needed.

    Args:
        task (str): ``'segmentation'`` or ``'classification'``.
        transformer (str): As in ``HRNASSupernet``.
        width (float): Factor on all channels. Defaults to 1.
        shallow (bool): Two stages of one block a branch, for trials. Defaults to False.
    """

    def __init__(self, task: str, transformer: str = 'all', width: float = 1.,
                 shallow: bool = False):
        super().__init__()
        def wide(channels):
            return tuple(max(1, round(width * c)) for c in channels)

        stages = ((24, ), (18, 36), (18, 36, 72), (18, 36, 72, 144), (18, 36, 72, 144))
        depths = {}
        if shallow:
            stages, depths = stages[:2], dict(depths=((1, ), (1, 1)))
        self.backbone = HRNASSupernet(
            stem_channels=wide((24, 24)), channels=tuple(map(wide, stages)),
            transformer=transformer, **depths)
        channels = dict(in_channels=wide(stages[-1]), transformer=transformer)
        if task == 'segmentation':
            self.neck = DensePredictionNeck(out_channels=wide((90, ))[0], **channels)
            self.classifier = nn.Conv2d(wide((90, ))[0], CLASSES[task], 1)
        else:
            self.neck = ClassificationNeck(channels=wide((36, 72, 144, 320)), **channels)
            self.classifier = nn.Linear(1600, CLASSES[task])

    def init_weights(self) -> None:
        for part in (self.backbone, self.neck):
            part._dump_init_info = lambda: None  # mmengine's log of it has thousands of lines
            part.init_weights()

    def forward(self, inputs: Tensor, labels: Tensor | None = None, mode: str = 'tensor'):
        out = self.classifier(self.neck(self.backbone(inputs))[0])
        return dict(loss=self.loss(out, labels)) if mode == 'loss' else out

    @staticmethod
    def loss(out: Tensor, labels: Tensor) -> Tensor:
        """Return cross-entropy, of segmentation at the labels' resolution."""
        if out.dim() == 4:
            out = F.interpolate(out, labels.shape[-2:], mode='bilinear', align_corners=False)
        return F.cross_entropy(out, labels)


@DATASETS.register_module()
class RandomImages(Dataset):
    """Gives noise and random labels."""

    def __init__(self, task: str, height: int, width: int, length: int):
        self.task, self.size, self.length = task, (height, width), length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        shape = self.size if self.task == 'segmentation' else ()
        return dict(inputs=torch.randn(3, *self.size),
                    labels=torch.randint(CLASSES[self.task], shape))


def make_batch(task: str, batch: int, height: int, width: int) -> dict[str, Tensor]:
    """Return a batch on ``DEVICE``, the same each time."""
    torch.manual_seed(1)
    images = RandomImages(task, height, width, batch)
    found = torch.utils.data.default_collate([images[i] for i in range(batch)])
    return {name: t.to(DEVICE) for name, t in found.items()}


def network(task: str, transformer: str, width: float = 1.,
            shallow: bool = False) -> BenchmarkNetwork:
    """Return a supernet on ``DEVICE``, initialised as for training; the same each time."""
    torch.manual_seed(0)
    model = BenchmarkNetwork(task, transformer, width, shallow)
    model.init_weights()
    return model.to(DEVICE).train()


# ---------------------------------------------------------------- training under a Runner


@LOOPS.register_module()
class PausedLoop(EpochBasedTrainLoop):
    """Begins the first epoch and stops: measurements call ``run_iter``."""

    def run(self) -> nn.Module:
        self.runner.call_hook('before_train')
        self.runner.call_hook('before_train_epoch')
        self.runner.model.train()
        return self.runner.model


def runner(task: str, transformer: str, size, two_in_one: bool, changes: dict | None = None,
           width: float = 1., model: dict | None = None, half: bool = False,
           **settings: Any) -> Runner:
    """Return a run that waits in its first epoch: two-in-one as shipped, or plain training as fast.

    Args:
        size: Batch size, height and width.
        changes (dict, optional): To settings of the hooks, by name.
        model (dict, optional): Settings of another network than the supernet.
        half (bool): Whether it trains in bfloat16. Defaults to False.
        settings: Further ones of the Runner.
    """
    batch, height, breadth = size
    hooks = Config.fromfile(mmst.cfg('_base_/two_in_one.py')).default_hooks.to_dict()
    network_config = model or dict(type='BenchmarkNetwork', task=task, transformer=transformer,
                                   width=width)
    if not two_in_one:
        names = ('timer', 'logger', 'param_scheduler', 'sampler_seed', 'fast')
        hooks = dict({name: hooks[name] for name in names}, checkpoint=None)
    else:
        hooks['search'].update(input_shape=(height, breadth))
        hooks['recalibrate'].update(batches=1, batch_size=batch)
        hooks['ticket'].update(model=network_config)
    for name, change in (changes or {}).items():
        hooks[name] = dict(hooks.get(name) or {}, **change)
    wrapper = dict(type='mmst.MaskedOptimWrapper' if two_in_one else 'OptimWrapper')
    if half:
        wrapper = dict(type=wrapper['type'].replace('OptimWrapper', 'AmpOptimWrapper'),
                       dtype='bfloat16')
    found = Runner(
        model=network_config,
        work_dir=tempfile.mkdtemp(prefix='mmst_training_'), default_scope='mmengine',
        experiment_name=f'training_{next(_NUMBERS)}', log_level='ERROR',
        randomness=dict(seed=0), default_hooks=hooks,
        train_cfg=dict(type='PausedLoop', max_epochs=430),
        train_dataloader=dict(
            batch_size=batch, num_workers=0, collate_fn=dict(type='default_collate'),
            sampler=dict(type='DefaultSampler', shuffle=True),
            dataset=dict(type='RandomImages', task=task, height=height, width=breadth,
                         length=100 * batch)),
        optim_wrapper=dict(
            **wrapper, constructor='mmst.DecayGroupsConstructor',
            optimizer=dict(type='AdamW', lr=1e-4, eps=1e-3, weight_decay=1e-5)),
        **settings)
    found.train()
    return found


def clean(runners: dict[str, Runner]) -> None:
    """Remove the files that runners have written."""
    for run in runners.values():
        shutil.rmtree(run.work_dir, ignore_errors=True)


def step(runner_: Runner, batch: dict[str, Any]) -> None:
    """Train one iteration with all hooks; those of every tenth iteration act in it only then."""
    runner_.train_loop.run_iter(1 + runner_.iter % 10, batch)
