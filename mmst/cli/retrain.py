"""Carries ``mmst retrain`` out."""
import argparse

from ..engine.run.command_line import configure, resume_here
from ..engine.run.retrain import retraining_config
from ..engine.training import train


def run(args: argparse.Namespace) -> None:
    """Check, then train with the mask fixed."""
    cfg = configure(args, 'retrain')
    cfg = retraining_config(cfg, ticket=args.ticket, checkpoint=args.from_checkpoint,
                            epochs=args.epochs)
    if args.resume:
        cfg = resume_here(cfg)
    train(cfg)
