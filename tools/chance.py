"""Score a constant answer on a config's validation data: the most frequent class, the mean pose."""
import json
import os.path as osp
import sys
import warnings

warnings.filterwarnings('ignore', 'pkg_resources is deprecated')

from mmengine.registry import DefaultScope

import mmst  # noqa: F401  first: it prepares OpenMMLab's packages
from mmst import cli, files
from mmst.engine.rehearsal import checks as preflight
from mmst.engine.run.training import read_config
from mmst.lab.constant_answer import constant_answer


def parse_args(args=None):
    """Read the command line."""
    parser = cli.Parser(prog='chance.py', description=__doc__)
    parser.add_argument('config', help='config file')
    cli.add_common_arguments(parser)
    return parser.parse_args(args)


def score(args) -> None:
    """Check the data, count, print and save ``chance.json``."""
    cfg = read_config(args, 'chance')
    with DefaultScope.overwrite_default_scope(cfg.get('default_scope')):
        preflight.check_data(cfg, ('val', ))
        metrics = constant_answer(cfg)
    path = osp.join(cfg.work_dir, 'chance.json')
    files.write_bytes(path, (json.dumps(dict(metrics=metrics), indent=2) + '\n').encode())
    print(', '.join(f'{name} {value:.2f}' for name, value in metrics.items()) + f' ({path})')


def main(args=None) -> int:
    """The tool; returns its exit code."""
    args = parse_args(args)
    return cli.run('chance.py', lambda: score(args))


if __name__ == '__main__':
    sys.exit(main())
