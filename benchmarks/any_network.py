"""Count the channels that search units of official networks cover, and check their removal.

    python benchmarks/any_network.py [--only NAME ...] [--out benchmarks/results/any_network]

It writes NAME.json and NAME.md; what is in the former is not measured again (--again does).
"""
import argparse
import copy
import importlib
import json
import time
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from any_network_configs import CONFIGS, config_path, input_shape
from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope
from torch import nn

import mmst  # noqa: F401  (first: it prepares OpenMMLab's packages)
from mmst.costs.cost import image_channels
from mmst.search.graph.build import count_covered, find_plan, smaller
from mmst.search.graph.channels import attach
from mmst.search.graph.passes import example
from mmst.search.graph.plan import Plan
from mmst.search.graph.verify import half, zero
from mmst.search.surgery import Cut
from mmst.search.units import find_units

#: Share of the channels of BNs that counts as covered.
ENOUGH = 0.9


def names() -> Iterator[tuple[str, str]]:
    """Return toolbox and path of each config."""
    for toolbox, paths in CONFIGS.items():
        for path in paths:
            yield toolbox, path


def build(toolbox: str, path: str) -> nn.Module:
    """Return the network of an official config, with random weights."""
    package = importlib.import_module(toolbox)
    register = {'mmpretrain': 'mmpretrain.utils', 'mmseg': 'mmseg.utils', 'mmpose': 'mmpose.utils',
                'mmdet': 'mmdet.utils'}[toolbox]
    importlib.import_module(register).register_all_modules(False)
    cfg = Config.fromfile(config_path(Path(package.__file__).parent, path))
    model = without_pretrained(copy.deepcopy(cfg.model.to_dict()))
    preprocessor = cfg.get('data_preprocessor')
    if preprocessor is not None:
        model.setdefault('data_preprocessor', preprocessor.to_dict())
    preprocessor = model.get('data_preprocessor')
    if preprocessor:  # what changes batches in training needs data samples
        preprocessor.pop('batch_augments', None)
    with DefaultScope.overwrite_default_scope(toolbox):
        torch.manual_seed(0)
        return MODELS.build(Config(dict(model=model)).model).eval()


def measure(toolbox: str, path: str) -> dict[str, Any]:
    """Return a network's coverage, how exact removal is, and the groups that are left alone."""
    model, shape = build(toolbox, path), input_shape(toolbox, path)
    start = time.perf_counter()
    plan = find_plan(model, shape, image_channels(model))
    seconds = time.perf_counter() - start
    inside, total = count_covered(model, plan)
    return dict(
        groups=len(plan.groups), units=sum(group.units for group in plan.groups.values()),
        covered=inside, channels=total, seconds=round(seconds, 1),
        difference=difference(model, plan, shape) if plan.groups else None,
        parameters=sum(p.numel() for p in model.parameters()),
        left_alone=plan.left_alone, outside=outside(model, plan))


@torch.no_grad()
def difference(model: nn.Module, plan: Plan, shape: tuple[int, int]) -> float:
    """Return the largest change of outputs, in their magnitude, when half of the units go.

    In single precision. Their scales and shifts are 0 before.
    """
    twin = copy.deepcopy(model).eval()
    attach(twin, plan)
    keep = {name: half(group.units) for name, group in plan.groups.items()}
    zero(twin, plan, keep)
    for size in (smaller(shape), shape):
        run = example(twin, image_channels(model), size)['eval']
        try:
            before = run(twin)
            break
        except Exception:  # images of another size than its own
            if size == shape:
                raise
    groups = find_units(twin)
    for name, index in keep.items():
        groups[name].keep(index, Cut())
    changes = [float((a - b).abs().max()) / max(float(a.abs().max()), 1e-12)
               for a, b in zip(_tensors(before), _tensors(run(twin)), strict=True)]
    return max(changes)


def outside(model: nn.Module, plan: Plan) -> list[str]:
    """Return the names of BN scales of which no channel is a unit."""
    inside = {side[0] for group in plan.groups.values() for side in group.scales}
    return [f'{path}.weight' for path, m in model.named_modules()
            if isinstance(m, nn.modules.batchnorm._BatchNorm) and f'{path}.weight' not in inside]


def table(results: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the matrix as a table in Markdown."""
    rows = ['| config | groups | units | BN channels covered | change of outputs | s '
            '| left alone |',
            '| --- | ---: | ---: | ---: | ---: | ---: | --- |']
    for name, found in results.items():
        if 'error' in found:
            rows.append(f'| {name} | - | - | - | - | - | {found["error"]} |')
            continue
        share = f'{found["covered"] / found["channels"]:.1%}' if found['channels'] else 'no BN'
        change = '-' if found['difference'] is None else f'{found["difference"]:.0e}'
        reasons = sorted(set(found['left_alone'].values()))
        rows.append(f'| {name} | {found["groups"]} | {found["units"]:,} | {share} | {change} | '
                    f'{found["seconds"]} | {"; ".join(reasons)[:160] or "-"} |')
    return '\n'.join(rows) + '\n'


def without_pretrained(settings: Any) -> Any:
    """Return settings of a model without the weights that it would download."""
    if isinstance(settings, dict):
        return {key: without_pretrained(value) for key, value in settings.items()
                if key != 'pretrained' and not (key == 'init_cfg' and 'Pretrained' in str(value))}
    return [without_pretrained(v) for v in settings] if isinstance(settings, list) else settings


def _tensors(outputs: Any) -> list[torch.Tensor]:
    leaves = torch.utils._pytree.tree_leaves(outputs)
    return [t for t in leaves if isinstance(t, torch.Tensor) and t.is_floating_point()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('--only', nargs='*', default=[], help='parts of configs\' names')
    parser.add_argument('--out', default='benchmarks/results/any_network')
    parser.add_argument('--again', action='store_true')
    args = parser.parse_args()
    warnings.simplefilter('ignore')
    out = Path(args.out)
    file = out.with_suffix('.json')
    results = json.loads(file.read_text()) if file.is_file() else {}
    for toolbox, path in names():
        name = f'{toolbox}: {path.rpartition("/")[2]}'
        if (args.only and not any(part in name for part in args.only)) or (
                name in results and not args.again):
            continue
        try:
            results[name] = measure(toolbox, path)
        except Exception as error:
            results[name] = dict(error=f'{type(error).__name__}: {" ".join(str(error).split())}'[
                :200])
        print(name, {k: v for k, v in results[name].items() if k not in ('left_alone', 'outside')},
              flush=True)
        file.write_text(json.dumps(results, indent=1) + '\n')
    out.with_suffix('.md').write_text(table(results))


if __name__ == '__main__':
    main()
