"""Chooses how a search counts costs."""
from ...errors import config_error
from ..cost import HW
from ..network_costs import NetworkCosts
from .timed_costs import TimedCosts


def build_costs(input_shape: HW, table: str | None = None,
                target_ms: float | None = None, owner: str = 'Searcher') -> NetworkCosts:
    """Return a counter of costs, of milliseconds too where there is a table of them.

    Args:
        input_shape (Tuple[int, int]): Height and width of the image in pixels.
        table (str, optional): Path of a table that ``mmst profile`` has written.
        target_ms (float, optional): The wanted milliseconds, which need a table.
        owner (str): The class whose arguments these are to a user, as errors name it.

    Raises:
        ConfigError: There is a target in milliseconds and no table.
    """
    if table is not None:
        return TimedCosts(input_shape, table, f'{owner}.table')
    if target_ms is not None:
        raise config_error(f'{owner}.target_ms', target_ms, 'there is no table of times',
                           'give table=FILE.json, which mmst profile writes')
    return NetworkCosts(input_shape)
