"""Saves tickets."""
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import mmengine
import torch
from mmengine.dist import is_main_process, master_only
from mmengine.runner import Runner

from ... import files
from ...costs.table import ticket_table
from ...pruning.mask import Mask
from ...registry import HOOKS
from ...settings.checks import check_flag, check_size
from ...settings.shape import DEFAULT_SHAPE
from ...tickets import Ticket, summarize
from ...tickets.check_meta import facts_of_data
from ...tickets.described import check_described, model_config
from ...tickets.imports import listed_imports
from ...tickets.plain_data import as_plain_data
from ...version import __version__
from ..run.evaluated_network import EvaluatedNetwork
from ..run.events import add_event, events, follows, happened
from ..run.metrics import scalar_metrics
from ..run.paper import check_figures, figures_of, paper_table
from ..run.partial_load import refuse_partial_load
from ..run.plan import RunPlan
from ..run.runner_views import evaluated_model, find_hook, unwrap
from ..run.steps import counts_iterations, max_steps, steps_done, stopped_early, validation_due
from .fixed_mask_hook import FixedMaskHook
from .interim_metrics_hook import PREFIX
from .interval_hook import IntervalHook
from .labels_hook import UNLABELLED, without_label
from .mask_hook import MaskHook
from .search_hook import SearchHook

_SETTINGS = ('default_hooks', 'custom_hooks', 'optim_wrapper', 'param_scheduler', 'train_cfg')


@HOOKS.register_module()
class TicketHook(IntervalHook):
    """Saves a ticket at each prune and at the end of the run.

    ``WORK_DIR/tickets/STEP.pth`` at each prune; ``WORK_DIR/ticket.pth`` at the end, with the run's
    target sparsity, and next to it ``ticket.json`` with its costs and the metrics of its
    evaluation, which are also printed. Weights are those of the averaged model where there is one.
    A run that is stopped early leaves the same files.

    Args:
        keep_each (bool): Keep the tickets of the prunes before the last. Defaults to True.
        input_shape (Sequence[int], optional): Height and width at which MACs are counted. Defaults
            to the ``SearchHook``'s.
        model (dict, optional): The config of the whole model. Defaults to ``model`` of the run's
            config; needed where the runner has none, as ``Runner(model=network, ...)``.
        paper (Sequence[dict]): The paper's figures of a run like this, printed next to its own at
            the end: dicts of ``source``, ``epochs``, ``sparsity`` and figures by the names of
            metrics, or ``params`` and ``macs``. A run of another length or sparsity prints none.
    """
    priority = 73

    def __init__(self, keep_each: bool = True, input_shape: Sequence[int] | None = None,
                 model: dict | None = None, paper: Sequence[dict] = ()):
        self.keep_each = check_flag('TicketHook.keep_each', keep_each)
        self.input_shape = None if input_shape is None else check_size(
            'TicketHook.input_shape', input_shape, 'give e.g. (512, 1024)')
        self.model = model
        self.paper = check_figures('TicketHook.paper', paper)
        self._evaluated = EvaluatedNetwork()
        #: Whether a rehearsal has built the network of a ticket already.
        self.rehearsed = False

    def check_plan(self, plan: RunPlan) -> None:
        plan.check_evaluated()
        if plan.cfg is not None and not self.rehearsed:
            check_described(plan.model, model_config(plan.cfg, self.model))

    def before_run(self, runner: Runner) -> None:
        super().before_run(runner)
        if self.input_shape is None:
            search = find_hook(runner, SearchHook)
            self.input_shape = search.input_shape if search else DEFAULT_SHAPE

    def on_step(self, runner: Runner, step: int) -> None:
        self._save_due(runner, step)
        if validation_due(runner, step):
            self._evaluated.expect(runner)

    def before_val_epoch(self, runner: Runner) -> None:
        self._evaluated.check(runner)

    def _save_due(self, runner: Runner, step: int) -> None:
        mask = _mask(runner)
        if mask is None:
            return
        prune = find_hook(runner, MaskHook)
        if self.keep_each and prune is not None and prune.drawn is not None:
            self._save(runner, mask, step, Path(runner.work_dir, 'tickets', f'{step}.pth'))
        if step == max_steps(runner):
            self._save(runner, mask, step, Path(runner.work_dir, 'ticket.pth'))

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        refuse_partial_load(unwrap(runner), checkpoint)

    def on_stop(self, runner: Runner, step: int) -> None:
        mask = _mask(runner)
        if mask is not None:
            runner.logger.info(f'stopped after {step} of {max_steps(runner)}: the ticket is the '
                               f'network of that step, at {mask.sparsity:.2%} sparsity')
            self._save(runner, mask, step, Path(runner.work_dir, 'ticket.pth'))

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Put the evaluation on the timeline; interim ones without their prefix."""
        prune = find_hook(runner, MaskHook)
        mask = _mask(runner)
        add_event(runner, 'evaluate', steps_done(runner),
                  sparsity=mask.sparsity if mask is not None else 0.,
                  at_target=prune is None or prune.at_target(runner),
                  metrics={k.removeprefix(PREFIX): v for k, v in scalar_metrics(metrics).items()},
                  **without_label(runner))

    def after_train(self, runner: Runner) -> None:
        """Write and print the summary; evaluate first where the run was cut off before that."""
        super().after_train(runner)
        path = Path(runner.work_dir, 'ticket.pth')
        done = steps_done(runner)
        if done < max_steps(runner) and not stopped_early(runner):
            return
        evaluated_now = (happened(runner, done, 'evaluate')
                         and follows(runner, 'evaluate', 'search', 'prune'))
        if runner.val_loop is not None and not evaluated_now:
            runner.val_loop.run()
        if is_main_process() and path.is_file():
            search = _architecture(runner)
            summary = summarize(Ticket.load(path), self.input_shape or DEFAULT_SHAPE,
                                search and search.supernet)
            evaluations = [e for e in events(runner) if e['kind'] == 'evaluate']
            summary['metrics'] = evaluations[-1]['metrics'] if evaluations else {}
            summary.update({
                k: v
                for e in evaluations[-1:]
                for k, v in e.items() if k == UNLABELLED
            })
            summary['before_last_prune'] = next(
                (e for e in evaluations[::-1] if not e['at_target']), None)
            files.write_bytes(path.with_suffix('.json'), files.to_json(summary).encode(), own=True)
            runner.logger.info(f'ticket: {path}\n{ticket_table(summary)}')
            figures = figures_of(self.paper, _epochs(runner), summary['sparsity'])
            if figures is not None:
                runner.logger.info(f'compared with the paper:\n{paper_table(summary, figures)}')

    @master_only
    def _save(self, runner: Runner, mask: Mask, step: int, path: Path) -> None:
        search = _architecture(runner)
        meta = dict(
            epoch=runner.epoch + 1 if counts_iterations(runner) else step,
            iter=runner.iter, step=step, sparsity=mask.sparsity,
            settings={key: runner.cfg.get(key) for key in _SETTINGS},
            survivors=search.survivors if search else {},
            supernet=search.supernet if search else None, input_shape=self.input_shape,
            default_scope=runner.default_scope.scope_name,
            dataset_meta=facts_of_data(getattr(runner.train_dataloader.dataset, 'metainfo', {})),
            seed=runner.seed, imports=listed_imports(runner.cfg),
            versions=dict(mmst=__version__, torch=torch.__version__, mmengine=mmengine.__version__))
        Ticket.from_model(evaluated_model(runner), described_model(runner), mask,
                          as_plain_data(meta)).save(path, own=True)


def described_model(runner: Runner) -> dict[str, Any]:
    """Return the config of the runner's model that tickets and rewind points hold."""
    hook = find_hook(runner, TicketHook)
    return model_config(runner.cfg, hook.model if hook else None)


def _epochs(runner: Runner) -> int | None:
    return None if counts_iterations(runner) else runner.max_epochs


def _architecture(runner: Runner) -> SearchHook | FixedMaskHook | None:
    """Return the hook that knows the units left of the supernet."""
    return find_hook(runner, SearchHook) or find_hook(runner, FixedMaskHook)


def _mask(runner: Runner) -> Mask | None:
    hook = find_hook(runner, MaskHook)
    return Mask({}) if hook is None else hook.drawn or hook.mask_in_force(runner)
