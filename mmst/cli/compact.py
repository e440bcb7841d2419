"""Carries ``mmst compact`` out."""
import argparse
import os.path as osp

from .. import files
from ..deploy.compact import compact
from ..deploy.comparison import compare, comparison_table
from ..deploy.open import check_shape, open_ticket
from ..engine.run.config_file import read_config
from ..settings.shape import first_shape, input_shape
from .levels import named_by_level, ticket_at
from .run_summary import Summary


def run(args: argparse.Namespace) -> None:
    """Compact, compare, save, print."""
    ticket, out = ticket_at(open_ticket(args.ticket), args.ticket, args.level), args.out
    files.replaceable(out)
    summary = Summary.for_output(args.ticket, out, args.level)
    shape = check_shape(args.shape)
    if shape is None and args.config:
        shape = input_shape(read_config(args.config))
    shape = first_shape(shape, ticket.meta.get('input_shape'))
    smaller = compact(ticket, args.multiple)
    found = compare(ticket, smaller, shape)
    smaller.save(out)
    if summary is not None:
        summary.write(smaller)
    print(comparison_table(found, (osp.getsize(args.ticket), osp.getsize(out)), shape))
    print(f'largest difference of the outputs: {found["difference"]:.1e} of the largest output')
    print(out)


def default_out(args: argparse.Namespace) -> str:
    """Return the path beside the ticket, which names the level that is asked for."""
    ending = osp.splitext(args.ticket)[1].replace('.sparse', '.pth')
    return f'{named_by_level(args.stem, args.level)}_compact{ending}'
