"""The command for a GPU: order, records, resuming, what fails; its parts at a small size."""
import json
import time
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import captured
import gpu
import gpu_parts
import gpu_runs
import gpu_searches
import pytest
import torch
from captured import Failed
from gpu_parts import Case
from gpu_searches import ConvolutionPlans
from graphs import stand_in
from torch import nn

from mmst.engine import FastTrainingHook
from mmst.kernels import graphed
from mmst.kernels.graph_group import IN_ORDER, OFF, WITHOUT
from mmst.kernels.graphed import GraphedForward
from mmst.kernels.side_streams import SideStreams

TINY = ['--device', 'cpu', '--tiny']
on_cpu = pytest.mark.skipif(torch.cuda.is_available(), reason='of machines without a GPU')


@pytest.fixture(scope='module')
def path(tmp_path_factory):
    return tmp_path_factory.mktemp('gpu') / 'gpu.json'


@on_cpu
def test_without_a_gpu_one_line_says_so(capsys, tmp_path):
    assert gpu.main(['--results', str(tmp_path / 'gpu.json')]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_a_cpu_measures_nothing_for_the_record(capsys):
    with pytest.raises(SystemExit):
        gpu.main(['--device', 'cpu'])
    assert '--tiny' in capsys.readouterr().err
    assert gpu.parse_args(TINY).results != gpu.RESULTS


@pytest.mark.by_turns(4)
@on_cpu
def test_all_parts_run_at_a_small_size(path):
    assert gpu.main([*TINY, '--results', str(path)]) == 0
    found = json.loads(path.read_text())
    assert list(found) == list(gpu.PARTS)
    for name, part in found.items():
        assert part.get('goals') or part.get('rows') or part.get('skipped'), name
        assert part['rounds'] == 2 and part['machine']['gpu'] == 'none'
    assert {row['form'] for row in found['images a second']['rows']} == {'eager', 'TorchScript'}
    page = path.with_suffix('.md').read_text()
    assert '| step | a step |' in page and 'make_graphed_callables needs a GPU' in page


@pytest.fixture
def two_parts(monkeypatch):
    """Two parts that count their calls; the second one fails as ``calls.error`` says."""
    calls = SimpleNamespace(names=[], error=None)

    def part(case, name):
        calls.names.append(name)
        if name == 'second' and calls.error is not None:
            raise calls.error
        return dict(goals=[gpu_parts.at_most('a step', 30., 35., 'ms')])

    monkeypatch.setattr(gpu, 'PARTS', {name: (part, dict(name=name))
                                       for name in ('first', 'second')})
    return calls


@on_cpu
@pytest.mark.parametrize('error', [Failed('Backbone ran without a CUDA graph: why'),
                                   RuntimeError('Backbone ran without a CUDA graph: why')])
def test_a_failed_part_runs_again_and_a_finished_one_does_not(two_parts, tmp_path, error):
    path, two_parts.error = tmp_path / 'gpu.json', error
    arguments = [*TINY, '--results', str(path)]
    assert gpu.main(arguments) == 1
    assert 'without a CUDA graph: why' in json.loads(path.read_text())['second']['failed']
    assert '| second | failed: ' in path.with_suffix('.md').read_text()
    two_parts.error = None
    assert gpu.main(arguments) == 0
    assert two_parts.names == ['first', 'second', 'second']
    assert gpu.main(arguments) == 0 and len(two_parts.names) == 3
    assert gpu.main([*arguments, '--again']) == 0 and len(two_parts.names) == 5
    assert gpu.main([*arguments, '--rounds', '3']) == 0 and len(two_parts.names) == 7


@on_cpu
def test_records_of_another_card_are_measured_again(two_parts, tmp_path):
    path = tmp_path / 'gpu.json'
    arguments = [*TINY, '--results', str(path)]
    gpu.main(arguments)
    found = json.loads(path.read_text())
    found['first']['machine']['gpu'] = 'another card'
    path.write_text(json.dumps(found))
    gpu.main(arguments)
    assert two_parts.names == ['first', 'second', 'first']


def test_a_part_that_dies_or_hangs_is_recorded_as_failed(monkeypatch, tmp_path):
    args = gpu.parse_args(['--tiny', '--results', str(tmp_path / 'gpu.json'), '--limit', '4'])
    script = tmp_path / 'dies.py'
    script.write_text('raise SystemExit(1)')
    monkeypatch.setattr(gpu, '__file__', str(script))
    gpu.measure_apart('step', args)
    assert 'not come to its end' in gpu.recorded(args.results)['step']['failed']
    pid = tmp_path / 'pid'
    script.write_text('import subprocess\n'
                      'run = subprocess.Popen(["sleep", "60"])\n'
                      f'open({str(pid)!r}, "w").write(str(run.pid))\n'
                      'run.wait()')
    gpu.measure_apart('step', args)
    assert 'more than 4 s' in gpu.recorded(args.results)['step']['failed']
    assert ended(int(pid.read_text()))


def ended(pid):
    """Whether a process has ended within five seconds; a zombie has."""
    status = Path(f'/proc/{pid}/stat')
    for _ in range(50):
        if not status.is_file() or status.read_text().rpartition(')')[2].split()[0] == 'Z':
            return True
        time.sleep(0.1)
    return False


# ------------------------------------------------------------------ forms that were captured


class Unsteady(nn.Sequential):
    """Returns what no graph can return."""

    def forward(self, x):
        return dict(x=super().forward(x))


def replayed(kind, monkeypatch):
    """A part after four training passes."""
    stand_in(monkeypatch)
    monkeypatch.setattr(captured, 'DEVICE', 'cuda')
    module = kind(nn.Linear(3, 3)).train()
    module.forward = forward = GraphedForward(module)
    for _ in range(4):
        module(torch.ones(2, 3))
    return forward


def test_a_form_that_was_captured_passes(monkeypatch):
    forward = replayed(nn.Sequential, monkeypatch)
    captured.check_captured([forward])
    forward.group.saved = OFF
    with pytest.raises(Failed, match='Sequential ran without a CUDA graph'):
        captured.check_captured([forward])


def test_a_form_that_was_not_captured_fails_with_the_reason(monkeypatch):
    with pytest.raises(Failed, match='Unsteady ran without a CUDA graph: it returns dict'):
        captured.check_captured([replayed(Unsteady, monkeypatch)])
    with pytest.raises(Failed, match='no part'):
        captured.check_captured([])


def test_a_form_whose_paths_run_in_order_fails_where_they_should_not(monkeypatch):
    forward = replayed(nn.Sequential, monkeypatch)
    captured.check_forked([forward], False)
    with pytest.raises(Failed, match='paths ran in order: a CPU has no streams'):
        captured.check_forked([forward], True)
    forward.group.sides = SideStreams()
    captured.check_forked([forward], True)
    for line in (f'Training HRNASSupernet without {WITHOUT[IN_ORDER]}: out of memory',
                 'FastTrainingHook.streams = True: the allocator is cudaMallocAsync, so that '
                 'branches and paths run in order. Remedy: set streams=False',
                 'Depthwise convolutions are computed by torch, as Triton cannot be used here (no '
                 'compiler). Remedy: install gcc'):
        with pytest.raises(Failed):
            gpu_runs.check_log(0, line)


@pytest.fixture
def of_gpu(monkeypatch, tmp_path):
    """A run without graphs, whose figures would count as a GPU's."""
    run = SimpleNamespace(hooks=[FastTrainingHook()], work_dir=str(tmp_path / 'none'))
    monkeypatch.setattr(captured, 'DEVICE', 'cuda')
    monkeypatch.setattr(Case, 'runner', lambda *_, **__: run)
    monkeypatch.setattr(gpu_parts, 'measure', lambda *_: {})
    for name in ('step', 'weaken', 'weaken_one', 'pass_eagerly', 'find_hook'):
        monkeypatch.setattr(gpu_searches, name, mock.MagicMock())
    monkeypatch.setattr(gpu_searches, 'one_search', lambda *_: {})
    return run


@pytest.mark.parametrize('part', [
    lambda case: gpu_parts.step_form(case, 'all', 35.), lambda case: gpu_parts.batch_form(
        case, False), gpu_parts.overhead, gpu_searches.events, gpu_searches.flat_memory],
    ids=['step', 'batch', 'overhead', 'search', 'memory'])
def test_parts_of_training_fail_where_nothing_was_captured(of_gpu, part):
    with pytest.raises(Failed, match='no part of the network was given to CUDA graphs'):
        part(Case(True, 1))


def test_steps_fail_where_paths_run_in_order(of_gpu, monkeypatch):
    part = SimpleNamespace(group=SimpleNamespace(sides=None))
    monkeypatch.setattr(gpu_parts, 'check_captured', lambda parts: None)
    monkeypatch.setattr(gpu_parts, 'graphs', lambda run: [part])
    with pytest.raises(Failed, match='paths ran in order'):
        gpu_parts.step_form(Case(True, 1), 'all', 35.)


def test_logs_of_runs_that_went_on_without_a_graph_fail():
    gpu_runs.check_log(0, 'Epoch 1\nEpoch 2\n')
    with pytest.raises(Failed, match='Training HRNASSupernet without a CUDA graph: out of memory'):
        gpu_runs.check_log(0, 'Epoch 1\nTraining HRNASSupernet without a CUDA graph: '
                              'out of memory\nEpoch 2\n')
    with pytest.raises(Failed, match='ended with 3: Broken'):
        gpu_runs.check_log(3, 'Epoch 1\nBroken\n')


@pytest.mark.by_turns(3)
@pytest.mark.parametrize('rows', [lambda i: 2 + i % 3, lambda i: 2 + i // 2 % 8])
def test_logs_of_parts_whose_graphs_are_of_no_use_fail(monkeypatch, rows):
    """Shapes that change at each pass, and ever new ones that come twice each."""
    printed = []
    monkeypatch.setattr(graphed, 'print_log', lambda text, *_: printed.append(text))
    forward = replayed(nn.Sequential, monkeypatch)
    gpu_runs.check_log(0, '\n'.join(printed))
    for i in range(60):
        forward.module(torch.ones(rows(i), 3)).sum().backward()
    with pytest.raises(Failed, match='Training Sequential without a CUDA graph'):
        gpu_runs.check_log(0, '\n'.join(printed))
    for line in printed:  # by itself, too
        with pytest.raises(Failed):
            gpu_runs.check_log(0, line)


def test_a_convolution_is_planned_once_for_each_shape():
    plans, conv, image = ConvolutionPlans(), nn.Conv2d(3, 4, 3), torch.ones(1, 3, 8, 8)
    with plans:
        conv(image).sum().backward()
    known = set(plans.keys)
    assert {key[0] for key in known} == {'convolution', 'convolution_backward'}
    with plans:
        conv(image).sum().backward()
    assert plans.keys == known
    with plans:
        nn.Conv2d(3, 5, 3)(image).sum().backward()
    assert len(plans.keys) == 2 * len(known)


def test_tiny_cases_are_small():
    assert Case(True, 2).size(4, 512, 1024) == (2, 32, 64)
    assert Case(False, 150).size(4, 512, 1024) == (4, 512, 1024)


@pytest.mark.parametrize('found, met', [(0.9000001, True), (0.89996, True), (0.6, False)])
def test_a_runs_ticket_is_to_be_as_sparse_as_its_config_asks(found, met):
    assert gpu_runs.pruned({gpu_runs.SPARSITY: found})['met'] is met
