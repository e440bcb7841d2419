"""Carries ``mmst compact`` out."""
import argparse
import os.path as osp

from .. import files
from ..deploy.compact import compact
from ..deploy.comparison import compare, comparison_table
from ..deploy.open import check_shape, open_ticket
from ..engine.run.config_file import read_config
from ..settings.kept_inputs import keep_inputs
from ..settings.shape import first_shape, input_shape


def run(args: argparse.Namespace) -> None:
    """Compact, compare, save, print."""
    extension = osp.splitext(args.ticket)[1].replace('.sparse', '.pth')
    out = args.out or f'{args.stem}_compact{extension}'
    keep_inputs('--out', out, args.ticket)
    ticket = open_ticket(args.ticket)
    files.replaceable(out)
    shape = check_shape(args.shape)
    if shape is None and args.config:
        shape = input_shape(read_config(args.config))
    shape = first_shape(shape, ticket.meta.get('input_shape'))
    smaller = compact(ticket, args.multiple)
    found = compare(ticket, smaller, shape)
    smaller.save(out)
    print(comparison_table(found, (osp.getsize(args.ticket), osp.getsize(out)), shape))
    print(f'largest difference of the outputs: {found["difference"]:.1e} of the largest output')
    print(out)
