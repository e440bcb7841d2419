"""Tables for the log."""
from mmst.costs.table import render, ticket_table

SUMMARY = dict(
    sparsity=0.9, input_shape=[128, 256], metrics=dict(mIoU=31.25, aAcc=80.),
    params=dict(supernet=4_000_000, searched=3_000_000, sparse=400_000),
    macs=dict(supernet=6e8, searched=5e8, sparse=1.25e8),
    before_last_prune=dict(step=16, sparsity=0.8, metrics=dict(mIoU=33.5)))


def _row(text: str, name: str) -> list:
    return next(line for line in text.splitlines() if line.strip().startswith(name)).split()


def test_the_ticket_table_shows_costs_sparsity_and_metrics_of_each_network():
    text = ticket_table(SUMMARY)
    assert _row(text, 'supernet')[1:4] == ['4.000', '0.6000', '-']
    assert _row(text, 'searched')[1:3] == ['3.000', '0.5000']
    assert _row(text, 'ticket')[1:5] == ['0.400', '0.1250', '90.0%', '31.25']
    assert _row(text, 'before last prune')[-3:] == ['80.0%', '33.50', '-']


def test_tables_fit_a_terminal_of_eighty_columns():
    assert max(map(len, ticket_table(SUMMARY).splitlines())) <= 80
    assert max(map(len, render('t', ['a', 'b'], [['x' * 200, 1]]).splitlines())) <= 80


def test_a_run_without_interim_evaluation_has_no_row_for_it():
    assert 'before last prune' not in ticket_table(dict(SUMMARY, before_last_prune=None))
