"""Write model-index.yml and the metafiles of all configs anew."""
import sys
import warnings
from pathlib import Path

warnings.filterwarnings('ignore', 'pkg_resources is deprecated')

import yaml
from mmengine.config import Config

import mmst  # noqa: F401  first: it prepares OpenMMLab's packages
from mmst import cli, files
from mmst.lab.metafile import metafile

ROOT = Path(__file__).resolve().parents[1]
#: Folder below configs/ to the name of its collection.
COLLECTIONS = {
    '.': 'SuperTickets', 'ablation': 'SuperTickets ablation', 'baselines': 'SuperTickets baselines',
    'demo': 'SuperTickets demo', 'lottery': 'SuperTickets lottery settings',
    'transfer': 'SuperTickets transfer'}
NOTE = '# Written by tools/metafiles.py.\n'


def parse_args(args=None):
    """Read the command line."""
    parser = cli.Parser(prog='metafiles.py', description=__doc__)
    parser.add_argument('--root', type=Path, default=ROOT, metavar='DIR',
                        help='where to write; the repository by default')
    return parser.parse_args(args)


def write(root: Path) -> None:
    """Write one metafile a folder, and the index that names them."""
    names = []
    for folder, collection in COLLECTIONS.items():
        paths = sorted((ROOT / 'configs' / folder).glob('*.py'))
        configs = {path.relative_to(ROOT).as_posix(): Config.fromfile(path) for path in paths}
        names.append((Path('configs') / folder / 'metafile.yml').as_posix())
        dump(root / names[-1], metafile(collection, configs))
    dump(root / 'model-index.yml', dict(Import=names))
    print(f'{len(names)} metafiles and model-index.yml in {root}')


def dump(path: Path, content) -> None:
    """Write a YAML file whole."""
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=100)
    files.write_bytes(path, (NOTE + text).encode())


def main(args=None) -> int:
    """The tool; returns its exit code."""
    args = parse_args(args)
    return cli.run('metafiles.py', lambda: write(args.root))


if __name__ == '__main__':
    sys.exit(main())
