"""Check the outputs of runtimes for an exported ONNX file, each in an environment of its own.

    mmst export TICKET --format onnx -o ticket.onnx
    python benchmarks/onnx_runtimes.py ticket.onnx --size 128 256

It installs each runtime into a temporary folder, runs the file there on noise, and prints the
largest difference to onnxruntime, relative to the largest output.
"""
import argparse
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

import numpy as np
import onnxruntime

OPENVINO = '''
import sys, numpy as np, openvino
model = openvino.Core().compile_model(
    sys.argv[1], 'CPU', {'INFERENCE_PRECISION_HINT': 'f32'})
np.save(sys.argv[3], model([np.load(sys.argv[2])])[0])
print('openvino', openvino.__version__)
'''
ONNXSIM = '''
import sys, numpy as np, onnx, onnxruntime, onnxsim
model = onnx.load(sys.argv[1])
small, ok = onnxsim.simplify(model)
session = onnxruntime.InferenceSession(small.SerializeToString())
np.save(sys.argv[3], session.run(None, {'image': np.load(sys.argv[2])})[0])
print('onnxsim', onnxsim.__version__, len(model.graph.node), 'nodes,', len(small.graph.node))
'''
#: Name to the packages that it needs and the program that runs the file.
RUNTIMES = dict(openvino=('openvino numpy', OPENVINO),
                onnxsim=('onnxsim onnxruntime onnx numpy', ONNXSIM))


def main() -> None:
    """Install, run, compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('file')
    parser.add_argument('--size', type=int, nargs=2, default=(128, 256))
    parser.add_argument('--only', nargs='+', choices=RUNTIMES, default=list(RUNTIMES))
    args = parser.parse_args()
    image = np.random.default_rng(0).standard_normal((2, 3, *args.size)).astype(np.float32)
    expected = onnxruntime.InferenceSession(args.file).run(None, {'image': image})[0]
    for name in args.only:
        with tempfile.TemporaryDirectory() as folder:
            said = check(name, Path(args.file).resolve(), image, expected, Path(folder))
            print(f'{name}: {said}')


def check(name: str, file: Path, image: np.ndarray, expected: np.ndarray, folder: Path) -> str:
    """Return the verdict of a runtime in a new environment on a file, in words."""
    packages, program = RUNTIMES[name]
    venv.create(folder / 'venv', with_pip=True)
    python = folder / 'venv/bin/python'
    steps = [[python, '-m', 'pip', 'install', '-q', *packages.split()],
             [python, '-c', program, file, folder / 'in.npy', folder / 'out.npy']]
    np.save(folder / 'in.npy', image)
    for step in steps:
        done = subprocess.run([str(part) for part in step], capture_output=True, text=True,
                              check=False)
        if done.returncode:
            return f'fails: {" ".join(done.stderr.split())[-300:]}'
    found = np.load(folder / 'out.npy')
    difference = np.abs(found - expected).max() / np.abs(expected).max()
    return f'{done.stdout.strip()}; differs by {difference:.1e}'


if __name__ == '__main__':
    sys.exit(main())
