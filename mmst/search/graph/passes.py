"""Runs networks of OpenMMLab, in evaluation and in training, for one image without labels."""
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from mmengine.model import BaseModel
from torch import Tensor, nn

from ..norms import is_batch_norm
from .determined import without_chance


def passes(image: Tensor) -> dict[str, Callable[[nn.Module], Any]]:
    """Return ways to run a network with ``image`` (1, C, H, W); each gives its outputs.

    In training, heads may read more of a backbone than in evaluation, and auxiliary heads run.
    """
    return dict(eval=lambda model: run(model, image, False),
                train=lambda model: run(model, image, True))


@torch.no_grad()
def run(model: nn.Module, image: Tensor, training: bool) -> Any:
    """Return all outputs of a network; norms and drop-outs are in evaluation in any case.

    Random numbers that its code draws are the same each time.
    """
    model.train(training)
    for module in model.modules():
        if is_batch_norm(module) or 'Drop' in type(module).__name__:
            module.training = False
    with without_chance():
        return _outputs(model, image)


def _outputs(model: nn.Module, image: Tensor) -> Any:
    if not isinstance(model, BaseModel):
        return model(image)
    cascade = getattr(model, 'decode_head', None)
    if isinstance(cascade, nn.ModuleList):
        outputs = _in_turn(model.extract_feat(image), cascade)
    else:
        outputs = [model(image, None)]
    return outputs + [head.forward(model.extract_feat(image)) for head in _auxiliary(model)]


def _in_turn(features: Any, heads: nn.ModuleList) -> list[Any]:
    """Return outputs of heads of which each reads the output of the one before."""
    outputs = [heads[0].forward(features)]
    for head in list(heads)[1:]:
        outputs.append(head.forward(features, outputs[-1]))
    return outputs


def _auxiliary(model: nn.Module) -> Sequence[nn.Module]:
    heads = getattr(model, 'auxiliary_head', None)
    if heads is None:
        return []
    return list(heads) if isinstance(heads, nn.ModuleList) else [heads]


def example(model: nn.Module, channels: int, shape: Sequence[int]) -> Mapping[str, Any]:
    """Return passes over a random image in the network's precision."""
    dtype = next((p.dtype for p in model.parameters()), None)
    generator = torch.Generator().manual_seed(0)
    return passes(torch.randn(1, channels, *shape, generator=generator).to(dtype))
