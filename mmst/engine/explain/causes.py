"""Explains any exception in one line: key, value, the error's own words, a remedy."""
import inspect
import linecache
import os
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from mmengine.registry import TRANSFORMS, DefaultScope
from torch.utils.data import DataLoader

from ...errors import ConfigError, DataError, MMSTError, shorten
from ...settings.checks import as_number, suggestion
from ...settings.parts import leaves
from ...settings.resolve import other_name, resolve
from ...settings.words import arguments
from ..run.stop import Stopped
from .places import Place, Places, frames

_WORD = re.compile(r'[A-Za-z_]\w*')
_NUMBER = re.compile(r'[-+.\deE]*\d[-+.\deE]*')
#: Errors whose cause lies elsewhere than where they are raised: words, key, remedy.
_ELSEWHERE = (
    ('Expected more than 1 value per channel', '{split}_dataloader.batch_size',
     'let each batch have 2 images or more: a larger batch_size, or drop_last=True where the last '
     'batch has one image'),
    (r"^'inputs'$", '{split}_dataloader.dataset.pipeline',
     'end the pipeline with the transform that packs inputs for the model, e.g. PackSegInputs or '
     'PackInputs, under a name that an earlier one gives (input_key=\'img\')'),
    (r"no attribute '_?gt_|^'gt_\w+'$", '{split}_dataloader.dataset.pipeline',
     'let the pipeline load annotations before a transform or the model needs them'),
    ("missing 1 .*: 'closure'|support per-parameter options", 'optim_wrapper.optimizer.type',
     'use an optimizer that steps without a closure, e.g. AdamW'),
    ('numpy array is negative|of equal size', '{split}_dataloader.dataset.pipeline', 'let it give '
     'all images one size, and end with the transform that packs them, e.g. PackSegInputs'),
    ('must contain "optimizer" config', 'optim_wrapper.optimizer', 'give it with its type, e.g. '
     "optimizer=dict(type='AdamW', lr=…)"),
    ('out of memory', '{split}_dataloader.batch_size', 'use smaller batches or crops'),
    ("number of subfolders .* doesn't match", '{section}.type',
     "for another set of classes use type='CustomDataset', with_label=True"),
    ('vis_backend name .* already exists', 'visualizer.vis_backends', 'remove one of the two, or '
     'give one a name of its own'),
    ('Only Tensors created explicitly by the user', 'model', 'normalise weights by torch.nn.utils.'
     'parametrizations.weight_norm: networks with torch.nn.utils.weight_norm cannot be copied'),
    ('cannot pickle', '{place}', 'give settings of which it is built, dict(type=…)'),
    ('each item mush be an optimizer object', 'optim_wrapper', 'give one optimizer for all '
     'parameters, which search and prune need: optim_wrapper=dict(optimizer=dict(type=…))'))


@contextmanager
def explaining(places: Places, section: str = '', hint: str = '') -> Iterator[None]:
    """Turn any exception inside the block into an error of one line, with key and remedy.

    Args:
        places (Places): Of the whole config; it notes objects that are built inside the block.
        section (str): Key of the part at work.
        hint (str): Ends the remedy where nothing better is known than to correct the setting.

    Raises:
        MMSTError: Key, value, the error's own words, a remedy.
    """
    places.section, scope = section, places.cfg.get('default_scope')
    try:
        with (places.watching(), DefaultScope.overwrite_default_scope(scope),
              warnings.catch_warnings()):
            warnings.simplefilter('ignore')  # they wait for the run
            yield
    except MMSTError as error:
        raise type(error)(_named_as_in_config(str(error), places)) from error
    except Stopped:
        raise
    except (Exception, SystemExit) as error:  # Anything can be wrong with a config.
        place, remedy = _cause(error, places, hint)
        value = place.value.get('type', place.value) if isinstance(
            place.value, dict) else place.value
        problem, _, own = _message(error).partition('. Remedy: ')
        if own and 'mmcv.ops' in problem and section.startswith('val'):
            own += ', or train without evaluation: mmst train --no-validate'
        kind = DataError if '.dataset' in place.key else ConfigError
        raise kind(f'{place.key} = {shorten(repr(value), 80)}: {problem}. '
                   f'Remedy: {own or remedy}.') from error


def _cause(error: BaseException, places: Places, hint: str) -> tuple[Place, str]:
    """Return the setting that is to blame, as far as that is known, and a remedy."""
    text, place, whole = str(error), places.find(error), Place('', places.cfg)
    split = 'val' if places.section.startswith('val') else 'train'
    for pattern, key, remedy in _ELSEWHERE:
        if re.search(pattern, text):
            return whole.inner(key.format(
                split=split, section=places.section, place=place.key)), remedy
    if isinstance(error, KeyError) and (packer := _packer_without(str(error.args[0]), split,
                                                                 places)):
        return whole.inner(f'{packer}.meta_keys'), f'add {text}: the model or a metric reads it'
    if isinstance(error, ZeroDivisionError):
        used = re.findall('[a-z]+', _line(error))
        zeros = {key.partition('[')[0] for key, value in leaves(place.value)
                 if as_number(value) == 0}
        zeros = {key for key in zeros if key.rpartition('.')[2] in used}
        if len(zeros) == 1:
            return (found := place.inner(zeros.pop())), f'correct {found.key}, e.g. to 1'
    if isinstance(error, ImportError):
        name = str(getattr(error, 'name', None) or 'the package').partition('.')[0]
        return place, f'pip install {name}, or omit it'
    if unexpected := re.search(r"unexpected keyword argument '(\w+)'", text):
        allowed = [name for name in _arguments(error)
                   if name in place.value or name not in ('params', 'optimizer')]
        inside = [key for key, _ in leaves(place.value) if key.rpartition('.')[2] == unexpected[1]]
        inside.sort(key=lambda key: key.count('.'))
        outside = whole.inner(f'{place.key.rpartition(".")[0]}.{unexpected[1]}')
        # Where it is not inside, it is handed on by the part around.
        found = outside if not inside and outside.value is not None else place.inner(
            (inside or [unexpected[1]])[0])
        around = whole.inner(found.key.rpartition('.')[0]).value or {}
        return found, suggestion(unexpected[1], [*allowed, *(set(around) - {unexpected[1]})]) or (
            _elsewhere(found.key, places)) or (
            f'use one of {", ".join(allowed)}' if allowed and found is not outside else 'remove it')
    if missing := re.search(r"missing .*arguments?: '(\w+)'", text):
        # Settings that are handed on to a function stand in a part of their own.
        handed = [key for key, part in leaves(place.value) if key and isinstance(part, dict)
                  and 'type' not in part and set(part) <= set(_arguments(error))]
        unset = place.inner(f'{handed[0]}.{missing[1]}' if handed else missing[1])
        return unset, f'set {unset.key}'
    if 'must contain the key "type"' in text:
        parent, _, name = place.key.rpartition('.')
        near = suggestion(name, set(whole.inner(parent).value or ()) - {name})
        if near is None or name.endswith(']') or name in arguments(DataLoader)[0]:
            return place, 'give its type'
        return place, near.replace("'", f"'{parent}.", 1)
    if 'is not in the' in text and place.registry is not None:
        named = place.inner('type') if isinstance(place.value, dict) else place
        return named, other_name(place.kind, place.registry)
    if (isinstance(error, KeyError) and re.search(r'pipeline\[\d+\]$', place.key)
            and 'results' in frames(error)[0][0].f_locals):
        return place, f'an earlier transform must give {text}: check their order'
    if "'NoneType' object" in text:
        here = frames(error)[0][0].f_locals
        absent = {word for word in _WORD.findall(_line(error)) if here.get(word, 0) is None}
        if len(absent) == 1 and isinstance(place.value, dict):
            unset = place.inner(absent.pop())
            return unset, f'set {unset.key}, or correct {place.key}'
    place = _guilty(error, place, whole)
    return place, f'correct {place.key or "the config"}{hint}'


def _packer_without(name: str, split: str, places: Places) -> str | None:
    """Return the transform that packs inputs, where its own ``meta_keys`` leave a usual one out."""
    for key, part in places.parts.items():
        if key.startswith(f'{split}_dataloader.') and isinstance(part, dict) and (
                name not in part.get('meta_keys', (name, ))):
            with DefaultScope.overwrite_default_scope(places.cfg.get('default_scope')):
                packer = resolve(TRANSFORMS, part.get('type'))
            usual = callable(packer) and inspect.signature(packer).parameters.get('meta_keys')
            if usual and name in usual.default:
                return key
    return None


def _elsewhere(key: str, places: Places) -> str | None:
    """Return advice where other parts of the same section have a setting of this name."""
    section, name = key.partition('.')[0], key.rpartition('.')[2]
    others = [other for other in places.parts if other != key and other.rpartition('.')[2] == name
              and other.partition('.')[0] == section]
    return f'it belongs elsewhere: remove it, and set {" or ".join(others)}' if others else None


def _guilty(error: BaseException, place: Place, whole: Place) -> Place:
    """Return the one setting that is to blame, else the whole place.

    It is the one that the error names, by key or by value, that the failing line of code uses, that
    is a variable where it failed, or that another part reads.
    """
    naming = place if isinstance(place.value, str) else None  # a class that its neighbours build
    place = whole.inner(place.key.rpartition('.')[0]) if naming else place
    settings = dict(place.value) if isinstance(place.value, dict) else {}
    settings.pop('type', None)
    text, failed = _words_of(error), _line(error)
    if told := re.search(r"argument '(\w+)' \(position", text):  # the part around gives it
        for part in (place, whole.inner(place.key.rpartition('.')[0])):
            if isinstance(part.value, dict) and told[1] in part.value:
                return part.inner(told[1])
    small = {name.lower(): name for name in settings}
    named = [small[word] for word in _WORD.findall(text.lower()) if word in small][:1]  # the first
    by_value = [key for key, value in leaves(settings) if isinstance(value, str)
                and len(value) > 3 and value in text and not key.endswith('.type')]
    if len(by_value) > 1:  # parts of one path: the first that is not there
        by_value.sort(key=lambda key: text.index(place.inner(key).value))
        there = os.path.isdir if isinstance(error, NotADirectoryError) else os.path.exists
        by_value = [key for key in by_value if not there(place.inner(key).value)][:1]
    by_line = {word for word in _WORD.findall(place.line or failed) if word in settings}
    texts = [key for key, value in leaves(settings) if isinstance(error, TypeError)
             and isinstance(value, str) and _NUMBER.fullmatch(value)]
    if isinstance(error, (RuntimeError, IndexError)) and not failed.startswith('raise'):
        # An operation has failed, and speaks of sizes and weights of its own.
        built = frames(error)[0][0].f_code.co_name == '__init__'
        named, by_line = [], by_line if built or place.line.strip() == failed else set()
    in_use = {name for frame, _ in frames(error) for name in settings
              if not isinstance(settings[name], (bool, type(None)))
              and frame.f_locals.get(name) is settings[name]}
    if len(texts) == 1:
        return place.inner(texts[0])
    for found in (named, by_value, by_line, in_use):
        if len(found) == 1:
            return place.inner(next(iter(found)).partition('[')[0])
    quoted = [key for key, value in leaves(whole.value) if isinstance(value, str) and re.search(
        rf'(["\'`]){re.escape(value)}\1', text) and not key.endswith('.type')]
    # A part may read the settings of another, e.g. a head model.test_cfg.
    return whole.inner(quoted[0]) if len(quoted) == 1 else naming or place


def _arguments(error: BaseException) -> list[str]:
    """Return the settings that the class or function takes which complained."""
    called = str(error).partition('(')[0].replace('.__init__', '').rpartition('.')[2]
    frame = frames(error)[0][0]
    own = getattr(frame.f_locals.get('self'), '__dict__', {})
    seen = [*frame.f_locals.values(), *frame.f_globals.values(), *own.values(),
            *type(frame.f_locals.get('self')).__mro__]
    kind = next((value for value in seen if getattr(value, '__name__', None) == called), None)
    return list(arguments(kind)[0]) if callable(kind) else []


def _message(error: BaseException) -> str:
    """Return the error's own words in one line, without colours, class paths and C++ stacks."""
    text = re.sub(r'\x1b\[[0-9;]*m', '', _words_of(error)).split('\nException raised from')[0]
    text = re.sub(r'[.:]? Please check whether the value of .*', '', _without_classes(text))
    if not str(error) or (isinstance(error, (LookupError, SystemExit))
                          and len(_WORD.findall(text)) < 4):
        text = f'{type(error).__name__}: {text}'
    return shorten(text, 300).rstrip('. ')


def _words_of(error: BaseException) -> str:
    """Return an error's text; the line of code that raised it where it says nothing."""
    if 'must contain the key "type"' in str(error):
        return 'it has no type'
    if isinstance(error, KeyError) and ' ' in str(error):
        return str(error.args[0])  # str() of these is a quotation.
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f'{error.strerror[:1].lower()}{error.strerror[1:]}: {error.filename!r}'
    return str(error) or _line(error)


def _line(error: BaseException) -> str:
    """Return the line of code that raised it."""
    frame, number = frames(error)[0]
    return linecache.getline(frame.f_code.co_filename, number).strip()


def _without_classes(text: str) -> str:
    """Return one line without the classes that registries put before an error."""
    return re.sub(r'^(class `\w+` in \S+\.py: )+', '', ' '.join(text.split()))


def _named_as_in_config(message: str, places: Places) -> str:
    """Let errors about ``PruneHook.interval`` name ``default_hooks.prune.interval``, and those
    about ``backbone.depths`` name ``model.backbone.depths``.
    """
    message = _without_classes(message)
    named = message.partition(' = ')[0]
    whole = [key for key in places.parts if key.endswith(f'.{named}')]
    if named not in places.parts and len(whole) == 1:
        return whole[0] + message.removeprefix(named)
    name, dot, rest = message.partition('.')
    for key, part in places.parts.items():
        kind = part.get('type') if isinstance(part, dict) else None
        if key and str(getattr(kind, '__name__', kind)).rpartition('.')[2] == name:
            return f'{key}{dot}{rest}'
    return message
