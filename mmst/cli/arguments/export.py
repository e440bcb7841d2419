"""Write a ticket in another format and check the file against the ticket."""
import argparse

from .common import add_import_argument

ENDINGS = dict(onnx='.onnx', torch='.pt2', sparse='.sparse', safetensors='.safetensors', pth='.pth',
               c='_c')
#: Arguments that a format has no use for.
_ONNX = ('opset', 'half', 'sparse_weights', 'attention', 'fixed_size', 'with_preprocessing')
UNUSED = dict(onnx=('int8', ), torch=(*_ONNX, 'int8'), c=(*_ONNX, 'shape', 'images', 'as_is'),
              sparse=(*_ONNX, 'shape', 'images', 'as_is'),
              **dict.fromkeys(('safetensors', 'pth'),
                              (*_ONNX, 'shape', 'images', 'as_is', 'int8')))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the subcommand."""
    parser.add_argument('ticket', help='TICKET.pth, .sparse or .safetensors of a finished run')
    parser.add_argument('--format', choices=ENDINGS, required=True,
                        help='onnx; torch: a program of torch.export; sparse: kept weights and '
                        'their positions; safetensors, pth: the ticket itself, without or with '
                        'pickle; c: the sources and weights of a C library')
    parser.add_argument('-o', '--out', metavar='FILE', help='TICKET.onnx, .pt2, … by default, '
                        'with --level TICKET_LEVEL.onnx, …, with --int8 TICKET_int8.sparse; a '
                        'folder for c')
    parser.add_argument('--level', type=float, metavar='P', help='of a family.pth: the sparsity '
                        'of the level to write, e.g. 0.9; the loosest by default, and all of them '
                        'for safetensors and pth')
    parser.add_argument('--shape', type=int, nargs='+', metavar='N',
                        help='height and width of the images; the ticket\'s by default')
    parser.add_argument('--opset', type=int, help='of ONNX, from 13 on (default: 18)')
    parser.add_argument('--half', action='store_true', help='ONNX in half precision, but for its '
                        'inputs and outputs')
    parser.add_argument('--sparse-weights', action='store_true', help='ONNX without the zeros of '
                        'its weights, for runtimes that read sparse_initializer')
    parser.add_argument('--attention', action='store_true', help='ONNX with the operator '
                        'Attention, from opset 23 on')
    parser.add_argument('--fixed-size', action='store_true', help='ONNX for images of one height '
                        'and width')
    parser.add_argument('--with-preprocessing', action='store_true', help='ONNX that takes uint8 '
                        'pixels, blue first, and normalises them')
    parser.add_argument('--int8', action='store_true', help='C library or sparse file with weights '
                        'of eight bits')
    parser.add_argument('--as-is', action='store_true', help='do not compact the network first')
    parser.add_argument('--images', metavar='DIR', help='images to check the file with; noise by '
                        'default')
    add_import_argument(parser)
