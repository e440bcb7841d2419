"""Takes the numbers out of what evaluations return."""
from collections.abc import Mapping
from contextlib import suppress
from typing import Any


def scalar_metrics(metrics: Mapping[str, Any] | None) -> dict[str, float]:
    """Return the metrics that are one number each.

    Metrics of the toolboxes may give a list of all classes, or a matrix, as well: the log has them.
    """
    found = {}
    for name, value in (metrics or {}).items():
        with suppress(TypeError, ValueError, RuntimeError):
            found[str(name)] = float(value)
    return found
