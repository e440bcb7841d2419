"""Draw predictions of several tickets side by side, on images, videos or validation data."""
import argparse
from pathlib import Path

from .common import add_import_argument


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the subcommand."""
    parser.add_argument('config', help='config file of the tickets\' task')
    parser.add_argument('tickets', nargs='+', metavar='ticket',
                        help='TICKET.pth or TICKET.sparse, compact or not; one a column')
    parser.add_argument('--images', nargs='+', metavar='PATH',
                        help='images, folders of images, videos')
    parser.add_argument('--indices', nargs='+', type=int, metavar='N',
                        help='images of the config\'s validation data, with their labels')
    parser.add_argument('-o', '--out', metavar='PATH', type=Path, default=Path('visualize'),
                        help='an image file, a video file (.mp4) or a folder (default: visualize)')
    parser.add_argument('--labels', nargs='+', metavar='TEXT', help='above the columns; names and '
                        'sparsities of the tickets by default')
    parser.add_argument('--boxes', metavar='FILE.json', help='key points: boxes of people as COCO '
                        'detection results; whole images by default')
    parser.add_argument('--threshold', type=float, default=0.3,
                        help='key points: score from which one is drawn (default: 0.3)')
    parser.add_argument('--opacity', type=float, default=0.6,
                        help='segmentation: of the map over the image (default: 0.6)')
    parser.add_argument('--width', type=int, default=320, help='pixels of a column (default: 320)')
    parser.add_argument('--rows', type=int, default=8, help='images a picture (default: 8)')
    parser.add_argument('--device', help='cpu, cuda:0, …; a GPU by default, if there is one')
    add_import_argument(parser)
