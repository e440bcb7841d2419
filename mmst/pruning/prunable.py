"""Which weights may be pruned: what "90%" is a share of."""
from fnmatch import fnmatch
from typing import Dict, Sequence

from torch import nn

from ..errors import config_error
from ..models.lightweight_transformer import LightweightTransformer

PRUNABLE = (nn.modules.conv._ConvNd, nn.Linear)


def prunable_weights(model: nn.Module, parts: Sequence[str] = ('backbone', 'neck'),
                     transformers: bool = True,
                     leave_alone: Sequence[str] = ()) -> Dict[str, nn.Parameter]:
    """Weights of the convolutions and linears of a model's parts, by parameter name.

    Classifiers (outside the parts), biases, norms and learned queries are no prunable weights.

    Args:
        model (nn.Module): A whole OpenMMLab model, unwrapped.
        parts (Sequence[str]): Attributes of the model. One that the model lacks is passed over.
        transformers (bool): Whether Transformer paths are pruned too. Defaults to True.
        leave_alone (Sequence[str]): Module paths to pass over; ``*`` and ``?`` are wildcards.

    Raises:
        ConfigError: If nothing is left to prune or an entry of ``leave_alone`` matches nothing.
    """
    inside = [f'{name}.' for name, m in model.named_modules()
              if isinstance(m, LightweightTransformer)]
    layers = {name: m for name, m in model.named_modules()
              if isinstance(m, PRUNABLE) and name.split('.')[0] in parts and m.weight.numel()
              and (transformers or not name.startswith(tuple(inside)))}
    for pattern in leave_alone:
        matches = [name for name in layers if covers(pattern, name)]
        if not matches and not any(covers(pattern, name) for name, _ in model.named_modules()):
            raise config_error('PruneHook.leave_alone', pattern, 'no layer has this name',
                               'take names from model.named_modules(), e.g. \'backbone.stem*\'')
        for name in matches:
            del layers[name]
    if not layers:
        raise config_error('PruneHook.parts', list(parts), 'the model has no prunable weight there',
                           'name the model\'s parts, e.g. [\'backbone\', \'neck\']')
    return {f'{name}.weight': m.weight for name, m in layers.items()}


def covers(pattern: str, name: str) -> bool:
    """Whether ``pattern`` names the module ``name`` or one that it lies in."""
    return fnmatch(name, pattern) or fnmatch(name, f'{pattern}.*')
