"""Counts how many training passes were replayed."""

#: Passes of which at least half are to be replayed.
WINDOW = 50


class ReplayShare:
    """Finds out whether most passes of a part run without a graph.

    A part whose captures never fail may still never come to one, or drop its graphs at once.
    """

    def __init__(self) -> None:
        self._passes = self._replayed = 0

    def small(self, replayed: bool) -> bool:
        """Count a pass, and return at the end of a window whether most ran without a graph."""
        self._passes, self._replayed = self._passes + 1, self._replayed + replayed
        if self._passes < WINDOW:
            return False
        few = 2 * self._replayed < WINDOW
        self._passes = self._replayed = 0
        return few
