"""Plans are made once, and the last few are kept."""
from collections import OrderedDict

from mmst.deploy.sparse.recent import recent


def test_what_was_used_last_stays():
    kept, made = OrderedDict(), []

    def ask(key):
        return recent(kept, key, lambda: made.append(key) or key * 10, most=2)

    assert [ask(1), ask(2), ask(1), ask(3), ask(1), ask(2)] == [10, 20, 10, 30, 10, 20]
    assert made == [1, 2, 3, 2]
