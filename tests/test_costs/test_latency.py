"""The work of an engine in a network, and tables that say what it costs."""
import ctypes
import json

import numpy as np
import pytest
import torch
from small_nets import TwoBranches, cut_at_random
from sparse_nets import NarrowClassifier, needs_kernel, pruned

from mmst.costs.latency.build import build_costs
from mmst.costs.latency.table import Entry, LatencyTable
from mmst.costs.latency.this_machine import processor_name
from mmst.costs.latency.timed_allocation import build_allocation
from mmst.costs.latency.work import kind_of, search_block_of, timed_modules, works_of
from mmst.deploy.sparse import SparseModel
from mmst.deploy.sparse.sparse_block import SparseSearchBlock
from mmst.deploy.sparse.transformer_plan import DIM
from mmst.errors import ConfigError
from mmst.pruning.pruner import Pruner
from mmst.search.surgery import Cut
from mmst.search.units import find_units

SHAPE = (32, 64)


@pytest.fixture(scope='module')
def supernet():
    return TwoBranches()


def table_of(model, **changes):
    """A table in which a thing costs what its place in the alphabet says."""
    modules = {path: Entry(kind_of(module), dict(once=1., **{
        name: 0.001 * len(name) for name in work()}), 0.1)
        for (path, module), work in zip(timed_modules(model).items(),
                                        works_of(model, 'sparse').values(), strict=True)}
    return LatencyTable(**{**dict(
        engine='sparse', threads=1, input_shape=SHAPE, machine=dict(processor='a', cores='2'),
        modules=modules, overhead=0.5, factor=1.1,
        check=dict(networks=2., mean_error=.01, largest_error=.02)), **changes})


# --------------------------------------------------------------------------------- the work


@needs_kernel
@pytest.mark.parametrize('make', [TwoBranches, NarrowClassifier])
def test_the_work_is_what_the_engine_plans(make):
    model = pruned(make, 0.3)
    sparse = SparseModel(model)
    sparse(torch.randn(1, 3, *SHAPE))
    works, compared = works_of(model, 'sparse'), 0
    for path in timed_modules(model):
        block = sparse.model.get_submodule(path)
        if not isinstance(block, SparseSearchBlock):
            continue
        counts, plan = works[path](), next(iter(block._plans.values()))
        residual, *rest = plan.nonzeros
        starts, phases = (ctypes.cast(field, ctypes.POINTER(ctypes.c_int32))
                          for field in (plan.block.expand.start, plan.block.live_phases))
        assert counts['expand'] == sum((starts[h + 1] - starts[h]) * phases[h].bit_count()
                                       for h in range(plan.block.hidden))
        assert rest[0] <= counts['expand'] and rest[1:] == [counts['taps'], counts['project']]
        assert plan.block.hidden == counts['hidden']
        constant = block.constant.project
        assert len(outputs_with_sums(plan.block)) == counts['summed']
        assert constant.shape[1] == counts['still'] and counts['rims'] == bool(counts['still'])
        assert int((constant != 0).sum()) == counts['fixed']
        assert int((block.constant.taps != 0).sum()) == counts['still_taps']
        assert counts['residual'] in (residual, 0)  # of an identity none is counted
        if block.transformer:
            assert block.transformer.outputs == counts['outputs']
            assert block.transformer.inputs == counts['sampled']
            assert_counts_attention(block.transformer, counts)
        else:
            assert not counts.get('attends')
        compared += bool(counts['hidden'])
    assert compared > 3


def outputs_with_sums(block):
    """The project's rows are there once for each chunk of hidden channels."""
    starts = ctypes.cast(block.project.start, ctypes.POINTER(ctypes.c_int32))
    return {row % block.outputs for row in range(block.chunks * block.outputs)
            if starts[row + 1] > starts[row]}


def assert_counts_attention(transformer, counts):
    """They are those of the parts that the kernel runs (``run_layer``)."""
    attentions = feedforwards = weights = 0
    for layer, queries in ((transformer.encoder, True), (transformer.decoder, False)):
        if layer.attends:
            attentions += 1
            weights += sum(entries(getattr(layer, name), DIM)
                           for name in ('key', 'value', 'out', *(['query'] if queries else [])))
        if layer.feeds:
            feedforwards += 1
            weights += entries(layer.widen, layer.feedforward) + entries(layer.narrow, DIM)
    assert counts['mixed'] == weights * transformer.padded
    assert counts['pairs'] == attentions * transformer.tokens * transformer.padded
    assert counts['attended'] == attentions * transformer.padded
    assert counts['fed'] == feedforwards * transformer.padded
    assert counts['normed'] == transformer.padded


def entries(rows, count):
    return ctypes.cast(rows.start, ctypes.POINTER(ctypes.c_int32))[count]


@needs_kernel
@pytest.mark.parametrize('dead', ['encoder.attention.value', 'decoder.attention.out',
                                  'encoder.feedforward.0', 'decoder.attention.query'])
def test_parts_of_a_transformer_without_weights_cost_nothing(dead):
    model = pruned(TwoBranches, 0.5)
    path, block = next((path, module) for path, module in timed_modules(model).items()
                       if works_of(model, 'sparse')[path]().get('attends'))
    before = works_of(model, 'sparse')[path]()
    with torch.no_grad():
        block.transformer.get_submodule(dead).weight.zero_()
    counts = works_of(model, 'sparse')[path]()
    assert_counts_attention(SparseModel(model).model.get_submodule(path).transformer, counts)
    assert counts['mixed'] == before['mixed'] if dead.endswith('query') else (
        counts['mixed'] < before['mixed'])
    assert (counts['pairs'] < before['pairs']) == (dead.endswith(('value', 'out')))


def test_a_neck_counts_weights_of_coarser_maps_by_themselves():
    model = pruned(TwoBranches, 0.5)
    counts = works_of(model, 'sparse')['neck']()
    block, first = model.neck.block, model.neck.in_channels[0]
    weight = block.mixconv.expand.weight.flatten(1) != 0
    taps = torch.cat([(conv.weight.flatten(1) != 0).any(1) for conv in block.mixconv.depthwise])
    live = weight.any(1) & taps & (block.mixconv.project.weight.flatten(1) != 0).any(0)
    assert counts['expand'] == int(weight[live, :first].sum())
    assert counts['coarse'] == int(weight[live, first:].sum()) > 0
    assert counts['widened'] == int(weight[live, first:].any(1).sum())


@needs_kernel
@pytest.mark.parametrize('density', [0.02, 0.1, 0.5])
def test_a_stem_and_coarser_inputs_count_what_the_engine_computes(density):
    model = pruned(TwoBranches, density)
    with torch.no_grad():  # where nothing enters a channel, it is 0
        model.backbone.stem[0].bn.bias.zero_()
        model.backbone.stem[0].bn.running_mean.zero_()
    works, sparse = works_of(model, 'sparse'), SparseModel(model)
    sparse(torch.randn(1, 3, *SHAPE))
    stem, plans = works['backbone.stem'](), sparse.model.backbone.stem._plans
    plan = next(iter(plans.values()))[0]
    assert (plan.inner, plan.live) == (stem['inner'], stem['read'])
    for rows, count, name in ((plan.first, plan.inner, 'first'),
                              (plan.second, plan.outputs, 'second')):
        starts = ctypes.cast(rows.start, ctypes.POINTER(ctypes.c_int32))
        assert starts[count] == stem[name]
    coarser = sparse.model.neck.coarser
    assert works['neck']()['enlarged'] == sum(each.count for each in coarser)
    assert works['neck']()['inputs'] == sum(each.count > 0 for each in coarser)


@pytest.mark.parametrize('engine', ['sparse', 'torch'])
def test_the_work_of_some_units_is_that_of_the_network_without_the_others(engine):
    model = pruned(TwoBranches, 0.4)
    works, kept = works_of(model, engine), {}
    for name, group in find_units(model).items():
        index = torch.randperm(len(group))[:len(group) // 2].sort().values
        kept[name] = index.numpy()
        group.keep(index, Cut())
    for path, work in works_of(model, engine).items():
        prefix = f'{path}.block' if path == 'neck' else path
        expected = works[path](kept.get(f'{prefix}.mixconv.channels'),
                               kept.get(f'{prefix}.transformer.tokens'))
        assert work() == expected, path


def test_a_mask_stands_for_zeros_and_torch_counts_no_zeros():
    dense = TwoBranches()
    generator = torch.Generator().manual_seed(0)
    mask = {name: torch.rand(p.shape, generator=generator) < 0.3
            for name, p in dense.named_parameters() if p.dim() > 1 and 'queries' not in name}
    masked = {path: work() for path, work in works_of(dense, 'sparse', mask).items()}
    by_torch = {path: work() for path, work in works_of(dense, 'torch').items()}
    with torch.no_grad():
        for name, kept in mask.items():
            dense.get_parameter(name).mul_(kept)
    assert {path: work() for path, work in works_of(dense, 'sparse').items()} == masked
    assert {path: work() for path, work in works_of(dense, 'torch').items()} == by_torch


def test_every_prunable_layer_of_a_network_lies_in_a_timed_module():
    for model in (TwoBranches(), NarrowClassifier()):
        inside = tuple(f'{path}.' for path in timed_modules(model))
        left = [name for name, p in model.named_parameters()
                if p.dim() > 1 and not name.startswith(inside)]
        assert left in ([], ['head.weight'])
        assert sum(search_block_of(m) is not None for m in timed_modules(model).values()) > 5


# -------------------------------------------------------------------------------- the table


def test_a_table_is_read_as_it_was_written(supernet, tmp_path):
    table = table_of(supernet)
    table.save(tmp_path / 'table.json')
    assert LatencyTable.load(tmp_path / 'table.json') == table


def test_the_time_of_a_network_is_the_sum_of_its_modules_work():
    model = pruned(TwoBranches, 0.4)
    table = table_of(model)
    sums = sum(1 + sum(0.001 * len(name) * count for name, count in work().items())
               for work in works_of(model, 'sparse').values())
    assert table.predict(model) == pytest.approx(0.5 + 1.1 * sums)


@pytest.mark.parametrize('damage', [
    lambda t: t.update(engine='fast'), lambda t: t.update(threads=0), lambda t: t.pop('modules'),
    lambda t: t.update(modules={}), lambda t: t.update(modules=[1]), lambda t: t.update(format=1),
    lambda t: t.update(factor=0), lambda t: t.update(threads=999999),
    lambda t: [entry.update(ms={}) for entry in t['modules'].values()],
    lambda t: t.update(kind='x'), lambda t: t.update(input_shape=[1]), lambda t: t.clear(),
    lambda t: t.update(overhead=-1.), lambda t: t.update(factor=float('nan')),
    lambda t: t.update(factor=None), lambda t: t.update(machine=dict(processor=3)),
    lambda t: t['modules']['neck']['ms'].update(once='1'),
    lambda t: t['modules']['neck']['ms'].update(once=True),
    lambda t: t['modules']['neck'].update(spread=1e300),
    lambda t: t['modules'].update(neck='x' * 400), lambda t: t.update(check=3)])
def test_a_damaged_table_is_refused_in_one_line(supernet, tmp_path, damage):
    path = tmp_path / 'table.json'
    table_of(supernet).save(path)
    content = json.loads(path.read_text())
    damage(content)
    path.write_text(json.dumps(content))
    with pytest.raises(ConfigError, match=r'SearchHook\.table = .*no latency table.*Remedy: '):
        LatencyTable.load(path, 'SearchHook.table')


@pytest.mark.parametrize('text', ['', '[', '[' * 10**5, '[1, 2]', '"x"', 'null', '{"kind": 1}',
                                  '\x00\xff', ' ' * (2 << 20)])
def test_what_is_no_table_is_refused_in_one_line(tmp_path, text):
    path = tmp_path / 'table.json'
    path.write_bytes(text.encode('latin1'))
    for wrong in (path, tmp_path, tmp_path / 'none.json', 3, None):
        with pytest.raises(ConfigError, match=r'^table = .*Remedy: '):
            LatencyTable.load(wrong)


@pytest.mark.parametrize('change, printed', [
    (dict(channels=((4, ), (4, 8))), 'block 4 to 8'), (dict(transformer='none'), 'Transformer'),
    (dict(kernel_sizes=(3, 5)), r'\[3, 5\]'),
    (dict(depths=((1, ), (1, 2))), r'parallels.1.1.1 is block .* missing in the table')])
def test_another_network_is_not_covered(supernet, change, printed):
    table = table_of(supernet)
    with pytest.raises(ConfigError, match=f'table = .*does not cover.*{printed}'):
        table.check_covers(TwoBranches(**change), 'table', 'x.json')


def test_a_searched_network_is_covered_and_another_size_or_kind_is_not(supernet):
    table = table_of(supernet)
    table.check_covers(cut_at_random(TwoBranches()), 'table', 'x.json', SHAPE)
    with pytest.raises(ConfigError, match='images of 32x64, and 32x32'):
        table.check_covers(supernet, 'table', 'x.json', (32, 32))
    with pytest.raises(ConfigError, match='no search blocks'):
        table.check_covers(torch.nn.Sequential(torch.nn.Linear(2, 2)), 'table', 'x.json')


def test_another_machine_is_reported(supernet):
    table = table_of(supernet, machine=dict(processor='a', cores='2', device='cpu'))
    assert table.differs_from(dict(processor='a', cores='2', device='cpu', mmst='9')) == ''
    printed = table.differs_from(dict(processor='b', cores='2', device='cpu'))
    assert "processor 'a' instead of 'b'" in printed and 'cores' not in printed


def test_the_costs_of_no_unit_are_counted_where_a_path_is_gone():
    model = TwoBranches()
    for group in find_units(model).values():
        group.keep(torch.zeros(0, dtype=torch.long), Cut())
    for engine in ('sparse', 'torch'):
        for work in works_of(model, engine).values():
            counts = work()
            assert not np.any([counts.get(name, 0) for name in ('active', 'attends', 'hidden')])


def test_errors_name_the_settings_of_the_class_that_asks():
    with pytest.raises(ConfigError, match=r'^Search\.target_ms = 3.0: .*no table'):
        build_costs(SHAPE, None, 3., 'Search')
    with pytest.raises(ConfigError, match=r'^Search\.table = .*no such file'):
        build_costs(SHAPE, 'none.json', owner='Search').check(TwoBranches())
    pruner = Pruner(0.5, scope='layer', owner='Prune')
    for allocation, table, key in ((None, 'none.json', 'table'), ('ms', None, 'allocation'),
                                   ('ms', 'none.json', 'scope')):
        with pytest.raises(ConfigError, match=rf'^Prune\.{key} = '):
            build_allocation(allocation, table, pruner)


EPYC = 'processor\t: 0\ncpu family\t: 25\nmodel\t\t: {}\nmodel name\t: AMD EPYC\nstepping\t: 1\n\n'


def test_two_generations_of_processors_behind_one_name_have_two_names():
    names = [processor_name(EPYC.format(model) * 2) for model in (1, 17)]
    assert names == ['AMD EPYC (family 25, model 1)', 'AMD EPYC (family 25, model 17)']


@pytest.mark.parametrize('cpuinfo, name', [
    ('', ''), ('processor\t: 0\nCPU implementer\t: 0x41\n', ''),
    ('model name\t: ARMv7 Processor rev 4: x\n', 'ARMv7 Processor rev 4: x')])
def test_a_processor_without_family_has_its_name_alone(cpuinfo, name):
    assert processor_name(cpuinfo) == name
