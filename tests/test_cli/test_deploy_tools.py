"""compact.py, cost.py, export.py and test.py on a trained ticket."""
import json
import os
import pickle
import time

import pytest
import torch
from deploy_tickets import TASKS, small_ticket
from tiny_street import load_tool

from mmst.cli.waiting import waiting
from mmst.deploy.compact import compact, is_compact
from mmst.deploy.comparison import TOLERANCE, compare
from mmst.tickets import Ticket


def tool(name, *args):
    return load_tool(name).main([str(arg) for arg in args])


@pytest.fixture(scope='module')
def ticket(trained):
    return trained / 'ticket.pth'


@pytest.fixture(scope='module')
def small(tmp_path_factory, ticket):
    """The compacted ticket's file."""
    out = tmp_path_factory.mktemp('compact') / 'small.pth'
    assert tool('compact', ticket, '-o', out) == 0
    return out




def test_compact_tickets_evaluate_to_the_same_metrics(config, test, ticket, small, tmp_path):
    metrics = []
    for i, path in enumerate((ticket, small)):
        out = tmp_path / f'{i}.json'
        assert test([config, str(path), '--out', str(out), '--work-dir', str(tmp_path)]) == 0
        metrics.append(json.loads(out.read_text()))
    for name in ('mIoU', 'mAcc', 'aAcc'):
        assert metrics[0][name] == pytest.approx(metrics[1][name], abs=0.01)


def test_sparse_files_and_the_kernel_evaluate_to_the_same_metrics(config, test, ticket, tmp_path):
    assert tool('export', ticket, '--format', 'sparse', '-o', tmp_path / 'x.sparse') == 0
    metrics = []
    for i, arguments in enumerate(([ticket], [tmp_path / 'x.sparse', '--kernel', '2'])):
        out = tmp_path / f'{i}.json'
        assert test([config, *map(str, arguments), '--out', str(out), '--work-dir',
                     str(tmp_path)]) == 0
        metrics.append(json.loads(out.read_text()))
    for name in ('mIoU', 'mAcc', 'aAcc', 'sparsity'):
        assert metrics[0][name] == pytest.approx(metrics[1][name], abs=0.01)


def test_weights_of_eight_bits_are_exported_and_evaluated(config, test, ticket, tmp_path, capsys):
    assert tool('export', ticket, '--format', 'sparse', '--int8', '-o', tmp_path / 'x.sparse') == 0
    found = []
    for arguments in ([], ['--int8']):  # rounded once, and once more with norms folded
        out = tmp_path / f'{len(found)}.pkl'
        assert test([config, str(tmp_path / 'x.sparse'), '--kernel', '1', *arguments, '--out',
                     str(out), '--work-dir', str(tmp_path)]) == 0
        with open(out, 'rb') as file:
            found.append([sample['seg_logits']['data'] for sample in pickle.load(file)])
    assert 0 < max(float((a - b).abs().max() / b.abs().max())
                   for a, b in zip(*found, strict=True)) < 0.3
    capsys.readouterr()
    assert test([config, str(ticket), '--int8']) == 2
    assert '--int8 = True: it rounds the weights of the sparse kernel. Remedy: add --kernel 1' in (
        capsys.readouterr().err)


def test_a_number_of_threads_that_makes_no_sense_is_refused(config, test, ticket, capsys):
    assert test([config, str(ticket), '--kernel', '0']) == 2
    assert '--kernel = 0: must lie between 1 and' in capsys.readouterr().err


def test_the_table_names_costs_and_file_sizes(ticket, tmp_path, capsys):
    out = tmp_path / 'small.pth'
    assert tool('compact', ticket, '-o', out, '--multiple', '8', '--shape', '32', '64') == 0
    text = capsys.readouterr().out
    assert f'{os.path.getsize(ticket):,}' in text and f'{os.path.getsize(out):,}' in text
    assert 'largest difference of the outputs' in text
    assert is_compact(Ticket.load(out))
    assert torch.load(out, weights_only=True)['format'] == 'mmst.ticket'


@pytest.mark.parametrize('task', TASKS)
def test_tickets_of_all_tasks_are_compacted(task):
    ticket = small_ticket(task, 0.85)
    found = compare(ticket, compact(ticket), (40, 48))
    assert found['difference'] < TOLERANCE[torch.float32]
    assert found['after']['params'] < found['before']['params']


def test_costs_of_tickets_and_configs(ticket, config, tmp_path, capsys):
    assert tool('cost', ticket, '--out', tmp_path / 'cost.json') == 0
    found = json.loads((tmp_path / 'cost.json').read_text())
    assert found['input_shape'] == [32, 64]
    assert found['searched']['total']['sparse_macs'] < found['searched']['total']['macs']
    assert tool('cost', config, '--shape', '48', '64', '--by', 'blocks') == 0
    assert '48x64' in capsys.readouterr().out


def test_sparse_files_open_like_tickets(ticket, tmp_path, capsys):
    out = tmp_path / 'x.sparse'
    assert tool('export', ticket, '--format', 'sparse', '-o', out) == 0
    assert 'bits a weight' in capsys.readouterr().out
    assert tool('cost', out) == 0


def test_a_ticket_is_exported_and_checked(ticket, tmp_path, capsys):
    assert tool('export', ticket, '--format', 'torch', '-o', tmp_path / 'x.pt2') == 0
    printed = capsys.readouterr()
    assert 'differs from PyTorch by' in printed.out
    assert f'writing {tmp_path / "x.pt2"}; a whole network takes minutes' in printed.out


def test_what_takes_long_says_so_from_time_to_time(capsys):
    with waiting('counting', every=0.05):
        time.sleep(0.3)
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == 'counting' and len(printed) > 3 and printed[1] == '... 0 s'


@pytest.mark.parametrize('arguments, words', [
    (['compact', 'none.pth'], 'no such file'),
    (['compact', 'epoch_2.pth'], 'is a checkpoint, not a finished ticket'),
    (['cost', 'epoch_2.pth'], 'is a checkpoint, not a finished ticket'),
    (['export', 'epoch_2.pth', '--format', 'onnx'], 'is a checkpoint, not a finished ticket'),
    (['compact', 'ticket.pth', '--multiple', '0'], 'multiple = 0: must be a whole number'),
    (['compact', 'ticket.pth', '--multiple', '1000'], 'multiple = 1000: must be a whole number '
     'between 1 and 128'),
    (['compact', 'ticket.pth', '--shape', '0'], '--shape = (0, 0): must be (height, width)'),
    (['export', 'ticket.pth', '--format', 'onnx', '--opset', '3'], '--opset = 3: cannot be'),
    (['export', 'ticket.pth', '--format', 'onnx', '--images', 'none'], 'no images there')])
def test_bad_input_ends_in_one_line(trained, capsys, arguments, words):
    name, path, *more = arguments
    assert tool(name, trained / path, *more) == 2
    err = capsys.readouterr().err
    assert err.startswith(f'{name}.py: error: ') and err.count('\n') == 1
    assert words in err and 'Remedy: ' in err
    assert not list(trained.glob('*.onnx'))


@pytest.mark.parametrize('words', [
    ['sparse', '--images', 'folder'], ['sparse', '--shape', '8'], ['sparse', '--as-is'],
    ['sparse', '--opset', '0'], ['torch', '--opset', '18'], ['onnx', '--int8'],
    ['pth', '--int8']])
def test_arguments_that_a_format_has_no_use_for_are_refused(ticket, words, tmp_path, capsys):
    assert tool('export', ticket, '-o', tmp_path / f'x.{words[0]}', '--format', *words) == 2
    line, = capsys.readouterr().err.splitlines()
    assert f' {words[1]} = ' in line and f'has no effect with --format {words[0]}' in line
    assert line.endswith('Remedy: omit it.')


def test_a_ticket_whose_masks_are_lifted_is_refused(ticket, tmp_path, capsys):
    found = Ticket.load(ticket)
    Ticket(found.model, found.state_dict, type(found.mask)({}), found.meta).save(tmp_path / 'x.pth')
    assert tool('compact', tmp_path / 'x.pth') == 2
    assert 'its masks were lifted. Remedy: ' in capsys.readouterr().err
