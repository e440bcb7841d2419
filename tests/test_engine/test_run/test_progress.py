"""The table after an event."""
from mmst.engine.run.progress import Progress, stage_of, units_table

REMOVED = [
    dict(group='backbone.fusions.1.blocks.0.0.mixconv.channels', removed={3: 12, 7: 1000}),
    dict(group='backbone.parallels.1.0.0.transformer.tokens', removed={0: 5}),
    dict(group='neck.block.mixconv.channels', removed={5: 2})]
UNITS = {
    'backbone.fusions.1.blocks.0.0.mixconv.channels': {'3': 30, '5': 40, '7': 1500},
    'backbone.parallels.1.0.0.transformer.tokens': {'0': 11},
    'neck.block.mixconv.channels': {'3': 8, '5': 6}}
STATE = dict(sparsity=0.301, units=UNITS, params=12_345_678, macs=7.5e9, nonzero=9_000_000,
             sparse_macs=5.25e9)
SEARCH = dict(kind='search', step=30, removed=REMOVED)
LIFT = dict(kind='reactivate', step=30, revived=1_234_567)


def progress(**changes):
    settings = dict(unit='epoch', step=30, steps=430, events=[SEARCH, LIFT], state=STATE,
                    supernet=dict(params=13_888_000, macs=62.12e9), due=0.3, target=0.9,
                    upcoming=['search in epoch 40', 'prune in epoch 50 (to 20%)'])
    return Progress(**dict(settings, **changes))


def row(text, name):
    line = next(line for line in text.splitlines() if line.strip().startswith(name))
    return ' '.join(line.split()[len(name.split()):])


def test_removed_and_left_units_stand_by_stage_and_kernel_size():
    text = units_table(REMOVED, UNITS)
    header = next(line for line in text.splitlines() if '3x3' in line)
    assert header.split() == ['3x3', '5x5', '7x7', 'tokens']
    assert row(text, 'stage 2') == '30 (-12) 40 1,500 (-1,000) 11 (-5)'
    assert row(text, 'neck') == '8 6 (-2) - -'
    assert row(text, 'all') == '38 (-12) 46 (-2) 1,500 (-1,000) 11 (-5)'


def test_a_group_that_lost_all_its_units_is_still_reported():
    assert row(units_table(REMOVED[2:], {}), 'neck') == '0 (-2)'


def test_stages_come_in_their_order_before_the_neck():
    groups = [f'backbone.parallels.{i}.0.0.mixconv.channels' for i in (10, 2)] + ['neck.block.x']
    text = units_table([], {name: {'3': 1} for name in reversed(groups)})
    places = [text.index(name) for name in ('stage 3', 'stage 11', 'neck')]
    assert places == sorted(places)


def test_paths_of_other_networks_are_recognised_by_their_first_layer():
    assert stage_of('backbone.layer3.0.conv.hidden') == 'backbone.layer3'
    assert stage_of('backbone.parallels.4.0.1.transformer.tokens') == 'stage 5'


def test_costs_sparsity_reactivation_and_what_comes_next_are_reported():
    text = progress().table()
    assert text.splitlines()[0] == 'epoch 30 of 430: search, reactivation'
    assert row(text, 'parameters (M)') == '13.8880 12.3457 9.0000'
    assert row(text, 'GMACs') == '62.1200 7.5000 5.2500'
    assert 'sparsity: reached 30.10%, due 30.00%, target 90.00%; weights reactivated: 1,234,567' \
        in text
    assert text.endswith('next: search in epoch 40, prune in epoch 50 (to 20%)')


def test_it_fits_a_hundred_columns_without_blank_lines():
    lines = progress().table().splitlines()
    assert max(map(len, lines)) <= 100 and all(line.strip() for line in lines)


def test_what_a_run_does_not_have_is_left_out():
    state = dict(sparsity=0.5, units={})
    events = [dict(kind='prune', step=30)]
    text = progress(events=events, state=state, due=None, upcoming=()).table()
    assert text.splitlines() == [
        'epoch 30 of 430: prune',
        'sparsity: reached 50.00%, target 90.00%; weights reactivated: none']
