"""Write a ticket in another format and check the file against the ticket."""
import argparse

from .common import add_import_argument

ENDINGS = dict(onnx='.onnx', torch='.pt2', sparse='.sparse', safetensors='.safetensors', pth='.pth',
               c='_c')
#: Arguments that a format has no use for.
UNUSED = dict(onnx=('int8', ), torch=('opset', 'int8'), c=('opset', 'shape', 'images', 'as_is'),
              **dict.fromkeys(('sparse', 'safetensors', 'pth'),
                              ('opset', 'shape', 'images', 'as_is', 'int8')))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the subcommand."""
    parser.add_argument('ticket', help='TICKET.pth, .sparse or .safetensors of a finished run')
    parser.add_argument('--format', choices=ENDINGS, required=True,
                        help='onnx; torch: a program of torch.export; sparse: kept weights and '
                        'their positions; safetensors, pth: the ticket itself, without or with '
                        'pickle; c: the sources and weights of a C library')
    parser.add_argument('-o', '--out', metavar='FILE', help='TICKET.onnx, .pt2, … by default; a '
                        'folder for c')
    parser.add_argument('--shape', type=int, nargs='+', metavar='N',
                        help='height and width of the images; the ticket\'s by default')
    parser.add_argument('--opset', type=int, help='of ONNX (default: 18)')
    parser.add_argument('--int8', action='store_true', help='weights of the C library: with eight '
                        'bits each')
    parser.add_argument('--as-is', action='store_true', help='do not compact the network first')
    parser.add_argument('--images', metavar='DIR', help='images to check the file with; noise by '
                        'default')
    add_import_argument(parser)
