"""Says among which weights pruning chooses."""
import re

from ..errors import config_error
from ..settings.checks import check_choice

SCOPES = ('global', 'layer')


def group_of(scope: str) -> tuple[int, int] | None:
    """Return (n, m) of a scope ``'n:m'`` (n of every m weights stay), None of another."""
    found = re.fullmatch(r'(\d{1,9}):(\d{1,9})', scope) if isinstance(scope, str) else None
    return (int(found[1]), int(found[2])) if found else None


def check_scope(key: str, scope: str, sparsity: float, sparsity_key: str = 'sparsity') -> str:
    """Refuse a scope that does not exist, or that leads to another sparsity than the one asked for.

    Raises:
        ConfigError: Naming the key.
    """
    group = group_of(scope)
    if group is None or not 0 < group[0] < group[1]:
        return check_choice(key, scope, SCOPES, '\'n:m\' with n below m, e.g. \'2:4\'')
    kept, size = group
    if abs(sparsity - (1 - kept / size)) > 1e-9:
        raise config_error(key, scope, f'{kept} of {size} weights stay, which is a sparsity of '
                           f'{1 - kept / size:g}, not {sparsity:g}',
                           f'set {sparsity_key}={1 - kept / size:g}, or another scope')
    return scope
