"""Holds the SuperTicket f(x; m ⊙ θ) as a value and as a file."""
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from torch import Tensor, nn

from .. import files
from ..errors import TicketError
from ..models.hrnas.coordinate_order import convert
from ..pruning.mask import Mask
from ..search.graph.described import describe_channels
from ..settings.shape import DEFAULT_SHAPE
from ..settings.ticket_names import HUB, SHARED
from . import hub
from .check_meta import check_meta
from .content import FAMILY, check_digest, check_format, encode, is_damaged, read
from .family import Family
from .imports import needed_imports
from .model_settings import model_settings
from .rebuild import build_supernet, build_with_weights, reason
from .summary import summarize
from .weights import check_weights, masked_copy


@dataclass(frozen=True)
class Ticket:
    """Holds architecture, mask and weights of a SuperTicket (paper Sec. 3.1).

    As a file it is also an mmengine checkpoint (``state_dict`` and ``meta``), so that the
    toolboxes' ``init_model(config, ticket)`` reads it.

    Attributes:
        model (dict): The whole model's config as plain data; ``widths`` of the backbone and the
            neck say which units the search left.
        state_dict (Mapping[str, Tensor]): Weights; pruned ones are exactly 0.
        mask (Mask): Which of the prunable weights are kept.
        meta (dict): Plain data: epoch, sparsity, settings, versions, the data set's classes.
        family (Family, optional): Nested masks of these weights; the ticket itself is the loosest
            level then, and :meth:`at` gives the others.
        source (str): Its file, for messages; empty where it comes from none.
    """
    model: dict[str, Any]
    state_dict: Mapping[str, Tensor]
    mask: Mask
    meta: dict[str, Any] = field(default_factory=dict)
    family: Family | None = None
    source: str = field(default='', compare=False, repr=False)

    @classmethod
    def from_model(cls, model: nn.Module, cfg: Mapping[str, Any], mask: Mask,
                   meta: dict[str, Any]) -> 'Ticket':
        """Take the ticket of a model in training: a copy of its weights under ``mask``.

        Args:
            model (nn.Module): A whole OpenMMLab model, unwrapped.
            cfg (Mapping): The config that it was built from.
            mask (Mask): Names are the model's parameter names.
            meta (dict): Plain data.
        """
        state, kept = masked_copy(model.state_dict(), mask)
        settings = model_settings(model, cfg)
        imports = needed_imports(model, settings, meta.get('imports') or ())
        return cls(settings, state, kept, dict(meta, imports=imports, **describe_channels(model)))

    def with_weights(self, state_dict: Mapping[str, Tensor], **meta: Any) -> 'Ticket':
        """Return the same architecture and mask with other weights; ``meta`` is added."""
        state, kept = masked_copy(state_dict, self.mask)
        return Ticket(self.model, state, kept, dict(self.meta, **meta))

    def with_mask(self, mask: Mask, **meta: Any) -> 'Ticket':
        """Return the same architecture and weights under another mask; ``meta`` is added."""
        state, kept = masked_copy(self.state_dict, mask)
        return Ticket(self.model, state, kept, dict(self.meta, sparsity=kept.sparsity, **meta))

    def at(self, level: float) -> 'Ticket':
        """Return the ticket of one level of the family, without the others.

        Args:
            level (float): One of ``family.levels``, a share of the prunable weights.

        Raises:
            TicketError: There is no such level, or no family.
        """
        if self.family is None:
            raise TicketError(f'{self.source or "the ticket"} has one level, and none is called '
                              f'{level!r:.20}. Remedy: ask for no level, or give the family.pth '
                              'that a run with PruneHook(family=...) wrote.')
        place = self.family.index(level)
        state = dict(self.state_dict, **self.family.statistics[place])
        state, kept = masked_copy(state, self.family.mask(place))
        return Ticket(self.model, state, kept, dict(self.meta, sparsity=kept.sparsity),
                      source=self.source)

    def save(self, path: str | Path, own: bool = False) -> None:
        """Write the file whole or not at all: by safetensors where its name ends so, else by torch.

        Args:
            path (str | Path): ``FILE.pth`` or ``FILE.safetensors``.
            own (bool): As in :func:`mmst.files.write_bytes`.
        """
        files.write_bytes(path, self.to_bytes(Path(path).suffix), own)

    def to_bytes(self, suffix: str) -> bytes:
        """Return the bytes of its file.

        Args:
            suffix (str): ``'.safetensors'``, or of a file by torch.
        """
        family = None if self.family is None else self.family.to_content()
        return encode(self.model, self.state_dict, self.mask, self.meta, suffix, family)

    def save_pretrained(self, folder: str | Path, facts: Mapping[str, Any] | None = None,
                        name: str | None = None) -> None:
        """Write a folder to share: the ticket as safetensors, ``ticket.json`` and a model card.

        Args:
            folder (str | Path): Made where there is none.
            facts (Mapping, optional): The content of the run's ``ticket.json``; what it does not
                tell, sparsity and costs, is taken from the ticket.
            name (str, optional): That the card's snippet loads. Defaults to the folder.

        Raises:
            ConfigError: safetensors is not installed.
        """
        known = dict(facts or {})
        if not {'sparsity', 'params', 'macs'} <= known.keys():
            known = {**summarize(self, self.meta.get('input_shape') or DEFAULT_SHAPE,
                                 self.meta.get('supernet')), **known}
        hub.write_folder(folder, self.to_bytes(Path(SHARED).suffix), known, name)

    @classmethod
    def from_pretrained(cls, source: str | Path, revision: str | None = None,
                        **options: Any) -> 'Ticket':
        """Read the ticket of a folder or of the hub; arguments: :func:`mmst.tickets.hub.find`.

        Raises:
            TicketError: There is none, it cannot be had, or it is damaged.
            ConfigError: safetensors or huggingface_hub is not installed.
        """
        path = hub.find(source, revision, **options)
        try:
            return cls.load(path)
        except TicketError as error:
            if hub.is_folder(source) or not is_damaged(path):
                raise
            problem = str(error).partition(' Remedy:')[0]
            raise TicketError(f'{source}: {problem} Remedy: download it again, with '
                              'force_download=True.') from error

    def push_to_hub(self, repository: str, facts: Mapping[str, Any] | None = None,
                    **options: Any) -> str:
        """Write such a folder to the hub; returns its address.

        Args:
            repository (str): ``user/name``; made where there is none.
            facts (Mapping, optional): As of :meth:`save_pretrained`.
            options: Of :func:`mmst.tickets.hub.push`.

        Raises:
            TicketError: The hub does not take it.
            ConfigError: safetensors or huggingface_hub is not installed.
        """
        name = repository.removeprefix(HUB)
        with TemporaryDirectory() as folder:
            self.save_pretrained(folder, facts, f'{HUB}{name}')
            return hub.push(folder, name, **options)

    @classmethod
    def load(cls, path: str | Path) -> 'Ticket':
        """Read and check a ticket file; nothing in it is executed.

        Raises:
            TicketError: If there is no such file, it is damaged or no ticket.
        """
        return cls.from_content(path, read(path))

    @classmethod
    def from_content(cls, path: str | Path, content: Any,
                     unsealed: bool = False) -> 'Ticket':
        """Check a ticket file's content, as
        :func:`~mmst.openmmlab.safe_checkpoints.safe_load` reads it.

        Args:
            path (str | Path): For the message.
            content: The content of the file.
            unsealed (bool): Whether files of format 1 are taken, too: they have no digest, and
                nothing shows whether they were changed. Defaults to False.

        Raises:
            TicketError: It is no ticket, or was changed.
        """
        check_format(path, content, unsealed)
        try:
            _parse_content(content).check()
            check_digest(content)
            # Converted in place: copies, as others may look at the content, too.
            return _parse_content(convert(dict(content, state_dict=dict(content['state_dict']),
                                           mask=dict(content['mask']))), str(path))
        except TicketError as error:
            raise TicketError(f'{path}: {error}') from None
        except Exception as error:  # e.g. a tensor of another kind: it was changed
            raise TicketError(
                f'{path} is not a ticket: {reason(error)}. Remedy: give the ticket.pth '
                'that a training run wrote.') from error

    def check(self) -> None:
        """Refuse weights that are no finite tensors, or contradict the mask, and facts that no run
        has.

        Raises:
            TicketError: Naming the entry.
        """
        check_meta(self.meta)
        check_weights(self.state_dict, self.mask)
        if self.family is not None:
            self.family.check(self.state_dict, self.mask)

    @property
    def sparsity(self) -> float:
        """Return the share of the prunable weights that is pruned."""
        return self.mask.sparsity

    def build(self, part: str | None = None) -> nn.Module:
        """Rebuild the network with its weights, in eval mode; no config is needed.

        Args:
            part (str, optional): ``'backbone'`` or ``'neck'``; the whole model by default.

        Raises:
            TicketError: If architecture and weights do not fit.
        """
        with self._naming_file():
            return build_with_weights(self.model, self.state_dict, self.meta, part)

    def supernet(self, values: bool = True) -> nn.Module:
        """Return the network before any search, without the ticket's weights.

        Args:
            values (bool): Whether its tensors have to have values. Else those of networks far
                larger than the ticket are on torch's meta device. Defaults to True.

        Raises:
            TicketError: It cannot be built.
        """
        with self._naming_file():
            return build_supernet(self.model, self.state_dict, self.meta, values)

    @contextmanager
    def _naming_file(self) -> Iterator[None]:
        try:
            yield
        except TicketError as error:
            if not self.source:
                raise
            raise TicketError(f'{self.source}: {error}') from error


def _parse_content(content: Mapping[str, Any], source: str = '') -> Ticket:
    state = content['state_dict']
    family = None if FAMILY not in content else Family.from_content(content[FAMILY], state)
    return Ticket(content['model'], state, Mask(content['mask']), content['meta'], family,
                  source)
