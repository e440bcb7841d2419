"""Carries ``mmst share`` out."""
import argparse
from pathlib import Path
from typing import Any

import torch

from ..deploy.channels import channels_of
from ..deploy.open import open_ticket
from ..errors import config_error
from ..lab.demo.speed import attempt, milliseconds, sparse_engine
from ..lab.machine import machine
from ..settings.kept_inputs import keep_inputs
from ..tickets import Ticket
from ..tickets.hub import FILES as FOLDER_FILES
from ..tickets.hub import keep_readme
from .run_summary import known_facts, summary_of
from .waiting import waiting


def run(args: argparse.Namespace) -> None:
    """Collect the facts, write the folder or put it on the hub, say where it is."""
    for name in ('private', 'revision'):
        if args.out and getattr(args, name):
            raise config_error(f'--{name}', getattr(args, name), 'has no effect with --out',
                               'omit it')
    if args.out:
        keep_readme(args.out)
        for name in FOLDER_FILES:
            keep_inputs('--out', Path(args.out, name), args.ticket, summary_of(args.ticket))
    ticket = open_ticket(args.ticket)
    channels = channels_of(ticket, ticket.build())  # nobody could use one that contradicts itself
    facts = known_facts(args.ticket, ticket)
    if not args.no_timing:
        facts.update(measure_speed(ticket, facts['input_shape'], channels))
    if args.out:
        ticket.save_pretrained(args.out, facts)
        print(f'{args.out}: ticket.safetensors, ticket.json and README.md; to load it:\n  '
              f'mmst.load({args.out!r})')
        return
    with waiting(f'sending it to {args.to}'):
        address = ticket.push_to_hub(args.to, facts, private=args.private or None,
                                     revision=args.revision)
    print(f'{address}; to load it:\n  mmst.load({"hf:" + args.to.removeprefix("hf:")!r})')


def measure_speed(ticket: Ticket, shape: tuple[int, int], channels: int) -> dict[str, Any]:
    """Return milliseconds of the sparse engine and of torch, and the machine; none where the engine
    has no use for the network.
    """
    fast, problem = attempt(lambda: sparse_engine(ticket))
    if fast is None:
        print(f'no milliseconds: {problem}')
        return {}
    network = ticket.build()
    image = torch.zeros(1, channels, *shape)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        size = 'x'.join(map(str, shape))
        times = milliseconds({f'sparse engine, {size}, one thread': fast,
                              f'torch, {size}, one thread': network}, image)
    finally:
        torch.set_num_threads(threads)
    return dict(milliseconds=times, machine=machine())
