"""Carries ``mmst export`` out."""
import argparse
import os.path as osp
from pathlib import Path

from .. import files
from ..deploy.c_library import write_project
from ..deploy.export import Deployed, load_sparse, save_sparse
from ..deploy.export.deployed import preprocessing, smallest
from ..deploy.export.images import sample_images
from ..deploy.export.onnx_file import OPSETS, check_onnx, export_onnx
from ..deploy.export.program import check_program, export_program
from ..deploy.open import check_shape, open_ticket
from ..errors import TicketError, config_error
from ..settings.shape import first_shape
from ..tickets import Ticket
from ..tickets.digest import digest
from ..tickets.plain_data import as_plain_data
from .arguments.export import ENDINGS, UNUSED
from .waiting import waiting


def run(args: argparse.Namespace) -> None:
    """Write, check, say how well they agree."""
    check(args)
    ticket = open_ticket(args.ticket)
    out = args.out or osp.splitext(args.ticket)[0] + ENDINGS[args.format]
    if args.format == 'c':
        write_c(ticket, out, args.int8)
        return
    files.replaceable(out)
    if args.format == 'sparse':
        return write_sparse(ticket, out)
    if args.format in ('safetensors', 'pth'):
        return write_ticket(ticket, args.format, out)
    shape = first_shape(check_shape(args.shape), ticket.meta.get('input_shape'))
    network = Deployed(ticket if args.as_is else smallest(ticket), shape)
    images = sample_images(ticket, shape, args.images)
    with waiting(f'writing {out}; a whole network takes minutes'):
        if args.format == 'onnx':
            classes = (ticket.meta.get('dataset_meta') or {}).get('classes')
            export_onnx(network, out, 18 if args.opset is None else args.opset,
                        dict(preprocessing(ticket), classes=classes))
            difference = check_onnx(out, network, images)
        else:
            export_program(network, out)
            difference = check_program(out, network, images)
    print(f'{out}: {osp.getsize(out):,} bytes; differs from PyTorch by {difference:.1e} of the '
          f'largest output, {len(images)} images of {shape[0]}x{shape[1]}')


def write_c(ticket: Ticket, out: str, int8: bool) -> None:
    """Write the project of a C library."""
    with waiting(f'writing {out}'):
        found = write_project(ticket, out, int8)
    print(f'{out}: weights of {found["bytes"]:,} bytes for {found["kept"]:,} parameters that are '
          f'not 0, {found["bytes"] / max(found["kept"], 1):.2f} bytes each; build it with make')


def check(args: argparse.Namespace) -> None:
    """Refuse arguments that the format has no use for, before a network is built."""
    for name in UNUSED[args.format]:
        value = getattr(args, name)
        if value is not None and value is not False:  # 0 is an opset, too
            raise config_error(f'--{name.replace("_", "-")}', value,
                               f'has no effect with --format {args.format}', 'omit it')
    if args.opset is not None and args.opset not in OPSETS:
        raise config_error('--opset', args.opset, 'cannot be written',
                           f'use one of {OPSETS.start} to {OPSETS.stop - 1}')


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
    again = Ticket.load(out)
    if digest([again.model, dict(again.state_dict), dict(again.mask), again.meta]) != digest(
            [as_plain_data(ticket.model), dict(ticket.state_dict), dict(ticket.mask),
             as_plain_data(ticket.meta)]):
        raise TicketError(f'{out} does not give the same ticket. Remedy: report this.')
    print(f'{out}: {osp.getsize(out):,} bytes; the same ticket')


def write_sparse(ticket: Ticket, out: str) -> None:
    """Write the sparse file and make sure that it gives the same ticket."""
    found = save_sparse(ticket, out)
    again = load_sparse(out)
    if digest(dict(again.state_dict)) != digest(dict(ticket.state_dict)):
        raise TicketError(f'{out} does not give the same weights. Remedy: report this.')
    dense = sum(t.numel() * t.element_size() for t in ticket.state_dict.values())
    print(f'{out}: {found["bytes"]:,} bytes, {found["bytes"] / dense:.1%} of the {dense:,} bytes '
          f'of all weights; {found["kept"]:,} of {found["weights"]:,} sparse weights, '
          f'{found["position_bits"]:.3f} bits a weight for their positions')
