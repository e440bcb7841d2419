"""Holds measured times of a network's modules, in a small file that is checked when it is read."""
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from ... import files
from ...errors import ConfigError, config_error
from ...settings.checks import as_number, as_whole, check_choice, check_number, check_size
from .work import ENGINES, Counts, Work, kind_of, timed_modules, works_of

#: Changes where counts get another meaning: the times of an older table would be wrong.
FORMAT = 2
#: Threads of an engine; more would end the process.
MOST_THREADS = 1024
#: Bytes of a file; a full-width supernet's has some 40,000.
LIMIT = 1 << 20
#: The cost of a module by itself, without its units.
ONCE = 'once'
#: Entries that describe the machine of the times.
MACHINE = ('processor', 'cores', 'device')


@dataclass(frozen=True)
class Entry:
    """Holds the measured cost of one module.

    Attributes:
        kind (str): Of the module, see :func:`mmst.costs.latency.work.kind_of`.
        ms (Dict[str, float]): Milliseconds for each thing of a count; ``'once'``: of each call.
        spread (float): Root mean square of the relative difference to the measured times.
    """
    kind: str
    ms: dict[str, float]
    spread: float = 0.

    def milliseconds(self, counts: Counts) -> float:
        """Return the time for ``counts`` of work."""
        return self.ms.get(ONCE, 0.) + sum(self.ms.get(name, 0.) * count
                                           for name, count in counts.items())


@dataclass(frozen=True)
class LatencyTable:
    """Predicts milliseconds of networks that a search or a prune leaves of one supernet.

    A module's time is a sum: for each of its channels, weights and tokens that the engine has work
    with, a cost that was measured on that module. The network's is ``overhead`` plus ``factor``
    times the sum over its modules.

    Attributes:
        engine (str): ``'sparse'`` or ``'torch'``.
        threads (int): Of the engine.
        input_shape (Tuple[int, int]): Height and width of the image.
        machine (Dict[str, str]): The machine of the measurement: processor, cores, versions.
        modules (Dict[str, Entry]): Path of each timed module to its cost.
        overhead (float): Milliseconds between the modules.
        factor (float): By how much modules take longer in a network than when they are timed.
        check (Dict[str, float]): How far predictions were from other networks that were measured:
            ``networks``, their number, ``mean_error`` and ``largest_error``, shares of the time,
            and ``repeat_error``, the share by which two halves of their measurements differ.
    """
    engine: str
    threads: int
    input_shape: tuple[int, int]
    machine: dict[str, str]
    modules: dict[str, Entry]
    overhead: float = 0.
    factor: float = 1.
    check: dict[str, float] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Say whether no module costs anything: all networks would take as long."""
        return not self.factor or not any(
            cost for entry in self.modules.values() for cost in entry.ms.values())

    @property
    def digest(self) -> str:
        """Return what tells the table from one that was measured again."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:16]

    def works(self, model: nn.Module,
              mask: Mapping[str, Tensor] | None = None) -> dict[str, Work]:
        """Return the engine's work for each module; ``mask`` as of :func:`works_of`."""
        return works_of(model, self.engine, mask)

    def milliseconds(self, counts: Mapping[str, Counts]) -> float:
        """Return the time of a network whose modules have ``counts`` of work."""
        return self.overhead + self.factor * sum(
            self.modules[path].milliseconds(own) for path, own in counts.items())

    def predict(self, model: nn.Module, mask: Mapping[str, Tensor] | None = None) -> float:
        """Return the milliseconds that a network takes for one image.

        Args:
            model (nn.Module): The table covers it.
            mask (Mapping[str, Tensor], optional): Parameter name to bool, True where kept; without
                it weights that are not 0 count.
        """
        return self.milliseconds({path: work() for path, work in self.works(model, mask).items()})

    def check_covers(self, model: nn.Module, key: str, path: object,
                     input_shape: tuple[int, int] | None = None) -> None:
        """Refuse a network whose modules are not those of the table.

        Args:
            model (nn.Module): The network.
            key (str): Of the setting that names the table.
            path (object): The setting's value.
            input_shape (Tuple[int, int], optional): At which the network is to be timed.

        Raises:
            ConfigError: Naming the first module that differs.
        """
        remedy = 'measure a table of this network with mmst profile'
        if input_shape is not None and tuple(input_shape) != self.input_shape:
            size = 'x'.join(map(str, input_shape))
            raise config_error(key, str(path), f'it is of images of {self.input_shape[0]}x'
                               f'{self.input_shape[1]}, and {size} is asked for',
                               f'{remedy} and --shape {" ".join(map(str, input_shape))}')
        found = {name: kind_of(module) for name, module in timed_modules(model).items()}
        known = {name: entry.kind for name, entry in self.modules.items()}
        if not found:
            raise config_error(key, str(path), 'the network has no search blocks of '
                               'mmst.HRNASSupernet, of which tables are',
                               'use target_flops, or a shipped config')
        for name in [*found, *known]:
            if found.get(name) != known.get(name):
                raise config_error(
                    key, str(path), f'it does not cover the network: {name} is '
                    f'{found.get(name, "missing")} there and {known.get(name, "missing")} in the '
                    'table', remedy)

    def differs_from(self, machine: Mapping[str, str]) -> str:
        """Return in words how this machine differs from the table's; empty where it is alike."""
        other = [f'{name} {self.machine.get(name, "unknown")!r} instead of {machine.get(name)!r}'
                 for name in MACHINE if self.machine.get(name) != machine.get(name)]
        return 'it is of another machine: ' + ', '.join(other) if other else ''

    def warning(self, key: str, path: object, machine: Mapping[str, str]) -> str | None:
        """Return a line for the log where a setting names a table of another machine; else None."""
        differs = self.differs_from(machine)
        return (f'{key} = {str(path)!r}: {differs}. That is right where tickets are to run there; '
                'else measure one here with mmst profile.') if differs else None

    def save(self, path: str | Path) -> None:
        """Write the table.

        Raises:
            TrainingError: It cannot be written.
        """
        content = dict(format=FORMAT, kind='mmst latency table', **asdict(self))
        files.write_bytes(path, (json.dumps(content, indent=1) + '\n').encode())

    @classmethod
    def load(cls, path: str | Path, key: str = 'table') -> 'LatencyTable':
        """Read a table and check it.

        Args:
            path (str | Path): Of the file.
            key (str): Of the setting that names it.

        Raises:
            ConfigError: There is none, it is damaged, or something else.
        """
        remedy = 'write one with mmst profile CONFIG_OR_TICKET --out FILE.json'
        if not isinstance(path, (str, Path)):
            raise config_error(key, path, 'must be the path of a file', remedy)
        try:
            content = files.parse_json(files.read_text(path, LIMIT))
        except FileNotFoundError:
            raise config_error(key, str(path), 'no such file', remedy) from None
        except (OSError, ValueError) as error:
            raise config_error(key, str(path), f'it cannot be read ({error})', remedy) from None
        try:
            return _check_content(content)
        except (ConfigError, LookupError, TypeError, AttributeError) as error:
            raise config_error(key, str(path), f'it is no latency table ({error})',
                               remedy) from None


def _check_content(content: Any) -> LatencyTable:
    """Return the table that a file's content describes.

    Raises:
        ConfigError, LookupError, TypeError, AttributeError: It describes none.
    """
    if content['kind'] != 'mmst latency table' or as_whole(content['format']) != FORMAT:
        raise TypeError('it says that it is something else, or was written by another version')
    modules = {_word(path): Entry(_word(entry['kind']), _numbers(entry['ms']),
                                  _amount('spread', entry['spread']))
               for path, entry in content['modules'].items()}
    if not modules:
        raise TypeError('it has no module')
    table = LatencyTable(
        check_choice('engine', content['engine'], ENGINES),
        check_number('threads', content['threads'], low=1, high=MOST_THREADS, whole=True,
                     remedy='give 1'),
        check_size('input_shape', content['input_shape'], 'give 512 1024'),
        {_word(name): _word(value) for name, value in content['machine'].items()}, modules,
        _amount('overhead', content['overhead']), _amount('factor', content['factor']),
        _numbers(content['check']))
    if table.is_empty:
        raise TypeError('no module costs anything')
    return table


def _word(value: Any) -> str:
    if not isinstance(value, str) or len(value) > 300:
        raise TypeError('a name in it is no short text')
    return value


def _numbers(value: Any) -> dict[str, float]:
    return {_word(name): _amount(name, number) for name, number in value.items()}


def _amount(name: str, value: Any) -> float:
    number = as_number(value)
    if number is None or not 0 <= number < 1e9:
        raise TypeError(f'{name} is no number of 0 or above')
    return float(number)
