"""Train a config: two-in-one search and pruning, or anything else that mmengine trains.

One tool for mmsegmentation, mmpretrain, mmpose and mmdetection. Settings are checked before
anything is written.
"""
import argparse

from .common import add_common_arguments, add_rehearsal_argument


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the subcommand."""
    parser.add_argument('config', help='config file')
    add_common_arguments(parser)
    add_rehearsal_argument(parser)
    parser.add_argument(
        '--resume', nargs='?', const='auto', metavar='PATH',
        help='go on from a checkpoint; without PATH from the last one in the work dir, or, where '
        'there is none, start as the config says')
    parser.add_argument('--amp', action='store_true',
                        help='train in mixed precision: in bfloat16 on CPUs and on GPUs that '
                        'have it, in float16 on others')
    parser.add_argument('--auto-scale-lr', action='store_true',
                        help='scale the learning rate by the total batch size over the config\'s')
    parser.add_argument('--no-validate', action='store_true', help='no evaluation during training')
