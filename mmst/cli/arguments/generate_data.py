"""Write a generated data set in the on-disk format of the real one."""
import argparse

#: Those of mmst.lab.scenes, which needs torch.
DATASETS = ('cityscapes', 'cityscapes_boxes', 'quiet_streets', 'ade20k', 'quiet_places', 'imagenet',
            'few_objects', 'coco', 'quiet_people')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the subcommand."""
    parser.add_argument('dataset', choices=DATASETS, metavar='DATASET',
                        help=', '.join(DATASETS))
    parser.add_argument('out', help='folder to make')
    parser.add_argument('--size', type=int, nargs=2, metavar=('H', 'W'), help='pixels')
    parser.add_argument('--train', type=int, metavar='N', help='number of training images')
    parser.add_argument('--val', type=int, metavar='N', help='number of validation images')
    parser.add_argument('--seed', type=int, default=0, metavar='S')
    parser.add_argument('--replace', action='store_true',
                        help='make room where data of other parameters lie')
