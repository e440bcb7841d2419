"""Filled tables by hand, for tests of what is drawn of them."""


def row(run, scores, macs=None, paper=None, label=None):
    """A row with the score of each seed."""
    seeds = list(range(len(scores)))
    values = dict(mean=sum(scores) / len(scores) if scores else None, values=scores, seeds=seeds,
                  min=min(scores, default=None), max=max(scores, default=None))
    costs = dict.fromkeys(('sparsity', 'params', 'macs_dense', 'macs_layers', 'supernet_macs'))
    return dict(label=label or run, run=run, seeds=seeds, paper=paper or {},
                metrics=dict(AP=values), costs=dict(costs, macs_density=macs))


def section(*rows, curves=None, title='S', data='d'):
    """A part of a table."""
    return dict(title=title, data=data, metrics=['AP'], rows=list(rows), curves=curves or {})


def table(*sections, study='t', size='demo'):
    """A whole one."""
    return dict(study=study, title=f'title of {study}', source='', size=size, claims=[],
                sections=list(sections))


def curves_table(**settings):
    """Two methods at two ratios, with the dense network and chance."""
    return table(section(
        row('d.chance', [1.]), row('d.dense', [60., 62.], 9e6),
        row('d.a_p50', [50., 54.], 4e6, dict(AP=70., macs=5e6)),
        row('d.a_p90', [40.], 1e6, dict(AP=66.)), row('d.b_p50', [30.], 4e6),
        row('d.b_p90', [], None, dict(AP=20., macs=2e6)),
        curves=dict(A=['d.a_p90', 'd.a_p50'], B=['d.b_p90', 'd.b_p50'])), **settings)


def bars_table(**settings):
    """An ablation."""
    return table(section(row('d.chance', [1.]), row('d.plain', [40., 44.], paper=dict(AP=55.)),
                         row('d.more', [50.], paper=dict(AP=63.)), row('d.none', [])), **settings)
