"""One line for whatever was raised: key, value, the error's own words, a remedy."""
import difflib
import inspect
import linecache
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from mmengine.config import Config
from mmengine.registry import Registry

from ...errors import ConfigError, MMSTError, config_error
from .places import Place, find, frames, leaves, words

#: Errors whose cause lies elsewhere than where they are raised: words, key, remedy.
_ELSEWHERE = (
    ('Expected more than 1 value per channel', 'train_dataloader.batch_size',
     'let each batch have 2 images or more: a larger batch_size, or drop_last=True where the last '
     'batch has one image'),
    (r"^'inputs'$", 'train_dataloader.dataset.pipeline',
     'end the pipeline with the transform that packs inputs for the model, e.g. PackSegInputs'),
    (r"no attribute '_?gt_|^'gt_\w+'$", 'train_dataloader.dataset.pipeline',
     'let the pipeline load annotations before a transform or the model needs them'),
    ("missing 1 .*: 'closure'", 'optim_wrapper.optimizer.type',
     'use an optimizer that steps without a closure, e.g. AdamW'),
    ('out of memory', 'train_dataloader.batch_size', 'use smaller batches or crops'))


@contextmanager
def explained(cfg: Config, section: str, names: dict[int, str] | None = None,
              hint: str = '') -> Iterator[None]:
    """Turn whatever is raised inside the block into an error that says in one line what is wrong.

    Args:
        cfg (Config): The whole config.
        section (str): Key of the section at work.
        names (Dict[int, str], optional): Identity of built objects to their key.
        hint (str): Ends the remedy where nothing better is known than to correct the setting.

    Raises:
        MMSTError: Key, value, the error's own words, a remedy.
    """
    try:
        yield
    except MMSTError as error:
        raise type(error)(_named_as_in_config(str(error), cfg)) from error
    except Exception as error:  # Anything can be wrong with a config.
        place = find(cfg, section, names or {}, error)
        place, remedy = _cause(error, cfg, section, place, hint)
        value = place.value.get('type', place.value) if isinstance(
            place.value, dict) else place.value
        problem, _, own = _message(error).partition('. Remedy: ')
        raise ConfigError(f'{place.key} = {_short(repr(value), 80)}: {problem}. '
                          f'Remedy: {own or remedy}.') from error


def check_name(registry: Registry, key: str, kind: Any) -> None:
    """Refuse a name that a registry does not know, where mmengine says so in other words.

    Raises:
        ConfigError: With the name that is most like it.
    """
    with registry.switch_scope_and_registry(None) as scoped:
        if isinstance(kind, str) and scoped.get(kind) is None:
            raise config_error(key, kind, f'no {scoped.name} of this name', _other_name(
                kind, scoped))


def suggestion(name: Any, known: Iterable[str]) -> str | None:
    """``did you mean …`` for a misspelt name, or None where none is like it."""
    lower = {str(other).lower(): str(other) for other in known}
    close = difflib.get_close_matches(str(name).lower(), lower, n=1)
    return f'did you mean {lower[close[0]]!r}?' if close else None


def _cause(error: Exception, cfg: Config, section: str, place: Place,
           hint: str) -> tuple[Place, str]:
    """Return the setting that is to blame, as far as that is known, and a remedy."""
    text = str(error)
    for pattern, key, remedy in _ELSEWHERE:
        if re.search(pattern, text):
            if section.startswith('val'):
                key = key.replace('train_', 'val_', 1)
            return Place('', cfg).inner(key), remedy
    unexpected = re.search(r"unexpected keyword argument '(\w+)'", text)
    missing = re.search(r"missing .*arguments?: '(\w+)'", text)
    if isinstance(error, ImportError):
        name = str(getattr(error, 'name', None) or 'the package').partition('.')[0]
        return place, f'pip install {name}, or leave it away'
    if unexpected:
        name, allowed = unexpected[1], _arguments(place, error)
        inside = [key for key, _ in leaves(place.value) if re.search(rf'(^|\.){name}$', key)]
        return place.inner((inside or [name])[0]), suggestion(name, allowed) or (
            f'use one of {", ".join(allowed)}' if allowed else f'remove {name}')
    if missing:
        return place.inner(missing[1]), f'set {place.inner(missing[1]).key}'
    if 'must contain the key "type"' in text:
        parent, _, name = place.key.rpartition('.')
        siblings = set(Place('', cfg).inner(parent).value or ()) - {name}
        near = [] if name[-1] == ']' else difflib.get_close_matches(name, siblings, 1)
        return place, f"did you mean '{parent}.{near[0]}'?" if near else 'give its type'
    if 'is not in the' in text and place.frame is not None:
        kind = place.inner('type')
        return kind, _other_name(kind.value, place.frame.f_locals['registry'])
    if (isinstance(error, KeyError) and re.search(r'pipeline\[\d+\]$', place.key)
            and 'results' in frames(error)[0][0].f_locals):
        return place, f'an earlier transform must give {text}: check their order'
    guilty = _argument(error, place)
    quoted = [key for key, value in leaves(cfg) if isinstance(value, str) and re.search(
        rf'(["\'`]){re.escape(value)}\1', text) and not key.endswith('.type')]
    if guilty:
        place = place.inner(guilty)
    elif len(quoted) == 1:  # A part may read the settings of another, e.g. a head model.test_cfg.
        place = Place('', cfg).inner(quoted[0])
    return place, f'correct {place.key or "the config"}{hint}'


def _argument(error: Exception, place: Place) -> str | None:
    """Return the one setting that is to blame.

    It is the one that the error names, by key or by value, that the failing line of code uses, that
    is a variable where it failed, or without which building works.
    """
    settings = dict(place.value) if isinstance(place.value, dict) else {}
    settings.pop('type', None)
    text = _words_of(error)
    by_value = [key for key, value in leaves(settings) if isinstance(value, str)
                and len(value) > 3 and value in text and not key.endswith('.type')]
    failed = _line(error)
    by_line = set(re.findall(r'self\.(\w+)', place.line)) & set(settings)
    named = [word for word in words(text) if word in settings][:1]  # what is wrong comes first
    if isinstance(error, (RuntimeError, IndexError)) and not failed.startswith('raise'):
        # An operation has failed, and speaks of sizes and weights of its own.
        named, by_line = [], by_line if place.line.strip() == failed else set()
    in_use = {name for frame, _ in frames(error) for name in settings
              if frame.f_locals.get(name) is settings[name] is not None}
    for found in (named, by_value, by_line, in_use):
        if len(found) == 1:
            return next(iter(found)).partition('[')[0]
    kind, given = _kind(place), (place.frame.f_locals.get('args') if place.frame else None) or {}
    for name in set(settings) & set(given) if callable(kind) else ():
        try:
            kind(**{key: value for key, value in given.items() if key not in (name, 'type')})
            return name
        except Exception:  # Anything can be wrong without it, too.
            continue
    return None


def _arguments(place: Place, error: Exception) -> list[str]:
    """Return settings that the class or function takes which complained."""
    kind, frame = _kind(place), frames(error)[0][0]
    if kind is None:
        called = str(error).partition('(')[0].replace('.__init__', '').rpartition('.')[2]
        seen = [*frame.f_globals.values(), *getattr(frame.f_locals.get('self'), '__dict__',
                                                    {}).values()]
        kind = next((value for value in seen if getattr(value, '__name__', None) == called), None)
    found: dict[str, None] = {}
    for taker in kind.__mro__[:-1] if inspect.isclass(kind) else [kind] if callable(kind) else []:
        arguments = inspect.signature(taker).parameters.items()
        found.update({name: None for name, argument in arguments if argument.kind in (
            argument.POSITIONAL_OR_KEYWORD, argument.KEYWORD_ONLY)})
        if not any(argument.kind is argument.VAR_KEYWORD for _, argument in arguments):
            break
    return [name for name in found if name not in ('params', 'optimizer')]


def _kind(place: Place) -> Any:
    variables = place.frame.f_locals if place.frame else {}
    return next((variables[name] for name in ('obj_cls', 'scheduler_cls', 'kind')
                 if variables.get(name) is not None), None)


def _other_name(name: Any, registry: Registry) -> str:
    """Return a name to write instead of an unknown one; those of other packages have their scope.
    """
    root = registry
    while root.parent is not None:
        root = root.parent
    near = [registry, root] + ([] if registry.parent is None else [registry.parent])
    known = [word for tree in near for word in tree.module_dict]
    known += [f'{tree.scope}.{word}' for tree in [root, *root.children.values()]
              for word in tree.module_dict]
    return suggestion(name, known) or ('correct the name, or import the module that registers it '
                                       '(custom_imports)')


def _message(error: Exception) -> str:
    """Return the error's own words in one line, without colours, class paths and C++ stacks."""
    text = re.sub(r'\x1b\[[0-9;]*m', '', _words_of(error)).split('\nException raised from')[0]
    text = re.sub(r'^(class `\w+` in \S+\.py: )+', '', ' '.join(text.split()))
    text = re.sub(r'[.:]? Please check whether the value of .*', '', text)
    if not str(error) or (isinstance(error, LookupError) and len(words(text)) < 4):
        text = f'{type(error).__name__}: {text}'
    return _short(text, 300).rstrip('. ')


def _words_of(error: Exception) -> str:
    """Return an error's text; the line of code that raised it where it says nothing."""
    if 'must contain the key "type"' in str(error):
        return 'it has no type'
    if isinstance(error, KeyError) and ' ' in str(error):
        return str(error.args[0])  # str() of these is a quotation.
    return str(error) or _line(error)


def _line(error: Exception) -> str:
    """Return the line of code that raised it."""
    frame, number = frames(error)[0]
    return linecache.getline(frame.f_code.co_filename, number).strip()


def _named_as_in_config(message: str, cfg: Config) -> str:
    """Let errors about ``PruneHook.interval`` name ``default_hooks.prune.interval``."""
    message = re.sub(r'^(class `\w+` in \S+\.py: )+', '', ' '.join(message.split()))
    name, dot, rest = message.partition('.')
    for key, part in leaves(cfg):
        kind = part.get('type') if isinstance(part, dict) else None
        if key and str(getattr(kind, '__name__', kind)).rpartition('.')[2] == name:
            return f'{key}{dot}{rest}'
    return message


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f'{text[:most - 4]} ...'
