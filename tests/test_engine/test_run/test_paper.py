"""A run's last table compares it with the paper's figures."""
from pathlib import Path

import pytest
from mmengine.config import Config
from tiny import run

from mmst.engine.run.paper import check_figures, figures_of, paper_table
from mmst.errors import ConfigError

CONFIGS = Path(__file__).parents[3] / 'configs'
FIGURES = [dict(source='Table 1', epochs=430, sparsity=0.9, mIoU=66.61, macs=200e6)]


def test_a_run_of_another_length_or_sparsity_is_not_compared():
    assert figures_of(FIGURES, 430, 0.9000004)['mIoU'] == 66.61
    assert figures_of(FIGURES, 430, 0.8) is None
    assert figures_of(FIGURES, 40, 0.9) is None
    assert figures_of(FIGURES, None, 0.9) is None


def test_each_figure_has_a_row_with_its_difference():
    summary = dict(metrics=dict(mIoU=65.11), macs=dict(sparse=2.5e8))
    text = paper_table(summary, FIGURES[0])
    rows = {line.split()[0]: line.split()[1:] for line in text.splitlines() if line.strip()}
    assert rows['mIoU'] == ['66.61', '65.11', '-1.5']
    assert rows['GMACs'] == ['0.2', '0.25', '+0.05']
    assert max(map(len, text.splitlines())) <= 80


def test_a_metric_that_was_not_evaluated_has_a_dash():
    text = paper_table(dict(metrics={}, macs=dict(sparse=2e8)), FIGURES[0])
    assert text.count('-') >= 2 and '66.61' in text


@pytest.mark.parametrize('given', [
    'Table 1', dict(source='x'), [dict(epochs=1, sparsity=0.9)],
    [dict(source='x', epochs=1, sparsity=0.9, mIoU='66')],
    [dict(source='x', epochs=1, sparsity=0.9, mIoU=True)]])
def test_figures_of_another_form_are_refused(given):
    with pytest.raises(ConfigError, match=r'TicketHook.paper = .*Remedy: '):
        check_figures('TicketHook.paper', given)


@pytest.mark.parametrize('task, run_of', [
    ('cityscapes', {0.5: 'st_p50', 0.8: 'st_p80', 0.9: 'st_p90'}),
    ('ade20k', {0.8: 'st_p80', 0.9: 'st_p90'}), ('coco', {0.9: 'st_p90'}),
    ('imagenet', {0.5: 'st_p50'})])
def test_configs_and_studies_report_the_same_figures(task, run_of):
    paper = Config.fromfile(CONFIGS / 'studies' / '_base_' / 'paper.py').paper
    cfg = Config.fromfile(CONFIGS / f'st_hrnas_{task}_p90.py')
    percent = 100 if task == 'coco' else 1  # mmpose gives shares
    found = {entry['sparsity']: sorted(
        v if k in ('macs', 'params') else v * percent for k, v in entry.items()
        if k not in ('source', 'epochs', 'sparsity')) for entry in cfg.default_hooks.ticket.paper}
    assert found == {sparsity: pytest.approx(sorted(paper[f'{task}.{name}'].values()))
                     for sparsity, name in run_of.items()}
    assert all(entry['epochs'] == cfg.train_cfg.max_epochs
               for entry in cfg.default_hooks.ticket.paper)


def test_a_run_as_long_as_the_papers_ends_with_both(tmp_path):
    figures = [dict(source='Table 9', epochs=2, sparsity=0.5, score=0.5)]
    run(tmp_path, 2, length=4, ticket=dict(paper=figures), val=2, scores=[0.25],
        log_level='INFO')
    log = ''.join(path.read_text() for path in tmp_path.rglob('*.log'))
    assert 'the paper (Table 9)' in log
    row = next(line for line in log.splitlines() if line.strip().startswith('score '))
    assert row.split() == ['score', '0.5', '0.25', '-0.25']
