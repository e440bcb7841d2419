"""Carries ``mmst metafiles`` out."""
import argparse
from pathlib import Path

import yaml
from mmengine.config import Config

from .. import files
from ..errors import config_error
from ..lab.metafile import metafile
from .places import PACKAGED, ROOT

#: Folder below configs/ to the name of its collection.
COLLECTIONS = {
    '.': 'SuperTickets', 'ablation': 'SuperTickets ablation', 'baselines': 'SuperTickets baselines',
    'demo': 'SuperTickets demo', 'lottery': 'SuperTickets lottery settings',
    'transfer': 'SuperTickets transfer'}
NOTE = '# Written by `mmst metafiles`.\n'


def run(args: argparse.Namespace) -> None:
    """Write one metafile a folder, and the index that names them."""
    if args.root is None and ROOT == PACKAGED:
        raise config_error('--root', None, 'this is no checkout', 'give a folder to write to')
    root, names = args.root or ROOT, []
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
