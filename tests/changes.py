"""Changes to the content of tickets and checkpoints, for fuzzing: swapped and renamed entries,
other shapes and types, nonsense."""
import torch
from hypothesis import strategies as st

PARTS = ('model', 'state_dict', 'mask', 'meta')
NONSENSE = st.one_of(
    st.none(), st.booleans(), st.integers(-10, 10**6), st.floats(), st.text(max_size=5),
    st.lists(st.integers(), max_size=3),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
    st.builds(torch.zeros, st.lists(st.integers(0, 4), max_size=5)),
    st.builds(lambda: torch.tensor([float('nan')])), st.builds(lambda: torch.ones(3).to_sparse()))


def swap(entries, one, other):
    """Two entries change places."""
    names = list(entries)
    one, other = names[one % len(names)], names[other % len(names)]
    entries[one], entries[other] = entries[other], entries[one]


def rename(entries, which, name):
    names = list(entries)
    entries[name] = entries.pop(names[which % len(names)])


def drop(entries, which):
    del entries[list(entries)[which % len(entries)]]


def replace(entries, which, value):
    entries[list(entries)[which % len(entries)]] = value


def add(entries, name, value):
    entries[name] = value


def reshape(entries, which, how):
    name = list(entries)[which % len(entries)]
    tensor = entries[name]
    if torch.is_tensor(tensor):
        entries[name] = how(tensor)


SHAPES = st.sampled_from([
    lambda t: t.flatten(), lambda t: t.unsqueeze(0), lambda t: t[:-1] if t.dim() else t,
    lambda t: t[:0] if t.dim() else t, lambda t: torch.cat([t, t]) if t.dim() else t,
    lambda t: t.transpose(0, -1) if t.dim() else t, lambda t: t.double(), lambda t: t.half(),
    lambda t: t.to(torch.int8), lambda t: t.bool(), lambda t: t.to(torch.complex64),
    lambda t: t.expand(2, *t.shape), lambda t: t.to('meta')])
WHICH = st.integers(0, 300)


def on(path, function, *arguments):
    """Strategy of changes to one part of a content; ``path``: its keys, separated by dots."""

    def act(content, values):
        for key in path.split('.'):
            content = content[key]
        function(content, *values)

    return st.builds(lambda *values: lambda content: act(content, values), *arguments)


def deep(content, path, value):
    """Replace an entry of nested settings; the path wanders through dicts and lists."""
    inner = content['model']
    for step in path:
        key = list(inner)[step % len(inner)]
        if not isinstance(inner[key], dict) or not inner[key] or step is path[-1]:
            inner[key] = value
            return
        inner = inner[key]


#: Of tickets.
CHANGE = st.one_of(
    *[on(key, swap, WHICH, WHICH) for key in ('state_dict', 'mask')],
    *[on(key, rename, WHICH, st.text(max_size=5)) for key in PARTS],
    *[on(key, drop, WHICH) for key in PARTS],
    *[on(key, replace, WHICH, NONSENSE) for key in PARTS],
    *[on(key, add, st.one_of(st.text(max_size=5), st.integers()), NONSENSE) for key in PARTS],
    *[on(key, reshape, WHICH, SHAPES) for key in ('state_dict', 'mask')],
    st.builds(lambda path, value: lambda content: deep(content, path, value),
              st.lists(WHICH, min_size=1, max_size=4), NONSENSE),
    st.builds(lambda key, value: lambda content: content.update({key: value}),
              st.sampled_from([*PARTS, 'format', 'version', 'digest']), NONSENSE),
    st.builds(lambda key: lambda content: content.pop(key, None),
              st.sampled_from([*PARTS, 'format', 'version', 'digest'])))

#: Parts of a checkpoint that a resumed run goes on from.
STATE = ('state_dict', 'ema_state_dict', 'optimizer.state', 'mmst_mask.kept',
         'mmst_search.survivors', 'meta', 'message_hub.runtime_info')
STATE_KEYS = ['param_schedulers', *[path.partition('.')[0] for path in STATE]]
CHANGE_OF_CHECKPOINT = st.one_of(
    *[on(path, swap, WHICH, WHICH) for path in STATE],
    *[on(path, rename, WHICH, st.text(max_size=5)) for path in STATE],
    *[on(path, drop, WHICH) for path in STATE],
    *[on(path, replace, WHICH, NONSENSE) for path in STATE],
    *[on(path, reshape, WHICH, SHAPES) for path in STATE],
    st.builds(lambda key, value: lambda content: content.update({key: value}),
              st.sampled_from(['mmst_digests', *STATE_KEYS]), NONSENSE),
    st.builds(lambda key: lambda content: content.pop(key, None),
              st.sampled_from(STATE_KEYS)))

#: Of sparse files.
SPARSE = ('model', 'meta', 'values')
CLAIM = st.builds(lambda which, key, value: lambda content: content['layers'][
    which % len(content['layers'])].update({key: value}), WHICH, st.sampled_from(
        ['shape', 'coding', 'bytes', 'name', 'dtype']), st.one_of(
            NONSENSE, st.lists(st.integers(0, 2**40), max_size=4),
            st.sampled_from(['bits', 'gaps', 'bits+zlib', 'gaps+zlib', 'float32', 'int64'])))
CHANGE_OF_SPARSE = st.one_of(
    CLAIM, *[on(key, replace, WHICH, NONSENSE) for key in SPARSE],
    *[on(key, drop, WHICH) for key in SPARSE], on('values', reshape, WHICH, SHAPES),
    st.builds(lambda key, value: lambda content: content.update({key: value}), st.sampled_from(
        ['format', 'version', 'digest', 'layers', 'masked', 'positions', *SPARSE]), NONSENSE))


def inside(value, path, new):
    """Replace an entry of JSON content, in place; the path wanders through dicts and lists."""
    for step in path:
        keys = list(value) if isinstance(value, dict) else range(len(value))
        if not keys:
            return
        key = keys[step % len(keys)]
        if not isinstance(value[key], (dict, list)) or step is path[-1]:
            value[key] = new
            return
        value = value[key]


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-10, 10**20), st.floats(), st.text(max_size=5)),
    lambda inner: st.one_of(st.lists(inner, max_size=3),
                            st.dictionaries(st.text(max_size=3), inner, max_size=2)), max_leaves=5)
CHANGE_OF_JSON = st.builds(lambda path, new: lambda content: inside(content, path, new),
                           st.lists(WHICH, min_size=1, max_size=5), JSON)
