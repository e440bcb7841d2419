"""Carries ``mmst cost`` out."""
import argparse
import json
import os.path as osp

from .. import files
from ..deploy.open import check_shape, open_ticket
from ..deploy.ticket_cost import CostReport, config_cost, ticket_costs
from ..engine.explain import Places, explaining
from ..engine.run.config_file import read_config
from ..openmmlab.toolbox import check_toolbox
from ..settings.shape import first_shape, input_shape
from .levels import name_level


def report(args) -> CostReport:
    """Return the costs of the network that the command line names."""
    shape = check_shape(args.shape)
    if osp.splitext(args.file)[1] != '.py':
        ticket = open_ticket(args.file)
        name_level(ticket, args.file)
        return ticket_costs(ticket, shape)
    cfg = read_config(args.file)
    check_toolbox(cfg)
    shape = first_shape(shape, input_shape(cfg))
    with explaining(Places(cfg), 'model'):
        return CostReport(shape, config_cost(cfg.model, shape, cfg.get('default_scope')))


def run(args: argparse.Namespace) -> None:
    """Print the table, write the file."""
    found = report(args)
    print(found.table(args.by))
    if args.out:
        files.write_bytes(args.out, (json.dumps(found.to_dict(), indent=2) + '\n').encode())
