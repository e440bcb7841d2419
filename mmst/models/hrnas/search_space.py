"""Checks the settings that span the search space, for backbone and necks."""
from collections.abc import Sequence

from ...errors import config_error
from ...settings.checks import as_whole, check_choice, check_number, check_numbers
from .search_block import TRANSFORMERS


def check_search_space(where: str, kernel_sizes: Sequence[int], expand_ratio: int,
                       transformer: str, tokens: int, momentum: float | None, eps: float) -> None:
    """Refuse search-space settings that make no sense.

    Raises:
        ConfigError: Naming the key below ``where``, the value and the remedy.
    """
    check_choice(f'{where}.transformer', transformer, TRANSFORMERS)
    sizes = [as_whole(k) for k in kernel_sizes] if isinstance(kernel_sizes, (list, tuple)) else []
    odd = all(k is not None and k > 0 and k % 2 for k in sizes)
    if not sizes or not odd or len(set(sizes)) != len(sizes):
        raise config_error(f'{where}.kernel_sizes', kernel_sizes,
                           'must be different odd positive numbers', 'use the paper\'s (3, 5, 7)')
    for name, value, remedy in (('expand_ratio', expand_ratio, 'use the paper\'s 4'),
                                ('tokens', tokens, 'use 64, or transformer=\'none\'')):
        check_number(f'{where}.{name}', value, low=1, whole=True, remedy=remedy)
    if momentum is not None:  # torch then takes the plain mean
        check_number(f'{where}.momentum', momentum, low=0, high=1, remedy='use the paper\'s 0.01')
    check_number(f'{where}.eps', eps, above=0, remedy='use the paper\'s 1e-3')


def check_stages(stem_channels: Sequence[int], channels: Sequence[Sequence[int]],
                 depths: Sequence[Sequence[int]]) -> None:
    """Refuse stages of the backbone that do not follow each other.

    Raises:
        ConfigError: Naming the key, the value and the remedy.
    """
    if len(check_numbers('backbone.stem_channels', stem_channels, low=1,
                         remedy='use the paper\'s (24, 24)')) != 2:
        raise config_error('backbone.stem_channels', stem_channels,
                           'the stem has two convolutions', 'use the paper\'s (24, 24)')
    for stage in channels:
        check_numbers('backbone.channels', stage, low=1, remedy='give the channels of each branch')
    for stage in depths:
        check_numbers('backbone.depths', stage, low=0, remedy='give blocks for each branch')
    branches = [len(stage) for stage in channels]
    if branches != [len(stage) for stage in depths]:
        raise config_error('backbone.depths', depths, 'stages and branches differ from channels',
                           'give one number of blocks per entry of channels')
    if any(b - a not in (0, 1) for a, b in zip([1, *branches], branches, strict=False)):
        raise config_error('backbone.channels', channels,
                           'a stage has as many branches as the one before, or one more',
                           'use the paper\'s 1, 2, 3, 4, 4 branches')
