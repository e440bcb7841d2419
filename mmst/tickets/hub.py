"""Keeps tickets in folders of a form that people share, on disk and on a model hub.

A folder has ``ticket.safetensors``, ``ticket.json`` (its costs and metrics) and ``README.md`` (its
model card).
"""
import difflib
import inspect
import re
from collections.abc import Callable, Container, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from .. import files
from ..errors import TicketError, config_error
from ..optional import need
from ..settings.ticket_names import HUB, SHARED
from .model_card import MARK, model_card

FACTS, CARD = 'ticket.json', 'README.md'
#: Of a folder.
FILES = (SHARED, FACTS, CARD)


def write_folder(folder: str | Path, ticket: bytes, facts: Mapping[str, Any],
                 name: str | None = None) -> None:
    """Write the ticket, ``ticket.json`` and the model card: all three or none.

    Args:
        folder (str | Path): Made where there is none.
        ticket (bytes): As safetensors.
        facts (Mapping): As :func:`~mmst.tickets.summary.summarize` gives them; ``metrics``, and
            ``milliseconds`` with ``machine``, where they are known.
        name (str, optional): That the card's snippet loads. Defaults to the folder.

    Raises:
        TicketError: The folder has a README.md of another kind.
    """
    keep_readme(folder)
    files.write_together({
        Path(folder, SHARED): ticket, Path(folder, FACTS): files.to_json(facts).encode(),
        Path(folder, CARD): model_card(facts, name or str(folder)).encode()})


def keep_readme(folder: str | Path) -> None:
    """Refuse a folder whose README.md is no model card: it would be lost.

    Raises:
        TicketError: Naming it.
    """
    path = Path(folder, CARD)
    if path.is_file() and MARK.encode() not in path.read_bytes():
        raise TicketError(f'{path} is no model card of mmst, and would be lost. Remedy: give '
                          'another folder, or move it away.')


def is_folder(source: str | Path) -> bool:
    """Return whether a name is that of a folder on this machine."""
    return not str(source).startswith(HUB) and Path(source).is_dir()


def find(source: str | Path, revision: str | None = None, **options: Any) -> Path:
    """Return the ticket file of a folder, or of the hub: it is downloaded once and kept.

    Args:
        source (str | Path): A folder, or ``user/name``, with or without ``hf:`` before and
            ``@revision`` after it.
        revision (str, optional): A branch, a tag or a commit of the hub.
        options: Of ``huggingface_hub.hf_hub_download``, as ``force_download=True``.

    Raises:
        TicketError: There is none, or it cannot be had.
        ConfigError: huggingface_hub is not installed, or has no such option.
    """
    text = str(source)
    if is_folder(source):
        refuse_options(text, revision, options)
        path = Path(text, SHARED)
        if path.is_file():
            return path
        raise TicketError(f'{text}: the folder has no {SHARED}. Remedy: give one that '
                          'save_pretrained has written.')
    name, at, given = text.removeprefix(HUB).partition('@')
    if at and revision not in (None, given):
        raise config_error('revision', revision, f'the name asks for {given!r}', 'give one of them')
    if Path(text).is_file():
        raise TicketError(f'{text} is a file, and no folder or repository. Remedy: read it by '
                          'Ticket.load or mmst.load.')
    hub = _hub()
    _check_options(hub.hf_hub_download, options, ('repo_id', 'filename', 'dry_run'))
    with _one_line(text):
        return Path(hub.hf_hub_download(name, SHARED, revision=revision or (given if at else None),
                                        **options))


def refuse_options(name: str, revision: str | None, options: Mapping[str, Any]) -> None:
    """Refuse options of the hub for a ticket on this machine.

    Raises:
        ConfigError: Naming the first one.
    """
    given = dict(options) if revision is None else dict(revision=revision, **options)
    for key, value in given.items():
        raise config_error(key, value, f'{name} is on this machine, and takes no such option',
                           'omit it')


def _check_options(called: Callable[..., Any], options: Mapping[str, Any],
                   own: Container[str]) -> None:
    """Refuse options that a function of the hub's client does not have, or that are ours to give.
    """
    known = [name for name in inspect.signature(called).parameters if name not in own]
    for key, value in options.items():
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            raise config_error(key, value, 'the hub has no such option',
                               f'use {near[0]}' if near else 'omit it')


def push(folder: str | Path, repository: str, private: bool | None = None,
         revision: str | None = None, **options: Any) -> str:
    """Copy a folder to the hub, and make the repository where there is none; returns its address.

    Args:
        folder (str | Path): It has the ticket, its facts and its card.
        repository (str): ``user/name``.
        private (bool, optional): Of a new repository; the account's default where it is None.
        revision (str, optional): A branch that exists.
        options: Of ``huggingface_hub.HfApi``, as ``token``.

    Raises:
        TicketError: The hub does not take it, or the repository has a README.md of another kind.
        ConfigError: huggingface_hub is not installed, or has no such option.
    """
    hub = _hub()
    _check_options(hub.HfApi, options, ('library_name', ))
    name = repository.removeprefix(HUB)
    api = hub.HfApi(library_name='mmst', **options)
    with _one_line(repository):
        api.create_repo(name, private=private, exist_ok=True)
        _keep_card(api, name, revision)
        found = api.upload_folder(repo_id=name, folder_path=folder, revision=revision,
                                  allow_patterns=list(FILES),
                                  commit_message='A ticket of mmst')
        return str(found.repo_url if hasattr(found, 'repo_url') else found)


def _keep_card(api: Any, name: str, revision: str | None) -> None:
    """Refuse a repository whose README.md is no model card of this project: it would be lost."""
    errors = need('huggingface_hub.errors', 'sharing tickets')
    try:
        path = api.hf_hub_download(name, CARD, revision=revision)
    except (errors.RemoteEntryNotFoundError, errors.RevisionNotFoundError):
        return
    if MARK.encode() not in Path(path).read_bytes():
        raise TicketError(f'{name}: its {CARD} is no model card of mmst, and would be lost. '
                          'Remedy: give another repository, or remove it there.')


def _hub() -> ModuleType:
    return need('huggingface_hub', 'sharing tickets')


@contextmanager
def _one_line(name: str) -> Iterator[None]:
    """Turn errors of the hub into one line with a remedy."""
    errors = need('huggingface_hub.errors', 'sharing tickets')
    remedies = [
        (errors.GatedRepoError, 'its owner has to let you in', 'ask on its page, then hf auth '
         'login'),
        (errors.RepositoryNotFoundError, 'there is no such repository, or it is not yours to see',
         'check the name; for a private one: hf auth login'),
        (errors.RevisionNotFoundError, 'it has no such revision', 'give a branch, a tag or a '
         'commit of it'),
        (errors.RemoteEntryNotFoundError, f'it has no {SHARED}', 'give a repository that '
         'push_to_hub has written'),
        ((errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled), 'the hub cannot be '
         'reached, and no copy was kept', 'connect to the network once, or '
         'give a folder that is there'),
        (errors.HFValidationError, 'is no name of a repository', 'give user/name, or a folder that '
         'is there')]
    try:
        yield
    except Exception as error:  # the client's transport has errors of its own
        for kinds, problem, remedy in remedies:
            if isinstance(error, kinds):
                raise TicketError(f'{name}: {problem}. Remedy: {remedy}.') from error
        if isinstance(error, (TicketError, TypeError)):  # ours, or an option of the client's
            raise
        said = re.sub(r'\s*\(Request ID.*?\)', '', str(error)).strip().rstrip('.')
        raise TicketError(f'{name}: the hub answers: {said}. Remedy: try again, or download its '
                          'files by hand and give the folder.') from error
