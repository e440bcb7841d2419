"""Writes the levels of a finished run as one file."""
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from mmengine.dist import is_main_process
from mmengine.runner import Runner, autocast
from torch import Tensor, nn

from ... import files
from ...errors import TicketError, TrainingError
from ...pruning.levels import KEPT_BY, whole
from ...pruning.mask import Mask
from ...pruning.mask_in_force import MaskInForce
from ...randomness import isolated_random_state
from ...search.norms import statistics
from ...search.recalibrate import batch_norms, recalibrate
from ...tickets.family import Family
from ...tickets.ticket import Ticket
from ..run.batches import training_batches, training_precision
from ..run.metrics import scalar_metrics
from ..run.runner_views import evaluated_model, find_hook
from .labels_hook import without_label
from .recalibrate_hook import RecalibrateHook

NAME = 'family.pth'


def write_family(runner: Runner, in_force: MaskInForce, levels: Sequence[float],
                 target: int) -> None:
    """Recalibrate and evaluate each level, write ``family.pth`` and ``family.json``.

    Args:
        runner (Runner): Its training has ended, and ``ticket.pth`` is there.
        in_force (MaskInForce): Its last mask, of the target sparsity.
        levels (Sequence[float]): Sparsities, ascending.
        target (int): The place of the ticket's own among them.

    Raises:
        TrainingError: A level's statistics are not finite.
    """
    model = evaluated_model(runner)
    masks, weights = in_force.holder.masks, in_force.weights
    counts = {name: masks[weight][KEPT_BY] for name, weight in weights.items()}
    own = dict(model.named_parameters())
    full = {name: torch.where(masks[weight]['pruned'], whole(weight, masks[weight]),
                              own[name].detach()) for name, weight in weights.items()}
    before = _copy(_statistics(model))
    found: list[dict[str, Tensor]] = []
    rows = []
    with _preserving(model, list(full)), isolated_random_state(runner.seed):
        for place, level in enumerate(levels):
            with torch.no_grad():
                for name, value in full.items():
                    own[name].copy_(torch.where(counts[name] > place, value, 0.))
            if place == target:  # those of the ticket
                for name, value in _statistics(model).items():
                    value.copy_(before[name])
            else:
                _recalibrate(runner, model)
            found.append(_copy(_statistics(model)))
            mask = Mask({name: count > place for name, count in counts.items()})
            rows.append(dict(level=level, sparsity=mask.sparsity,
                             metrics=_evaluate(runner, model)))
    path = Path(runner.work_dir, 'ticket.pth')
    if is_main_process() and path.is_file():
        ticket = Ticket.load(path)
        kept_by = {name: count.cpu() for name, count in counts.items()}
        family = Family(tuple(levels), kept_by, found)
        loosest = family.mask(0)
        state = dict(ticket.state_dict, **found[0])
        state.update((name, torch.where(loosest[name], value.cpu(), 0.))
                     for name, value in full.items())
        meta = dict(ticket.meta, sparsity=loosest.sparsity)
        whole_family = Ticket(ticket.model, state, loosest, meta, family)
        _check(whole_family)
        whole_family.save(path.with_name(NAME), own=True)
        text = files.to_json(dict(
            metrics=rows[0]['metrics'], levels=rows, **without_label(runner)))
        files.write_bytes(path.with_name('family.json'), text.encode(), own=True)
        runner.logger.info(f'levels: {path.with_name(NAME)}\n' + '\n'.join(
            f'{row["level"]:.0%}: {row["sparsity"]:.1%} sparse, {row["metrics"]}' for row in rows))


def _check(family: Ticket) -> None:
    """Refuse to write what nothing would open."""
    try:
        family.check()
    except TicketError as error:
        problem = str(error).partition(' Remedy:')[0].rstrip('.')
        raise TrainingError(f'{NAME} is not written: {problem}; ticket.pth is whole. Remedy: train '
                            'again with levels that are nearer to each other.') from error


def _recalibrate(runner: Runner, model: nn.Module) -> None:
    hook = find_hook(runner, RecalibrateHook)
    count, size = (10, None) if hook is None else (hook.batches, hook.batch_size)
    with training_precision(runner):
        recalibrate([model], training_batches(runner, count, runner.seed, size))


def _statistics(model: nn.Module) -> dict[str, Tensor]:
    own = {id(tensor) for bn in batch_norms(model) for tensor in statistics(bn)}
    return {name: buffer for name, buffer in model.named_buffers() if id(buffer) in own}


def _copy(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.detach().cpu().clone() for name, value in tensors.items()}


@torch.no_grad()
def _evaluate(runner: Runner, model: Any) -> dict[str, float]:
    """Return the metrics of the network as it is; none where the run evaluates nothing."""
    loop = runner.val_loop
    if loop is None:
        return {}
    model.eval()
    for metric in loop.evaluator.metrics:
        metric.results.clear()
    for batch in loop.dataloader:
        with autocast(enabled=getattr(loop, 'fp16', False)):
            outputs = model.val_step(batch)
        loop.evaluator.process(data_samples=outputs, data_batch=batch)
    return scalar_metrics(loop.evaluator.evaluate(len(loop.dataloader.dataset)))


@contextmanager
def _preserving(model: nn.Module, names: list[str]) -> Iterator[None]:
    """Leave the network as it was: its masked weights, its statistics, its mode."""
    parameters = dict(model.named_parameters())
    kept = [(tensor, tensor.detach().clone()) for tensor in (
        *(parameters[name] for name in names), *_statistics(model).values())]
    mode = model.training
    try:
        yield
    finally:
        with torch.no_grad():
            for tensor, value in kept:
                tensor.copy_(value)
        model.train(mode)
