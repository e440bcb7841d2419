"""Compare C libraries with weights of eight bits and of single precision: accuracy and size.

    mmst generate-data quiet_streets data/street --train 480 --val 100
    python benchmarks/c_library_accuracy.py data/street

All label the validation pictures themselves, from bytes to classes; the third has the weights of
the sparse file of eight bits, and the bytes are that file's. The record goes to
``benchmarks/results/c_library_accuracy.json`` and ``.md``.
"""
import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from c_library import ROOT, build
from machine import machine
from mmseg.datasets import CityscapesDataset
from PIL import Image

from mmst.deploy.export import save_sparse
from mmst.deploy.export.int8 import in_int8
from mmst.deploy.find import find_ticket

NORMALISE, RESIZE = 1, 2


def main() -> None:
    """Measure and write the record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('data', type=Path, help='folder of generated pictures')
    parser.add_argument('--ticket', default='street-p90')
    args = parser.parse_args()
    ticket = find_ticket(args.ticket)
    names = [str(name) for name in ticket.meta['dataset_meta']['classes']]
    kept = sum(int(t.count_nonzero()) for t in ticket.state_dict.values()
               if t.is_floating_point())
    pictures = sorted((args.data / 'leftImg8bit/val').rglob('*.png'))
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        for number, (weights, held, int8) in enumerate((
                ('float32', ticket, False), ('int8', ticket, True),
                ('int8, sparse file', in_int8(ticket), False))):
            place = Path(folder) / str(number)
            library = build(held, place, 1, int8)
            file = place / 'weights.bin'
            if held is not ticket:
                save_sparse(ticket, file := place / 'ticket.sparse', int8=True)
            rows.append(dict(weights=weights, miou=miou(library, pictures, names),
                             bytes=file.stat().st_size))
    record = dict(ticket=args.ticket, pictures=len(pictures), kept=kept, machine=machine(),
                  rows=rows)
    path = ROOT / 'benchmarks/results/c_library_accuracy.json'
    path.write_text(json.dumps(record, indent=2) + '\n')
    path.with_suffix('.md').write_text(markdown(record))
    print(markdown(record))


def miou(library: Any, pictures: list[Path], names: list[str]) -> float:
    """Return the mean intersection over union in percent, as mmseg's IoUMetric counts it."""
    known = CityscapesDataset.METAINFO['classes']
    own = np.full(256, 255)
    own[[known.index(name) for name in names]] = range(len(names))
    counts = np.zeros((len(names), len(names)), np.int64)
    for picture in pictures:
        image = np.asarray(Image.open(picture).convert('RGB'))
        label = str(picture).replace('leftImg8bit', 'gtFine')[:-len('.png')]
        truth = own[np.asarray(Image.open(f'{label}_labelTrainIds.png'))]
        found, there = library.labels(image.transpose(2, 0, 1), NORMALISE | RESIZE), truth < 255
        counts += np.bincount(truth[there] * len(names) + found[there],
                              minlength=counts.size).reshape(counts.shape)
    hit = counts.diagonal()
    return float(100 * np.mean(hit / (counts.sum(0) + counts.sum(1) - hit)))


def markdown(record: dict[str, Any]) -> str:
    """Return the record as a table."""
    lines = [f'`{record["ticket"]}`, {record["pictures"]} validation pictures, '
             f'{record["kept"]:,} parameters that are not 0, {record["machine"]["cpu"]}:', '',
             '| weights | mIoU | bytes | a parameter |', '| --- | --- | --- | --- |']
    lines += [f'| {r["weights"]} | {r["miou"]:.2f} | {r["bytes"]:,} | '
              f'{r["bytes"] / record["kept"]:.2f} |' for r in record['rows']]
    return '\n'.join([*lines, ''])


if __name__ == '__main__':
    main()
