"""Lets pruned networks learn from a dense one."""
from typing import Any

from mmengine.runner import Runner
from torch import nn

from ...errors import config_error
from ...openmmlab.internals import is_resumed
from ...registry import HOOKS
from ...settings.checks import check_choice, check_number
from ..distillation.comparison import Comparison, check_layers, rehearse_comparison
from ..distillation.dense_average import TEACHER, DenseAverage
from ..distillation.logits import Logits, find_layer, loss_of_logits
from ..distillation.same_task import check_classes, check_images
from ..distillation.teacher_file import KEY, check_teacher, load_teacher
from ..run.events import events
from ..run.plan import RunPlan
from ..run.runner_views import find_hook, unwrap
from ..run.search_advice import warn
from ..run.steps import counts_iterations, trains
from .fixed_mask_hook import FixedMaskHook
from .interval_hook import IntervalHook
from .mask_hook import MaskHook
from .prune_hook import PruneHook

_LOSSES = ('auto', 'kl', 'binary', 'mse')
_MODULE = 'DistillationHook.module'


@HOOKS.register_module()
class DistillationHook(IntervalHook):
    """Adds the distance of the pruned network's logits from a teacher's to the loss.

    It does so only while a mask is in force. The teacher sees the same images, without dropout and
    auxiliary heads. By default it is the run's own dense network: the average of its weights over
    the steps without a mask since the last search or reactivation. It is kept while a mask is in
    force, whatever searches remove meanwhile, and renewed at the next reactivation; until there is
    one, nothing is added. It travels in checkpoints.

    The loss is logged as ``loss_distill``. Of several processes each compares its own images.

    Args:
        teacher (str or dict): ``'own'``; or ``dict(config=…, checkpoint=…)`` of a trained network,
            of which a ticket needs no ``config``; ``module`` in it names its layer of logits where
            that differs. It was trained with the same data preprocessor and classes. Defaults to
            ``'own'``.
        weight (float): Factor of the loss. Defaults to 1.
        temperature (float): Of the softmax over classes, or of their sigmoids. Defaults to 2.
        every (int): The teacher looks at every second, third, … iteration. Defaults to 2.
        module (str, optional): Path of the layer that gives the logits. Defaults to the last one
            of mmsegmentation's decode heads, mmpretrain's ``ClsHead`` and mmpose's ``HeatmapHead``;
            of others it is to be named.
        loss (str): ``'kl'``: the Kullback-Leibler divergence of classes, of each pixel that has a
            label; ``'binary'``: the sum of each class's own divergence, where an image may have
            several classes; ``'mse'``: the mean squared error of heat maps; ``'auto'``: the second
            for mmpretrain's multi-label heads and heads whose loss has ``use_sigmoid``, the third
            for mmpose's heat maps, else the first. Defaults to ``'auto'``.
    """
    priority = 68  # before a search changes the network that is averaged

    def __init__(self, teacher: Any = 'own', weight: float = 1., temperature: float = 2.,
                 every: int = 2, module: str | None = None, loss: str = 'auto'):
        self.settings = check_teacher(teacher)
        self.weight = check_number('DistillationHook.weight', weight, above=0, high=1e6,
                                   remedy='use 1')
        self.temperature = check_number('DistillationHook.temperature', temperature, low=0.1,
                                        high=1e3, remedy='use 2')
        self.every = check_number('DistillationHook.every', every, low=1, whole=True,
                                  remedy='use 2')
        self.module = module
        self.loss = check_choice('DistillationHook.loss', loss, _LOSSES)
        self.average: DenseAverage | None = None
        self.given: nn.Module | None = None  # from a file
        self._watching: list[Any] = []

    def check_plan(self, plan: RunPlan) -> None:
        if not plan.has(MaskHook):
            raise config_error('DistillationHook', 'on', 'nothing is pruned, and it acts while a '
                               'mask is in force', 'add a PruneHook, or leave it out')
        if self.settings is None and plan.has(FixedMaskHook):
            raise config_error('DistillationHook.teacher', 'own', 'the mask is in force from the '
                               'first step, so there is no dense network to average',
                               'give teacher=dict(checkpoint=...), or leave the hook out')
        if (plan.cfg or {}).get('compile'):
            raise config_error('DistillationHook', 'on', 'a model that is compiled as a whole '
                               'hides its logits', 'set compile=False in the config')
        plan.check_wrapper('the mask in force decides when the teacher looks on')
        self.path = find_layer(plan.model, self.module, _MODULE)
        teacher_path = self.path
        if self.settings is not None:
            self.given = self.given or load_teacher(self.settings)
            named = self.settings.get('module', self.module)
            teacher_path = find_layer(self.given, named, 'DistillationHook.teacher.module')
            check_layers(plan.model.get_submodule(self.path),
                         self.given.get_submodule(teacher_path))
            check_images(plan.model, self.given, KEY)
        kind = loss_of_logits(plan.model, self.path) if self.loss == 'auto' else self.loss
        self.comparison = Comparison(self.path, teacher_path, kind, self.weight, self.temperature,
                                     self.settings or 'own')
        prune = find_hook(plan, PruneHook)
        if prune is not None:
            if prune.interval >= plan.steps:
                raise config_error('PruneHook.interval', prune.interval, 'no mask is in force '
                                   'before the last step, and DistillationHook would never act',
                                   f'set it below {plan.steps}, or leave DistillationHook out')
            prune.check_trains_under_masks(plan, 'DistillationHook.every', self.every)

    def before_run(self, runner: Runner) -> None:
        super().before_run(runner)
        if trains(runner) and self.settings is None:
            # Now, as a checkpoint may hold a searched network that is smaller than the teacher.
            self.average = DenseAverage(unwrap(runner))

    def before_train(self, runner: Runner) -> None:
        warn(runner, self._check_classes(runner))
        for network in self._networks():
            network.to(next(unwrap(runner).parameters()).device)

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch=None) -> None:
        self._end()
        if runner.iter % self.every == 0:
            self._watch(runner)

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch=None,
                         outputs=None) -> None:
        self._end()
        if self.average is not None and not runner.optim_wrapper.masks:
            changes = sum(e['kind'] in ('search', 'reactivate') for e in events(runner))
            self.average.follow(unwrap(runner), changes)
        super().after_train_iter(runner, batch_idx, data_batch, outputs)

    def on_step(self, runner: Runner, step: int) -> None:
        # The processes' own statistics are averaged at these points, and checkpoints follow.
        if self.average is not None and self.average.open and not counts_iterations(runner):
            self.average.agree()

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        super().before_save_checkpoint(runner, checkpoint)
        if self.average is not None and self.average.steps:
            checkpoint[TEACHER] = self.average.state()

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        super().after_load_checkpoint(runner, checkpoint)
        if self.average is not None and is_resumed(runner) and TEACHER in checkpoint:
            self.average.load(checkpoint[TEACHER], checkpoint)

    def rehearse(self, runner: Runner, batch: Any) -> None:
        """Compare the logits of one batch with those of the teacher, or with its own."""
        self._check_classes(runner)
        teacher = self.given if self.given is not None else DenseAverage(runner.model).module
        rehearse_comparison(runner, self.comparison, teacher, batch)

    def _check_classes(self, runner: Runner) -> str | None:
        metainfo = getattr(runner.train_dataloader.dataset, 'metainfo', None) or {}
        return None if self.given is None else check_classes(metainfo, self.given, KEY)

    def _networks(self) -> list[nn.Module]:
        networks = [self.given, self.average.module if self.average is not None else None]
        return [network for network in networks if network is not None]

    def _watch(self, runner: Runner) -> None:
        model = unwrap(runner)
        watched = Logits(model, self.path)

        def add_loss(module: nn.Module, args: tuple, kwargs: dict, losses: Any) -> Any:
            logits, teacher = watched.take(), self._teacher(runner)
            if kwargs.get('mode') != 'loss' or teacher is None or logits is None:
                return losses
            data = {key: value for key, value in kwargs.items() if key != 'mode'}
            found = self.comparison.loss(model, teacher, logits, args, data)
            return dict(losses, loss_distill=found)

        handle = model.register_forward_hook(add_loss, with_kwargs=True)
        self._watching = [watched.close, handle.remove]

    def _teacher(self, runner: Runner) -> nn.Module | None:
        """Return the network to learn from in this iteration; None while no mask is in force."""
        if not runner.optim_wrapper.masks:
            return None
        if self.average is None:
            return self.given
        if not self.average.steps:
            return None
        self.average.close()
        return self.average.module

    def _end(self) -> None:
        while self._watching:
            self._watching.pop()()
