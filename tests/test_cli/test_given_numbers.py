"""Numbers on the command line that no subcommand can use."""
import pytest

from mmst.cli.launch import main as launch
from mmst.cli.main import main


@pytest.mark.parametrize('words, key', [
    ('generate-data cityscapes data --seed 1180591620717411303424', '--seed'),
    ('generate-data cityscapes data --size 32 99999999', '--size'),
    ('generate-data cityscapes data --train -3', '--train'),
    ('sweep st --ratios 90 90', '--ratios'), ('sweep st --seeds 1 -1', '--seeds'),
    ('study fig2 --seeds 0 0', '--seeds'), ('study fig2 --jobs 0', '--jobs'),
    ('report . --samples 1000000000', '--samples'),
    ('cost configs/st_hrnas_cityscapes_p90.py --shape 99999999 99999999', '--shape')])
def test_number_out_of_reach_is_refused_in_one_line(capsys, words, key):
    assert main(words.split()) == 2
    said = capsys.readouterr().err
    assert said.count('\n') == 1 and f'error: {key} = ' in said and 'Remedy: ' in said


@pytest.mark.parametrize('words', [
    ['--nproc-per-node', '0'], ['--nproc-per-node', 'x'], ['--nnodes', '3:1'],
    ['--nproc-per-node', '1', '--master-port', '99999999']])
def test_launch_says_in_one_line_why_it_starts_nothing(capsys, words):
    assert launch([*words, '-m', 'mmst', 'train', 'x']) == 2
    said = capsys.readouterr().err
    assert said.count('\n') == 1 and said.startswith('mmst launch: error: ')
