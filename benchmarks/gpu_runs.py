"""Trains whole runs on a GPU for ``benchmarks/gpu.py``, by the shipped commands."""
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

from captured import Failed
from gpu_parts import Case, at_least, at_most

from mmst.kernels.graph_group import WITHOUT
from mmst.tickets import Ticket

ROOT = Path(__file__).resolve().parent.parent
FOLDER, CONFIG = ROOT / 'work_dirs/gpu', 'configs/demo/st_hrnas_cityscapes_p90_demo.py'
SPARSITY = 'sparsity of the ticket'
#: The log's words where training goes on without a graph, a kernel, or with a slower one.
FALLBACKS = (*(f'without {what}' for what in WITHOUT.values()), 'and paths run in order',
             'as Triton cannot be used here')
SKIPPED = dict(skipped=['a whole run is left out with --tiny'])


def demo(case: Case) -> dict:
    """Train the Cityscapes demo in mixed precision, from the start to its ticket."""
    if case.tiny:
        return SKIPPED
    took = train('amp', [sys.executable, 'tools/train.py', CONFIG, '--amp'])
    values = outcome(FOLDER / 'amp')
    return dict(values=values, goals=[at_most('from start to ticket', took / 60, 5., 'minutes'),
                                      pruned(values)])


def one_process(case: Case) -> dict:
    """Train the same by ``dist_train.sh`` on one GPU."""
    if case.tiny:
        return SKIPPED
    took = train('distributed', ['bash', 'tools/dist_train.sh', CONFIG, '1', '--amp'])
    values = {'minutes': took / 60, **outcome(FOLDER / 'distributed')}
    return dict(values=values, goals=[pruned(values)])


def kill_and_resume(case: Case) -> dict:
    """Kill a run after its first checkpoint, and resume it to its ticket."""
    if case.tiny:
        return SKIPPED
    command = [sys.executable, 'tools/train.py', CONFIG, '--amp']
    prepare('killed')
    with subprocess.Popen([*command, '--work-dir', str(FOLDER / 'killed')], cwd=ROOT) as process:
        while process.poll() is None and not (FOLDER / 'killed/last_checkpoint').is_file():
            time.sleep(0.2)
        process.kill()
    if not (FOLDER / 'killed/last_checkpoint').is_file():
        raise Failed('the run ended before its first checkpoint')
    took = train('killed', [*command, '--resume'], fresh=False)
    values = {'minutes after the kill': took / 60, **outcome(FOLDER / 'killed')}
    return dict(values=values, goals=[pruned(values)])


def train(name: str, command: list[str], fresh: bool = True) -> float:
    """Return the seconds of a run that left a ticket and replayed its graphs to the end.

    Raises:
        Failed: It did not.
    """
    if fresh:
        prepare(name)
    start = time.perf_counter()
    done = subprocess.run([*command, '--work-dir', str(FOLDER / name)], cwd=ROOT, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    took = time.perf_counter() - start
    check_log(done.returncode, done.stdout)
    return took


def check_log(code: int, text: str) -> None:
    """Raise where a run failed, or went on without a graph.

    Raises:
        Failed: With the line of the log that tells why.
    """
    lines = [line for line in text.splitlines() if line.strip()]
    if code:
        raise Failed(f'the run ended with {code}: {lines[-1] if lines else "it said nothing"}')
    for line in lines:
        if any(words in line for words in FALLBACKS):
            raise Failed(line.strip())


def prepare(name: str) -> None:
    """Generate the demo's data if need be, and remove an earlier run."""
    subprocess.run([sys.executable, 'tools/generate_data.py', 'quiet_streets',
                    'data/demo/quiet_streets', '--train', '192', '--val', '40'], cwd=ROOT,
                   check=True)
    shutil.rmtree(FOLDER / name, ignore_errors=True)


def outcome(folder: Path) -> dict[str, float]:
    """Return the ticket's sparsity, and the last metrics that were logged."""
    ticket = Ticket.load(str(folder / 'ticket.pth'))
    logged: dict[str, float] = {}
    for path in sorted(folder.glob('*/vis_data/scalars.json')):
        for line in path.read_text().splitlines():
            logged |= {key: value for key, value in json.loads(line).items() if key == 'mIoU'}
    return {SPARSITY: ticket.sparsity, **logged}


def pruned(values: dict[str, float]) -> dict:
    """Return the goal that a run has come to its ticket, as sparse as its config asks for."""
    return at_least(SPARSITY, round(values[SPARSITY], 3), 0.9)
