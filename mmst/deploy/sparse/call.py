"""Calls networks of any toolbox alike."""
from typing import Any

from mmengine.model import BaseModel
from torch import Tensor, nn


def call(model: nn.Module, images: Tensor) -> Any:
    """Return the head's output; mmpose's models ask for data samples, None allowed."""
    return model(images, None) if isinstance(model, BaseModel) else model(images)
