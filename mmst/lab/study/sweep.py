"""Defines a study of one method over pruning ratios."""
from collections.abc import Mapping, Sequence
from typing import Any

from ...errors import config_error

RATIOS = (10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 98, 99)
#: Method to its label and its runs' names in the catalogue.
METHODS = {
    'st': ('Two-in-one with PP and IR-S', 'st_p{}'),
    'two-in-one': ('Two-in-one', 'two_in_one_p{}'),
    'two-in-one-irs': ('Two-in-one with IR-S', 'two_in_one_irs_p{}'),
    'two-in-one-pp': ('Two-in-one with PP', 'two_in_one_pp_p{}'),
    'sp-magnitude': ('S+P (magnitude)', 'sp_magnitude_p{}'),
    'sp-gradient': ('S+P (gradient)', 'sp_gradient_p{}'),
    'sp-random': ('S+P (random)', 'sp_random_p{}')}


def sweep_of(catalogue: Mapping[str, Any], method: str, data: str, ratios: Sequence[int],
             retrained: bool = False) -> tuple[str, dict[str, Any]]:
    """Return name and content of the study.

    Args:
        catalogue (Mapping): ``runs``, ``metrics`` and ``seeds`` of the catalogue of runs; with
            ``paper`` also the paper's numbers for them.
        method (str): One of :data:`METHODS`.
        data (str): Data set.
        ratios (Sequence[int]): In percent.
        retrained (bool): A second curve: the tickets retrained.

    Raises:
        ConfigError: A data set or a ratio that the catalogue does not have.
    """
    if data not in catalogue['metrics']:
        raise config_error('--data', data, 'unknown data set',
                           f'use one of {", ".join(catalogue["metrics"])}')
    for ratio in ratios:
        if ratio not in RATIOS:
            raise config_error('--ratios', ratio, 'is none of the catalogue\'s',
                               f'use some of {", ".join(map(str, RATIOS))}')
    label, run = METHODS[method]
    runs = [f'{data}.{run.format(ratio)}' for ratio in sorted(set(ratios))]
    curves = [dict(label=label, runs=runs)]
    if retrained:
        curves.append(dict(label=f'{label}, retrained', runs=[f'{name}_rt' for name in runs]))
    content = dict(catalogue, title=f'{label} over pruning ratios',
                   source='numbers in the text of paper and supplement',
                   sections=[dict(title=data, data=data, curves=curves)])
    return f'sweep_{data}_{method.replace("-", "_")}', content
