"""Carries ``mmst export`` out."""
import argparse
import os.path as osp
import sys
from collections.abc import Callable
from pathlib import Path

from torch import Tensor

from .. import files
from ..deploy.c_library import write_project
from ..deploy.c_library.network import MOST_LABELS, SEGMENTATION
from ..deploy.channels import channels_of
from ..deploy.export import Deployed, load_sparse, save_sparse
from ..deploy.export.deployed import preprocessing, smallest
from ..deploy.export.images import sample_images
from ..deploy.export.int8 import in_int8
from ..deploy.export.onnx_file import (
    ATTENTION_OPSET,
    check_onnx,
    check_opset,
    export_onnx,
)
from ..deploy.export.onnx_settings import OnnxSettings
from ..deploy.export.program import check_program, export_program
from ..deploy.open import check_shape, open_ticket
from ..deploy.windows import warn_of_windows
from ..errors import TicketError, config_error
from ..settings.shape import first_shape
from ..tickets import Ticket
from ..tickets.digest import digest
from ..tickets.plain_data import as_plain_data
from .arguments.export import ENDINGS, UNUSED
from .levels import named_by_level, ticket_at
from .run_summary import Summary
from .waiting import waiting

#: Formats of tickets that hold all levels of a family, and of all tickets.
HOLD_LEVELS = ('safetensors', 'pth')
TICKETS = (*HOLD_LEVELS, 'sparse')


def run(args: argparse.Namespace) -> None:
    """Write, check, say how well they agree."""
    check(args)
    ticket, out = open_ticket(args.ticket), args.out
    if args.level is not None or args.format not in HOLD_LEVELS:
        ticket = ticket_at(ticket, args.ticket, args.level)
    if args.format == 'c':
        write_c(ticket, out, args.int8)
        return
    files.replaceable(out)
    if args.format in TICKETS:
        return write_with_summary(ticket, args)
    shape = first_shape(check_shape(args.shape), ticket.meta.get('input_shape'))
    with waiting(f'writing {out}; a whole network takes minutes', progress=(steps := Steps()).last):
        if args.format == 'onnx':
            network, images, difference = write_onnx(ticket, out, shape, args, steps)
        else:
            network = Deployed(ticket if args.as_is else smallest(ticket), shape)
            images = sample_images(ticket, shape, args.images,
                                   channels=channels_of(ticket, network))
            export_program(network, out)
            difference = check_program(out, network, images)
    print(f'{out}: {osp.getsize(out):,} bytes; differs from PyTorch by {difference:.1e} of the '
          f'largest output, {len(images)} images of {shape[0]}x{shape[1]}')
    warn_of_windows(network.model)


def default_out(args: argparse.Namespace) -> str:
    """Return the path beside the ticket, which names the level and the rounding that are asked for.
    """
    rounded = '_int8' if args.int8 else ''
    return named_by_level(args.stem, args.level) + rounded + ENDINGS[args.format]


class Steps:
    """Prints each step of a long task when it begins, and remembers the last one."""

    def __init__(self) -> None:
        self._last = ''

    def __call__(self, step: str) -> None:
        self._last = step
        print(f'... {step}', file=sys.__stdout__, flush=True)

    def last(self) -> str:
        """Return the step that is being done."""
        return self._last


def write_onnx(ticket: Ticket, out: str, shape: tuple[int, int], args: argparse.Namespace,
               log: Callable[[str], None]) -> tuple[Deployed, Tensor, float]:
    """Write an ONNX file and compare it with the ticket's own network.

    Returns:
        tuple: The network, the images that both were run on, and the largest difference.
    """
    # A network of this project is compacted while it is written, without maps for its borders.
    own = args.as_is or ticket.model.get('backbone', {}).get('type') == 'mmst.HRNASSupernet'
    network = Deployed(ticket if own else smallest(ticket), shape)
    images = sample_images(ticket, shape, args.images, channels=channels_of(ticket, network))
    steps = preprocessing(ticket)
    settings = OnnxSettings(
        opset=18 if args.opset is None else args.opset, compact=own and not args.as_is,
        fixed=args.fixed_size, half=args.half, sparse=args.sparse_weights,
        attention=args.attention, pixels=steps if args.with_preprocessing else None)
    classes = (ticket.meta.get('dataset_meta') or {}).get('classes')
    export_onnx(network, out, metadata=dict(steps, classes=classes, input=(
        'uint8 pixels, blue first' if args.with_preprocessing else 'normalised')),
                settings=settings, log=log)
    log('comparing with PyTorch')
    return network, images, check_onnx(out, network, images, steps, args.half)


def write_c(ticket: Ticket, out: str, int8: bool) -> None:
    """Write the project of a C library."""
    with waiting(f'writing {out}'):
        found = write_project(ticket, out, int8)
    print(f'{out}: weights of {found["bytes"]:,} bytes for {found["kept"]:,} parameters that are '
          f'not 0, {found["bytes"] / max(found["kept"], 1):.2f} bytes each; build it with make')
    if found['kind'] == SEGMENTATION and not found['labels']:
        print(f'it gives scores and no labels, which have eight bits each: {found["outputs"]} '
              f'classes are more than {MOST_LABELS}')


def check(args: argparse.Namespace) -> None:
    """Refuse arguments that the format has no use for, before a network is built."""
    for name in UNUSED[args.format]:
        value = getattr(args, name)
        if value is not None and value is not False:  # 0 is an opset, too
            raise config_error(f'--{name.replace("_", "-")}', value,
                               f'has no effect with --format {args.format}', 'omit it')
    if args.opset is not None:
        check_opset(args.opset)
    if args.format == 'onnx' and args.attention and (args.opset or 0) < ATTENTION_OPSET:
        raise config_error('--opset', args.opset, '--attention needs one that has the operator',
                           f'add --opset {ATTENTION_OPSET}')


def write_with_summary(ticket: Ticket, args: argparse.Namespace) -> None:
    """Write a ticket and, next to it, what its run has told of it."""
    # Weights of eight bits have metrics of their own, which nobody has measured.
    summary = Summary.for_output(args.ticket, args.out, args.level, rounded=args.int8)
    if args.format == 'sparse':
        write_sparse(ticket, args.out, args.int8)
    else:
        write_ticket(ticket, args.format, args.out)
    if summary is not None:
        summary.write(ticket)


def write_ticket(ticket: Ticket, form: str, out: str) -> None:
    """Write the ticket itself, and make sure that the file gives all of it.

    Raises:
        ConfigError: The file's name asks for another form.
    """
    ending = ENDINGS[form]
    if Path(out).suffix != ending:
        raise config_error('--out', out, f'--format {form} writes files of that ending only',
                           f'give a name that ends in {ending}')
    ticket.save(out)
    if _digest(Ticket.load(out)) != _digest(ticket):
        raise TicketError(f'{out} does not give the same ticket. Remedy: report this.')
    print(f'{out}: {osp.getsize(out):,} bytes; the same ticket')


def _digest(ticket: Ticket) -> str:
    family = None if ticket.family is None else ticket.family.to_content()
    return digest([as_plain_data(ticket.model), dict(ticket.state_dict), dict(ticket.mask),
                   as_plain_data(ticket.meta), family])


def write_sparse(ticket: Ticket, out: str, int8: bool) -> None:
    """Write the sparse file and make sure that it gives the same ticket, but for rounding."""
    found = save_sparse(ticket, out, int8)
    again, expected = load_sparse(out), in_int8(ticket) if int8 else ticket
    if digest(dict(again.state_dict)) != digest(dict(expected.state_dict)):
        raise TicketError(f'{out} does not give the same weights. Remedy: report this.')
    dense = sum(t.numel() * t.element_size() for t in ticket.state_dict.values())
    print(f'{out}: {found["bytes"]:,} bytes, {found["bytes"] / dense:.1%} of the {dense:,} bytes '
          f'of all weights; {found["kept"]:,} of {found["weights"]:,} sparse weights, '
          f'{found["position_bits"]:.3f} bits a weight for their positions')
