"""Expands the short form of figures: methods over pruning ratios on some data sets."""
import itertools
from collections.abc import Mapping
from typing import Any

from ...errors import config_error


def expand(grid: Mapping[str, Any]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the sections and claims that ``grid`` stands for.

    Args:
        grid (Mapping): ``data``: data set to its title; ``ratios``: in percent; ``curves``: label
            to the end of the runs' names, ``{}`` for the ratio, e.g. ``'st_p{}'``; ``above``: pairs
            of labels, the first of which is reported to score higher at every ratio.

    Raises:
        ConfigError: ``above`` names no curve.
    """
    curves, ratios = grid['curves'], grid['ratios']
    for label in itertools.chain.from_iterable(grid['above']):
        if label not in curves:
            raise config_error('grid.above', label, 'is no curve',
                               f'use some of {", ".join(curves)}')
    sections = [
        dict(title=title, data=data, curves=[
            dict(label=label, runs=[f'{data}.{run.format(ratio)}' for ratio in ratios])
            for label, run in curves.items()])
        for data, title in grid['data'].items()]
    claims = [
        dict(text=f'{ratio}%: {higher} above {lower}',
             higher=f'{data}.{curves[higher].format(ratio)}',
             lower=f'{data}.{curves[lower].format(ratio)}')
        for data in grid['data'] for higher, lower in grid['above'] for ratio in ratios]
    return sections, claims
