"""Measures how long `import mmst` takes beyond `import torch, mmengine`, and `mmst --help`.

    python benchmarks/import_time.py [--repeat 5]

Each measurement is a fresh interpreter; the medians are printed.
"""
import argparse
import platform
import statistics
import subprocess
import sys
import time

BEFORE = 'import torch, mmengine'
CODE = f'{BEFORE}\nimport time\nbegin = time.perf_counter()\nimport {{}}\n' \
    'print(time.perf_counter() - begin)'


def beyond(module: str) -> float:
    """Return the seconds of importing a module after torch and mmengine."""
    return float(subprocess.run([sys.executable, '-W', 'ignore', '-c', CODE.format(module)],
                                check=True, capture_output=True, text=True).stdout)


def whole(*words: str) -> float:
    """Return the seconds of a whole call of Python."""
    begin = time.perf_counter()
    subprocess.run([sys.executable, '-W', 'ignore', *words], check=True, capture_output=True)
    return time.perf_counter() - begin


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--repeat', type=int, default=5, help='interpreters each (default: 5)')
    repeat = parser.parse_args().repeat
    measured = {
        f'{BEFORE}, as a whole call': lambda: whole('-c', BEFORE),
        'import mmst beyond it': lambda: beyond('mmst'),
        'import mmst.engine beyond it': lambda: beyond('mmst.engine'),
        'mmst --help, as a whole call': lambda: whole('-m', 'mmst', '--help'),
        'mmst train --help, as a whole call': lambda: whole('-m', 'mmst', 'train', '--help')}
    for name, measure in measured.items():
        print(f'{name}: {statistics.median(measure() for _ in range(repeat)):.3f} s', flush=True)
    print(f'Python {platform.python_version()}, {platform.machine()}')


if __name__ == '__main__':
    main()
