"""Computes gradients of the training loss, for criteria that want them."""
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from mmengine import dist
from mmengine.model import BaseModel
from torch import Tensor, nn

from ..errors import config_error


def loss_gradients(model: BaseModel, weights: Mapping[str, nn.Parameter],
                   batches: Iterable[dict[str, Any]], key: str = 'criterion',
                   name: str = 'gradient') -> dict[str, Tensor]:
    """Return the sum over batches of the gradients of the model's own loss, averaged over ranks.

    The model is in eval mode, as SNIP's scores are taken here (statistics fixed, no dropout). It is
    left as it was: parameters, their ``.grad``, BN statistics, training modes. No distributed
    wrapper takes part.

    Args:
        model (BaseModel): An OpenMMLab model, unwrapped.
        weights (Mapping[str, nn.Parameter]): Parameters of the model by name.
        batches (Iterable[dict[str, Any]]): Batches as the training loader gives them.
        key (str): Of the setting that names the criterion, for messages.
        name (str): Of the criterion, for messages.

    Raises:
        ConfigError: If there is no batch.
    """
    names, parameters = list(weights), list(weights.values())
    sums, count = [torch.zeros_like(p, dtype=torch.float32) for p in parameters], 0
    with eval_mode(model), torch.enable_grad():
        for count, batch in enumerate(batches, 1):  # noqa: B007
            losses = model(**model.data_preprocessor(batch, True), mode='loss')
            loss, _ = model.parse_losses(losses)
            # Not backward(): it would touch .grad and, where there is one, DDP's reducer.
            found = torch.autograd.grad(loss, parameters, allow_unused=True)
            for total, gradient in zip(sums, found, strict=True):
                if gradient is not None:
                    total += gradient
    if not count:
        raise config_error(key, name,
                           'it needs training data, and there was no batch',
                           'check train_dataloader, or use the criterion \'magnitude\', which '
                           'needs no data')
    for total in sums:
        dist.all_reduce(total, op='mean')
    return dict(zip(names, sums, strict=True))


@contextmanager
def eval_mode(model: nn.Module) -> Iterator[None]:
    """Let all modules be in eval mode, and give each its own mode back."""
    modes = [(m, m.training) for m in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode
