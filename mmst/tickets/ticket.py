"""Holds the SuperTicket f(x; m ⊙ θ) as a value and as a file."""
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from .. import files
from ..errors import TicketError, one_line, shorten
from ..models.hrnas.coordinate_order import TICKET_COLUMNS_FIRST, convert
from ..models.hrnas.widths import without_widths
from ..openmmlab.safe_checkpoints import safe_load
from ..pruning.mask import Mask
from ..search.graph.described import attach_described, described
from .build import build_network
from .digest import digest
from .imports import how_to_import, missing_imports, needed_imports
from .plain_data import as_plain_data, plain_model

FORMAT, VERSION = 'mmst.ticket', TICKET_COLUMNS_FIRST
#: From that version on files have a digest.
SEALED = 2
#: From that version on the digest covers the version, too: a label cannot be changed.
_LABEL_SEALED = 3
_PARTS = ('model', 'state_dict', 'mask', 'meta')
_FIELDS = dict(format=str, version=int, model=dict, state_dict=dict, mask=dict, meta=dict)


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
    """
    model: dict[str, Any]
    state_dict: Mapping[str, Tensor]
    mask: Mask
    meta: dict[str, Any] = field(default_factory=dict)

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
        state, kept = _masked(model.state_dict(), mask)
        settings = model_settings(model, cfg)
        imports = needed_imports(model, settings, meta.get('imports') or ())
        return cls(settings, state, kept, dict(meta, imports=imports, **described(model)))

    def with_weights(self, state_dict: Mapping[str, Tensor], **meta: Any) -> 'Ticket':
        """Return the same architecture and mask with other weights; ``meta`` is added."""
        state, kept = _masked(state_dict, self.mask)
        return Ticket(self.model, state, kept, dict(self.meta, **meta))

    def with_mask(self, mask: Mask, **meta: Any) -> 'Ticket':
        """Return the same architecture and weights under another mask; ``meta`` is added."""
        state, kept = _masked(self.state_dict, mask)
        return Ticket(self.model, state, kept, dict(self.meta, sparsity=kept.sparsity, **meta))

    def save(self, path: str | Path) -> None:
        """Write the file whole or not at all."""
        content = dict(model=as_plain_data(self.model), state_dict=dict(self.state_dict),
                       mask=dict(self.mask), meta=as_plain_data(self.meta))
        buffer = io.BytesIO()
        torch.save(dict(format=FORMAT, version=VERSION, digest=seal(VERSION, content), **content),
                   buffer)
        files.write_bytes(path, buffer.getvalue())

    @classmethod
    def load(cls, path: str | Path) -> 'Ticket':
        """Read and check a ticket file; nothing in it is executed.

        Raises:
            TicketError: If there is no such file, it is damaged or no ticket.
        """
        return cls.from_content(path, _read(path))

    @classmethod
    def from_content(cls, path: str | Path, content: Any,
                     unsealed: bool = False) -> 'Ticket':
        """Check a ticket file's content, as :func:`~mmst.openmmlab.compat.safe_load` reads it.

        Args:
            path (str | Path): For the message.
            content: What was read.
            unsealed (bool): Whether files of format 1 are taken, too: they have no digest, and
                nothing shows whether they were changed. Defaults to False.

        Raises:
            TicketError: It is no ticket, or was changed.
        """
        _check_format(path, content, unsealed)
        try:
            _unchecked(content).check()
            _check_digest(content)
            # Converted in place: copies, as others may look at the content, too.
            return _unchecked(convert(dict(content, state_dict=dict(content['state_dict']),
                                           mask=dict(content['mask']))))
        except TicketError as error:
            raise TicketError(f'{path}: {error}') from None
        except Exception as error:  # e.g. a tensor of another kind: it was changed
            raise TicketError(
                f'{path} is not a ticket: {_line(error)}. Remedy: give the ticket.pth '
                'that a training run wrote.') from error

    def check(self) -> None:
        """Refuse weights that are no finite tensors, or that contradict the mask.

        Raises:
            TicketError: Naming the entry.
        """
        for name, value in self.state_dict.items():
            if not isinstance(name, str):
                raise TicketError(f'{name!r} is no name of a weight. Remedy: take the ticket from '
                                  'the training run again.')
            if not torch.is_tensor(value) or value.layout != torch.strided or (
                    value.is_floating_point() and not bool(value.isfinite().all())):
                raise TicketError(f'{name} is no tensor of finite numbers. Remedy: take the '
                                  'ticket from the training run again.')
        self.mask.check_fits({name: value.shape for name, value in self.state_dict.items()})
        for name, kept in self.mask.items():
            if bool(self.state_dict[name].masked_select(~kept).any()):
                raise TicketError(f'{name} has weights where its mask has none. Remedy: '
                                  'take the ticket from the training run again.')

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
        parts = [k for k, v in self.model.items() if isinstance(v, (dict, list)) and v]
        if part is not None and part not in parts:
            raise TicketError(f'the ticket has no {part!r}. Remedy: name a part of its model: '
                              f'{", ".join(parts)}.')
        prefix = '' if part is None else f'{part}.'
        state = {name[len(prefix):]: value for name, value in self.state_dict.items()
                 if name.startswith(prefix)}
        network = self._network(self.model if part is None else self.model[part], state, part)
        try:
            network.load_state_dict(state)
        except RuntimeError as error:
            raise self._cannot('architecture and weights of the ticket do not fit', error, 'take '
                               'the ticket from the training run again') from None
        network.eval()  # not chained: some toolboxes' backbones return nothing from it
        return network

    def supernet(self) -> nn.Module:
        """Return the network before any search, without the ticket's weights.

        Raises:
            TicketError: It cannot be built.
        """
        return self._network(without_widths(self.model), self.state_dict)

    def _network(self, settings: Any, state: Mapping[str, Tensor],
                 part: str | None = None) -> nn.Module:
        try:
            network = build_network(settings, self.meta.get('default_scope'), state)
            return attach_described(network, self.meta, part)
        except Exception as error:  # The constructors of all toolboxes: anything can come.
            raise self._cannot('the network of the ticket cannot be built', error, 'import the '
                               'packages that define it, or train it again') from error

    def _cannot(self, problem: str, error: Exception, remedy: str) -> TicketError:
        """What ``build`` raises; modules that nobody has imported are the likely cause."""
        line, missing = _line(error), missing_imports(self.meta)
        if missing:
            line = f'it needs {", ".join(missing)}, not imported here ({shorten(line, 150)})'
            remedy = how_to_import(missing)
        return TicketError(f'{problem}: {line}. Remedy: {remedy}.')


def seal(version: int, content: Mapping[str, Any]) -> str:
    """Return the digest of a ticket file of that version."""
    parts = {key: content[key] for key in _PARTS}
    return digest(parts if version < _LABEL_SEALED else dict(version=version, **parts))


def _unchecked(content: Mapping[str, Any]) -> Ticket:
    return Ticket(content['model'], content['state_dict'], Mask(content['mask']), content['meta'])


def _masked(state_dict: Mapping[str, Tensor], mask: Mask) -> tuple[dict[str, Tensor], Mask]:
    """Copies of both, the pruned weights exactly 0. A shared weight is copied once."""
    copies: dict[Any, Tensor] = {}
    state = {name: copies.setdefault(place(t) or name, t.detach().cpu().clone())
             for name, t in state_dict.items()}
    kept = Mask({name: t.cpu() for name, t in mask.items()})
    kept.check_fits({name: t.shape for name, t in state.items()})
    for name, keep in kept.items():
        state[name].masked_fill_(~keep, 0)
    return state, kept


def place(tensor: Tensor) -> tuple[Any, ...] | None:
    """Where a tensor lies in memory: the same for the names of a weight that layers share.

    None of an empty one, which lies nowhere.
    """
    if not tensor.numel():
        return None
    return (str(tensor.device), tensor.untyped_storage().data_ptr(), tensor.storage_offset(),
            tuple(tensor.shape), tensor.stride(), tensor.dtype)


def _line(error: Exception) -> str:
    """Return the first sentence of the reason: registries go on with advice, networks with all
    shapes.
    """
    text = one_line(error).strip('"\'').partition('. Please check')[0]
    return shorten(text.partition(' Remedy:')[0], 300).rstrip('.')


def _check_format(path: str | Path, content: Any, unsealed: bool) -> None:
    """Refuse a file that is no ticket, or of a format that cannot be checked or is unknown."""
    if not isinstance(content, dict):
        raise TicketError(f'{path} is not a ticket but holds a {type(content).__name__}. Remedy: '
                          'give the ticket.pth that a training run wrote.')
    for key, kind in _FIELDS.items():
        if not isinstance(content.get(key), kind):
            raise TicketError(f'{path} is not a ticket: its field {key!r} is missing or broken. '
                              'Remedy: give the ticket.pth that a training run wrote.')
    version = content['version']
    if content['format'] != FORMAT or version > VERSION or version < 1 or version is True:
        raise TicketError(f'{path} has format {content["format"]!r} version {version}. Remedy: '
                          'update mmst to read it.')
    if version < SEALED and not unsealed:
        raise TicketError(
            f'{path} has format 1, without a digest: nothing tells whether it is what '
            'was written. Remedy: if you trust it, rewrite it with '
            'mmst seal, or take the ticket from the training run again.')


def _check_digest(content: Mapping[str, Any]) -> None:
    if content['version'] < SEALED:
        return
    if content.get('digest') != seal(content['version'], content):
        raise TicketError('its parts do not belong together, or one was changed. Remedy: take the '
                          'ticket from the training run again.')


def model_settings(model: nn.Module, cfg: Mapping[str, Any]) -> dict[str, Any]:
    """Return the model's config as plain data, with the widths that its search blocks have now.

    Args:
        model (nn.Module): A whole OpenMMLab model, unwrapped.
        cfg (Mapping): The config that it was built from.

    Raises:
        ConfigError: The config holds something that a ticket cannot.
    """
    settings: dict[str, Any] = plain_model(cfg)
    for part in ('backbone', 'neck'):
        described, module = settings.get(part), getattr(model, part, None)
        if isinstance(described, dict):
            _set_widths(described, module)
        elif isinstance(described, (list, tuple)) and isinstance(module, Iterable):
            for settings_of_one, one in zip(described, module, strict=False):
                _set_widths(settings_of_one, one)
    return settings


def _set_widths(settings: Any, module: Any) -> None:
    # Other networks made of search blocks take their widths from the weights alone.
    if hasattr(module, 'get_widths') and isinstance(settings, dict):
        settings['widths'] = module.get_widths()


def _read(path: str | Path) -> Any:
    if not Path(path).is_file():
        raise TicketError(f'{path}: no such file. Remedy: give the path of a ticket.pth.')
    return safe_load(str(path), 'cpu')
