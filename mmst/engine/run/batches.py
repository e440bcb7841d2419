"""Draws training batches outside training."""
import itertools
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from mmengine.dataset import DefaultSampler
from mmengine.model import BaseModel
from mmengine.optim import AmpOptimWrapper
from mmengine.runner import Runner
from mmengine.runner.amp import autocast
from torch import Tensor, nn
from torch.utils.data import DataLoader

from ...errors import blaming, config_error
from ...models.hrnas.ops import reference_ops
from ...openmmlab.internals import loader_of
from ...pruning.build import criterion_name
from ...pruning.criteria.base import Criterion
from ...pruning.gradients import eval_mode, loss_gradients
from ...randomness import isolated_random_state
from ...settings.checks import check_number
from .runner_views import unwrap


def training_batches(runner: Runner, count: int, seed: int,
                     batch_size: int | None = None) -> Iterator[dict]:
    """Yield up to ``count`` shuffled batches of the runner's training set, on each rank its own.

    They are loaded as the run loads: by as many workers, seeded and collated alike, without a last
    smaller batch where training drops it. The training loader itself and its iterator are not
    touched.

    Args:
        runner (Runner): The runner.
        count (int): Batches.
        seed (int): Of the order.
        batch_size (int, optional): Defaults to the training loader's.
    """
    train = runner.train_dataloader
    # A loader with a batch sampler of its own has no size itself.
    grouped = train.batch_sampler
    size = batch_size or train.batch_size or getattr(grouped, 'batch_size', None) or 1
    order = DefaultSampler(train.dataset, shuffle=True, seed=seed)
    # No more than are wanted: workers load ahead.
    wanted = list(itertools.islice(order, count * size))
    if getattr(grouped, 'drop_last', False):
        wanted = wanted[:len(wanted) // size * size] or wanted
    yield from DataLoader(train.dataset, size, sampler=wanted, collate_fn=train.collate_fn,
                          num_workers=min(train.num_workers, count), pin_memory=train.pin_memory,
                          worker_init_fn=train.worker_init_fn,
                          multiprocessing_context=train.multiprocessing_context)


def training_precision(runner: Runner) -> AbstractContextManager:
    """Return the autocast of the run's training steps; it does nothing where there is none."""
    wrapper = runner.optim_wrapper
    if isinstance(wrapper, AmpOptimWrapper):
        return autocast(dtype=wrapper.cast_dtype)
    return nullcontext()


def show_inputs(runner: Runner, criterion: Criterion, model: BaseModel,
                weights: Mapping[str, Tensor], seed: int,
                batches: Iterable[dict[str, Any]] | None = None,
                key: str = 'criterion') -> None:
    """Let ``criterion`` watch ``model`` at work on training batches, where it asks for that.

    Raises:
        ConfigError: It does, and the config has no training data; or it fails.
    """
    if not getattr(criterion, 'needs_inputs', Criterion.needs_inputs):
        return
    wanted = _batches(runner, criterion, seed, batches, key)

    def run() -> None:
        for batch in wanted:
            model(**model.data_preprocessor(batch, False), mode='tensor')

    with isolated_random_state(seed), eval_mode(model), reference_ops(model), blaming(
            key, criterion_name(criterion), 'observe()', 'correct its observe()'):
        criterion.observe(model, weights, run)


def _batches(runner: Runner, criterion: Criterion, seed: int,
             given: Iterable[dict[str, Any]] | None, key: str) -> Iterable[dict[str, Any]]:
    """Return the batches that are ``given``, else as many as the criterion asks for."""
    count = check_number(f'{key}.batches', getattr(criterion, 'batches', Criterion.batches),
                         low=1, whole=True, remedy='use 100')
    if loader_of(runner) is None:
        raise config_error(key, criterion_name(criterion),
                           'it needs training data, and the config has no '
                           'train_dataloader', 'add one, or use the criterion \'magnitude\'')
    return training_batches(runner, count, seed) if given is None else given


def criterion_gradients(runner: Runner, criterion: Criterion,
                        weights: Mapping[str, nn.Parameter], seed: int,
                        batches: Iterable[dict[str, Any]] | None = None,
                        key: str = 'criterion') -> dict[str, Tensor]:
    """Return the gradients that ``criterion`` wants; none where it needs none.

    They are of the ``batches`` that are given, else of its own number of training batches.

    Raises:
        ConfigError: It needs gradients, and the config has no training data.
    """
    if not getattr(criterion, 'needs_gradients', Criterion.needs_gradients):
        return {}
    wanted = _batches(runner, criterion, seed, batches, key)
    with isolated_random_state(seed):
        return loss_gradients(unwrap(runner), weights, wanted, key, criterion_name(criterion))
