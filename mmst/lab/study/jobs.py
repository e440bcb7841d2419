"""Describes a run under one seed: its settings, its digest and its command."""
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from mmengine.config import Config

from ...engine.run.config_file import read_config
from ...engine.run.resume import find_checkpoint
from ...errors import TicketError
from ...settings.hooks import hook_settings
from ...settings.shape import input_shape
from ...tickets.plain_data import as_plain_data
from .size import Size
from .spec import Run

#: Settings that change nothing of a run's results, or that belong to the machine; ``streams`` order
#: a GPU's work.
IGNORED = ('work_dir', 'log_level', 'log_processor', 'env_cfg', 'visualizer', 'vis_backends',
           'num_workers', 'persistent_workers', 'pin_memory', 'prefetch_factor', 'data_root',
           'logger', 'launcher', 'max_keep_ckpts', 'streams')
LENGTHS = ('train_cfg.max_epochs', 'train_cfg.max_iters')
#: Role to the file or folder of a finished run that has it; checkpoints are looked for.
FILES = dict(ticket='ticket.pth', neck='ticket.pth', family='family.pth', rewind='rewind')
#: Tools whose runs differ from seed to seed in more than their config.
SEEDED = dict(prune=0, lottery=1000, transfer=1000)


@dataclass(frozen=True)
class Job:
    """Is a run under a seed.

    Attributes:
        run (Run): Its run.
        seed (int): Of the config's randomness.
        folder (Path): Its work directory.
        config (Path): Its config file.
        options (Mapping): All changes to the config.
        arguments (Mapping): All arguments of the tool.
        needs (Mapping[str, Job]): By role.
        digest (str): Of all settings, those of the runs that it needs included.
        length (float): How long it takes, in epochs, roughly.
    """
    run: Run
    seed: int
    folder: Path
    config: Path
    options: Mapping[str, Any]
    arguments: Mapping[str, Any]
    needs: Mapping[str, 'Job']
    digest: str
    length: float

    @property
    def key(self) -> str:
        """Return the name of run and seed in one."""
        return f'{self.run.name}-seed{self.seed}'

    @property
    def result(self) -> Path:
        """Return the file that the tool writes last."""
        return self.folder / ('chance.json' if self.run.tool == 'chance' else 'ticket.json')


def make_jobs(runs: Mapping[str, Run], names: Sequence[str], seeds: Sequence[int], size: Size,
              work_dir: Path, options: Mapping[str, Any]) -> dict[str, Job]:
    """Return jobs of runs that are ordered by their needs, by key.

    Args:
        runs (Mapping[str, Run]): All runs.
        names (Sequence[str]): Those to make jobs of; the runs that one needs come before it.
        seeds (Sequence[int]): Each run is done under each; chance under one.
        size (Size): Which configs.
        work_dir (Path): Work directories are made below it.
        options (Mapping): Changes to all configs.
    """
    jobs: dict[str, Job] = {}
    for name in names:
        run = runs[name]
        for seed in seeds if run.tool != 'chance' else [0]:
            needs = {role: jobs[f'{other}-seed{seed}'] for role, other in run.needs.items()}
            job = _make(run, seed, size, work_dir, options, needs)
            jobs[job.key] = job
    return jobs


def _make(run: Run, seed: int, size: Size, work_dir: Path, options: Mapping[str, Any],
          needs: Mapping[str, Job]) -> Job:
    path = size.configs[run.data]
    arguments = {**run.arguments, **size.arguments_of(run.name)}
    if run.tool in SEEDED:
        arguments['seed'] = SEEDED[run.tool] + seed
    changes = {**run.options, **size.options_of(run.name), **options}
    if run.tool != 'chance':
        changes['randomness.seed'] = seed
    base = _base(path)
    if run.tool == 'train' and base.shape:
        # Also where there is no search, costs are counted at the data set's resolution.
        changes.setdefault('default_hooks.ticket.input_shape', list(base.shape))
    settings = dict(tool=run.tool, arguments=arguments, config=base.digest,
                    options=essence_of_options(changes),
                    needs={role: job.digest for role, job in needs.items()})
    length = _length(run.tool, {**base.lengths, **changes}, arguments)
    return Job(run, seed, work_dir / run.name / f'seed{seed}', path, changes, arguments, needs,
               digest_of(settings), length)


@dataclass(frozen=True)
class _Base:
    """Holds the needed parts of a config file; reading an inherited one takes a second."""
    digest: str
    shape: Sequence[int] | None
    lengths: Mapping[str, Any]
    imports: Sequence[str]


@cache
def _base(path: Path) -> _Base:
    cfg = read_config(str(path))
    return _Base(digest_of(essence(cfg)), input_shape(cfg) if hook_settings(cfg, 'TicketHook')
                 else None, {key: (cfg.get('train_cfg') or {}).get(key.rpartition('.')[2])
                             for key in LENGTHS}, _imports(cfg))


def _imports(cfg: Config) -> list[str]:
    """Return the modules that a config imports."""
    named = (cfg.get('custom_imports') or {}).get('imports') or []
    return [named] if isinstance(named, str) else list(named)


def _length(tool: str, settings: Mapping[str, Any], arguments: Mapping[str, Any]) -> float:
    """Return epochs that a run takes; pruning and evaluating count as half of one."""
    if tool == 'export':
        return 0.
    if tool in ('prune', 'chance') or arguments.get('setting') == 'rp':
        return 0.5
    if tool != 'train':
        return float(arguments.get('epochs') or 50)
    return float(next((settings[key] for key in LENGTHS if settings.get(key)), 1))


# ------------------------------------------------------------------------------------ digests


def essence(cfg: Config) -> Any:
    """Return settings that decide a config's results: no logging and no places of data."""
    content = as_plain_data(cfg.to_dict())
    return _essence(content, sorted(_roots(content), key=len, reverse=True))


def essence_of_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the same of changes to a config, by dotted key."""
    roots = [value for key, value in options.items() if key.endswith('data_root')]
    return {key: _essence(as_plain_data(value), roots) for key, value in options.items()
            if not set(key.split('.')) & set(IGNORED)}


def digest_of(settings: Any) -> str:
    """Return SHA-256 over plain data, shortened; the order of keys does not matter."""
    text = json.dumps(settings, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _roots(value: Any) -> set:
    if isinstance(value, dict):
        own = {value['data_root']} if isinstance(value.get('data_root'), str) else set()
        return own.union(*(_roots(item) for item in value.values()))
    return set().union(*map(_roots, value)) if isinstance(value, list) else set()


def _essence(value: Any, roots: list[str]) -> Any:
    if isinstance(value, dict):
        return {str(key): _essence(item, roots) for key, item in value.items()
                if key not in IGNORED}
    if isinstance(value, list):
        return [_essence(item, roots) for item in value]
    if isinstance(value, str):
        root = next((root for root in roots if root and value.startswith(root)), None)
        return value if root is None else f'<data>/{value[len(root):].lstrip("/")}'
    return value


# ----------------------------------------------------------------------------------- commands


def command(job: Job, tools: str) -> list[str]:
    """Return arguments for Python that do the job, or go on with it.

    Args:
        job (Job): Those that it needs are finished.
        tools (str): Folder of the tools.

    Raises:
        TicketError: A checkpoint that it starts from cannot be read.
    """
    if job.run.tool == 'export':
        return _export(job, tools)
    words = [f'{tools}/{job.run.tool}.py', str(job.config)]
    options = dict(job.options)
    if 'ticket' in job.needs:
        ticket = str(job.needs['ticket'].folder / 'ticket.pth')
        if job.run.tool == 'train':
            options['load_from'] = ticket
        else:
            words.append(ticket)
    arguments = dict(job.arguments)
    if job.run.tool == 'lottery':
        words.append(arguments.pop('setting'))
    for role, flag in (('checkpoint', '--from-checkpoint'), ('rewind', '--rewind-dir'),
                       ('neck', '--neck-ticket')):
        if role in job.needs:
            words += [flag, str(supply(job.needs[role], role))]
    words += [*_flags(arguments), '--work-dir', str(job.folder)]
    if job.run.tool not in ('prune', 'chance'):
        words.append('--resume')
    if options:
        words += ['--cfg-options', *(f'{key}={spell(v)}' for key, v in options.items())]
    return words


def _export(job: Job, tools: str) -> list[str]:
    """Return arguments for Python that write what a run has told of one level of its family."""
    imports = [word for name in _base(job.config).imports for word in ('--import', name)]
    return [f'{tools}/export.py', str(supply(job.needs['family'], 'family')), '--format', 'pth',
            *_flags(job.arguments), *imports, '--out', str(job.folder / 'ticket.pth')]


def _flags(arguments: Mapping[str, Any]) -> list[str]:
    words: list[str] = []
    for key, value in arguments.items():
        flag = f'--{key.replace("_", "-")}'
        words += [flag] if value is True else [flag, str(value)]
    return words


def supply(job: Job, role: str) -> Path:
    """Return the file or folder that a finished run gives to another one.

    Raises:
        TicketError: It is not there.
    """
    if role == 'checkpoint':
        found = find_checkpoint(job.folder)
        if found is None:
            raise TicketError(f'{job.folder}: no checkpoint to go on from. Remedy: run '
                              f'{job.run.name} again.')
        return Path(found)
    return job.folder / FILES[role]


def has_supplies(job: Job, role: str) -> bool:
    """Return whether a run's files are there for another one."""
    if role == 'checkpoint':
        return any(job.folder.glob('epoch_*.pth')) or any(job.folder.glob('iter_*.pth'))
    if role == 'rewind':
        return any((job.folder / 'rewind').glob('*.pth'))
    if role == 'family' and not (job.folder / 'family.json').is_file():
        return False  # which holds what its levels have come to
    return (job.folder / FILES[role]).is_file()


def spell(value: Any) -> str:
    """Return a setting as ``--cfg-options`` reads it: no spaces in lists."""
    if isinstance(value, (list, tuple)):
        left, right = '[]' if isinstance(value, list) else '()'
        return left + ','.join(map(spell, value)) + right
    return str(value)
