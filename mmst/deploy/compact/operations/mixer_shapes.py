"""Refuses weights of a Transformer's two layers that contradict each other."""
from collections.abc import Mapping, Sequence

from ....models.hrnas.coordinate_map import GRID
from .checks import MOST_CHANNELS, check_same, check_whole

#: Length of the token vectors.
DIM = GRID * GRID
_LINEARS = dict(query='attention.query', key='attention.key', value='attention.value',
                out='attention.out', widen='feedforward.0', narrow='feedforward.3')


def check_mixer(shapes: Mapping[str, Sequence[int]], queries: int) -> None:
    """Refuse shapes that no two layers on tokens of the grid's size have.

    Args:
        shapes (Mapping[str, Sequence[int]]): Of the weights, by name.
        queries (int): How many the decoder has, where it has any.

    Raises:
        ValueError: Naming a weight.
    """
    wanted: dict[str, list[int]] = {}
    for layer in ('encoder', 'decoder'):
        wanted |= _layer({name: shapes.get(f'{layer}.{path}.weight')
                          for name, path in _LINEARS.items()}, layer)
    if 'decoder.attention.out.weight' in wanted:
        wanted['queries'] = [queries, DIM]
    check_same('the set of its weights', sorted(shapes), sorted(wanted))
    for name, shape in wanted.items():
        check_same(f'the shape of {name}', list(shapes[name]), shape)


def _layer(found: Mapping[str, Sequence[int] | None], layer: str) -> dict[str, list[int]]:
    """Return the shapes of a layer, of which only inner dimensions may differ."""
    wanted = {f'norm{i}.{part}': [DIM] for i in (1, 2) for part in ('weight', 'bias')}
    inner, values, wide = (_first(found[name], f'{layer}.{_LINEARS[name]}.weight', most)
                           for name, most in (('query', DIM), ('value', DIM),
                                              ('widen', MOST_CHANNELS)))
    linears: dict[str, list[int]] = {}
    if inner and values:  # a whole attention is there, or nothing of it
        linears = dict(query=[inner, DIM], key=[inner, DIM], value=[values, DIM],
                       out=[DIM, values])
    if wide:
        linears.update(widen=[wide, DIM], narrow=[DIM, wide])
    wanted |= {f'{_LINEARS[name]}.weight': shape for name, shape in linears.items()}
    return {f'{layer}.{name}': shape for name, shape in wanted.items()}


def _first(shape: Sequence[int] | None, name: str, most: int) -> int | None:
    if shape is None:
        return None
    check_same(f'the number of dimensions of {name}', len(shape), 2)
    check_whole(f'the number of rows of {name}', shape[0], 1, most)
    return shape[0]
