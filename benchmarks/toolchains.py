"""Try the toolchains of others on an exported ticket, each in an environment of its own.

    python benchmarks/toolchains.py street-p90 --size 128 256
    python benchmarks/toolchains.py TICKET --only ncnn executorch --environments environments

It exports the ticket, installs each toolchain, lets it read the file and run it on noise, and
compares with onnxruntime. The record is kept in ``benchmarks/results/toolchains.json`` and ``.md``;
rows of other tickets and toolchains stay.
"""
import argparse
import json
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from machine import machine

RESULTS = Path(__file__).parent / 'results/toolchains.json'
#: Arguments of ``mmst export`` for each kind of file.
FILES = {'18.onnx': ['--format', 'onnx'], '17.onnx': ['--format', 'onnx', '--opset', '17'],
         'program.pt2': ['--format', 'torch']}
#: The first lines of all programs: they read the file of the first word and the images of the
#: second, write outputs to the third and print facts as JSON.
BEGIN = '''
import json, sys, numpy as np
from importlib.metadata import version
file, images, out = sys.argv[1], np.load(sys.argv[2]), sys.argv[3]
def end(found, *packages, **facts):
    np.save(out, found)
    print(json.dumps(dict(facts, versions={name: version(name) for name in packages})))
'''
OPENVINO = '''
import openvino
model = openvino.Core().compile_model(file, 'CPU', {'INFERENCE_PRECISION_HINT': 'f32'})
end(model([images])[0], 'openvino')
'''
ONNXSIM = '''
import onnx, onnxruntime, onnxsim
model = onnx.load(file)
small, ok = onnxsim.simplify(model)
session = onnxruntime.InferenceSession(small.SerializeToString())
end(session.run(None, {'image': images})[0], 'onnxsim', nodes=len(model.graph.node),
    removed=len(model.graph.node) - len(small.graph.node))
'''
NCNN = '''
import collections, pathlib, subprocess, ncnn
size = ','.join(map(str, (1, *images.shape[1:])))
said = subprocess.run([pathlib.Path(sys.executable).parent / 'pnnx', file, f'inputshape=[{size}]',
                       'fp16=0'], capture_output=True, text=True, check=True)
ignored = collections.Counter(line.split()[1] for line in (said.stdout + said.stderr).splitlines()
                              if line.startswith('ignore'))
stem = file.removesuffix('.onnx').replace('.', '_')
stem = stem if pathlib.Path(stem + '.ncnn.param').is_file() else file.removesuffix('.onnx')
net = ncnn.Net()
net.opt.use_fp16_packed = net.opt.use_fp16_storage = net.opt.use_fp16_arithmetic = False
assert not net.load_param(stem + '.ncnn.param'), 'an operator is unknown'
assert not net.load_model(stem + '.ncnn.bin')
extractor = net.create_extractor()
extractor.input('in0', ncnn.Mat(images[0]).clone())
end(np.array(extractor.extract('out0')[1])[None], 'pnnx', 'ncnn', ignored=ignored,
    layers=len(net.layers()))
'''
LITERT = '''
import os, torch, litert_torch
model = litert_torch.convert(torch.export.load(file).module(), (torch.from_numpy(images[:1]), ))
model.export(out + '.tflite')
from ai_edge_litert.interpreter import Interpreter
interpreter = Interpreter(out + '.tflite')
interpreter.allocate_tensors()
interpreter.set_tensor(interpreter.get_input_details()[0]['index'], images[:1])
interpreter.invoke()
end(interpreter.get_tensor(interpreter.get_output_details()[0]['index']), 'litert-torch',
    'ai-edge-litert', 'torch', bytes=os.path.getsize(out + '.tflite'))
'''
EXECUTORCH = '''
import torch
from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
from executorch.devtools.backend_debug import get_delegation_info
from executorch.exir import to_edge_transform_and_lower
from executorch.exir.passes.constant_prop_pass import constant_prop_pass
from executorch.runtime import Runtime
image = (torch.from_numpy(images[:1]), )
program = torch.export.export(torch.export.load(file).module(), image)
edge = to_edge_transform_and_lower(constant_prop_pass(program), partitioner=[XnnpackPartitioner()])
info = get_delegation_info(edge.exported_program().graph_module)
rows = {str(row.op_type): (row.occurrences_in_delegated_graphs,
                           row.occurrences_in_non_delegated_graphs)
        for row in info.get_operator_delegation_dataframe().itertuples()
        if row.op_type not in ('Total', 'getitem')}  # a getitem computes nothing
code = edge.to_executorch().buffer
found = Runtime.get().load_program(code).load_method('forward').execute(image)[0]
end(found.numpy(), 'executorch', 'torch', bytes=len(code), parts=info.num_delegated_subgraphs,
    delegated=sum(int(done) for done, _ in rows.values()),
    left={name: int(left) for name, (_, left) in rows.items() if left})
'''
#: Name to the file that it reads, the packages that it needs and the program that runs the file.
TOOLCHAINS = dict(
    openvino=('18.onnx', 'openvino numpy', OPENVINO),
    onnxsim=('18.onnx', 'onnxsim onnxruntime onnx numpy', ONNXSIM),
    ncnn=('17.onnx', 'pnnx ncnn numpy', NCNN),
    litert=('program.pt2', 'litert-torch numpy', LITERT),
    executorch=('program.pt2', 'executorch torchvision numpy pandas', EXECUTORCH))


def main() -> None:
    """Export, install, run, compare, write the record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('ticket', help='a file, or a name as of mmst.load')
    parser.add_argument('--size', type=int, nargs=2, default=(128, 256))
    parser.add_argument('--only', nargs='+', choices=TOOLCHAINS, default=list(TOOLCHAINS))
    parser.add_argument('--environments', type=Path, help='keep them there, one folder a '
                        'toolchain; those that are there are used')
    args = parser.parse_args()
    image = np.random.default_rng(0).standard_normal((2, 3, *args.size)).astype(np.float32)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        np.save(folder / 'in.npy', image)
        for file in sorted({TOOLCHAINS[tool][0] for tool in args.only} | {'18.onnx'}):
            subprocess.run([sys.executable, '-m', 'mmst', 'export', args.ticket, *FILES[file],
                            '--shape', *map(str, args.size), '-o', folder / file], check=True)
        session = onnxruntime.InferenceSession(folder / '18.onnx')
        expected = session.run(None, {'image': image})[0]
        for tool in args.only:
            row = attempt(tool, folder, expected, args.environments or folder)
            keep(dict(ticket=Path(args.ticket).name, size=list(args.size), toolchain=tool, **row,
                      machine=machine()))
            print(tool, row, flush=True)


def attempt(tool: str, folder: Path, expected: np.ndarray, environments: Path) -> dict[str, Any]:
    """Return what a toolchain makes of its file: facts and the difference, or its error."""
    file, packages, program = TOOLCHAINS[tool]
    place, out = environments / tool, folder / f'{tool}.npy'
    if not place.is_dir():
        venv.create(place, with_pip=True)
        subprocess.run([place / 'bin/python', '-m', 'pip', 'install', '-q', *packages.split()],
                       check=True)
    begin = time.time()
    done = subprocess.run([place / 'bin/python', '-W', 'ignore', '-c', BEGIN + program,
                           folder / file, folder / 'in.npy', out], capture_output=True, text=True,
                          check=False)
    row: dict[str, Any] = dict(file=file, seconds=round(time.time() - begin))
    if done.returncode:
        return dict(row, error=' '.join(done.stderr.split())[-400:])
    found = np.load(out)
    error = np.abs(found - expected[:len(found)]).max() / np.abs(expected).max()
    return dict(row, **json.loads(done.stdout.splitlines()[-1]), difference=float(error))


def keep(row: dict[str, Any]) -> None:
    """Put a row into the record, in the place of an older one."""
    def place(one: dict[str, Any]) -> list:
        return [one[key] for key in ('ticket', 'size', 'toolchain')]

    rows = json.loads(RESULTS.read_text()) if RESULTS.is_file() else []
    rows = sorted([one for one in rows if place(one) != place(row)] + [row], key=place)
    RESULTS.write_text(json.dumps(rows, indent=1) + '\n')
    RESULTS.with_suffix('.md').write_text(markdown(rows))


def markdown(rows: list[dict[str, Any]]) -> str:
    """Return the record as a table."""
    lines = ['# Toolchains of others', '', 'Differences are relative to the largest output of '
             'onnxruntime.', '', '| ticket | size | toolchain | file | differs by | found |',
             '| --- | --- | --- | --- | --- | --- |']
    for row in rows:
        versions = ', '.join(f'{name} {number}' for name, number in row.get('versions', {}).items())
        error = f'{row["difference"]:.1e}' if 'difference' in row else 'fails'
        lines.append(f'| {row["ticket"]} | {"x".join(map(str, row["size"]))} | '
                     f'{versions or row["toolchain"]} | {row["file"]} | {error} | {facts(row)} |')
    return '\n'.join([*lines, ''])


def facts(row: dict[str, Any]) -> str:
    """Return in words what a toolchain has said of its file."""
    if 'error' in row:
        return row['error'].replace('|', '/')
    found = []
    if 'removed' in row:
        found.append(f'{row["removed"]} of {row["nodes"]:,} nodes removed')
    if 'layers' in row:
        found.append(f'{row["layers"]:,} layers; parameters ignored: {row["ignored"] or "none"}')
    if 'delegated' in row:
        left = sum(row['left'].values())
        names = ', '.join(f'{count} {name}' for name, count in sorted(
            row['left'].items(), key=lambda item: -item[1]))
        found.append(f'{row["delegated"]:,} of {row["delegated"] + left:,} nodes delegated to '
                     f'XNNPACK ({row["delegated"] / (row["delegated"] + left):.0%}), in '
                     f'{row["parts"]} parts; not: {names}')
    if 'bytes' in row:
        found.append(f'{row["bytes"]:,} bytes')
    return '; '.join(found)


if __name__ == '__main__':
    main()
