"""Writes the card of a ticket: its task, costs, origin and use."""
from collections.abc import Iterable, Mapping
from typing import Any

from ..settings.checks import as_number
from ..settings.hooks import hook_settings

#: The toolbox, which names the task: the tag that people look for on a hub, and their word for it.
_TASKS = dict(mmseg=('image-segmentation', 'semantic segmentation'),
              mmpretrain=('image-classification', 'image classification'),
              mmpose=('keypoint-detection', 'key points of people'),
              mmdet=('object-detection', 'object detection'))
_SETTINGS = ('SearchHook', 'PruneHook')
#: A line of each card.
MARK = 'library_name: mmst'


def model_card(facts: Mapping[str, Any], name: str) -> str:
    """Return the card as Markdown.

    Args:
        facts (Mapping): The content of ``ticket.json``: as :func:`~mmst.tickets.summary.summarize`
            gives it, with ``metrics``, and ``milliseconds`` and ``machine`` where they are known.
        name (str): That the snippet loads: a folder, or ``hf:user/name``.
    """
    tag, task = _TASKS.get(str(facts.get('default_scope')), ('', 'a task of OpenMMLab'))
    parts = [_front_matter(tag), _headline(facts, task), _table('Metrics', _metrics(facts)),
             _table('Levels', _levels(facts)), _table('Costs', _costs(facts)),
             _table('Speed', _speed(facts)), _data(facts),
             _table('How it was found', _settings(facts)), _usage(name, facts)]
    return '\n\n'.join(part for part in parts if part) + '\n'


def _front_matter(tag: str) -> str:
    lines = [MARK, 'tags:', '- supertickets', '- sparse', '- openmmlab']
    return '\n'.join(['---', *([f'pipeline_tag: {tag}'] if tag else []), *lines, '---'])


def _headline(facts: Mapping[str, Any], task: str) -> str:
    sparsity = f'{float(facts.get("sparsity") or 0):.0%}'
    settings = facts.get('settings') or {}
    in_one_run = all(hook_settings(settings, kind) for kind in _SETTINGS)
    found = (f'of which one training run has removed whole channels and then {sparsity} of the '
             'remaining weights: a SuperTicket (You et al., ECCV 2022)'
             if in_one_run and not facts.get('origin') else
             f'without {sparsity} of its prunable weights')
    return (f'# A ticket for {task}\n\nA network for {task}, {found}. It runs without further '
            'training.')


def _metrics(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    found = facts.get('metrics') or {}
    return [(name, f'{value:.4g}') for name, value in found.items()
            if as_number(value) is not None]


def _levels(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(f'{row["level"]:.9g}', ', '.join([
        f'{row["sparsity"]:.1%} of the weights pruned',
        *(f'{name} {value}' for name, value in _metrics(row))]))
        for row in facts.get('levels') or ()]


def _costs(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    rows = []
    size = 'x'.join(map(str, facts.get('input_shape') or ()))
    for key, title in (('params', 'weights'), ('macs', f'multiply-adds at {size}')):
        costs = facts.get(key) or {}
        rows += [(f'{title}, {network}', _count(costs[network]))
                 for network in ('supernet', 'searched', 'sparse')
                 if as_number(costs.get(network)) is not None]
    return rows


def _speed(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    machine = facts.get('machine') or {}
    on = f' ({machine["cpu"]})' if machine.get('cpu') else ''
    return [(f'{name}{on}', f'{value:.1f} ms')
            for name, value in (facts.get('milliseconds') or {}).items()
            if as_number(value) is not None]


def _data(facts: Mapping[str, Any]) -> str:
    classes = (facts.get('dataset_meta') or {}).get('classes') or ()
    if not classes:
        return ''
    shown = ', '.join(map(_as_cell, classes[:40]))
    more = f' and {len(classes) - 40} more' if len(classes) > 40 else ''
    return f'## Data\n\n{len(classes)} classes: {shown}{more}.'


def _settings(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(f'{kind}.{key}', str(value)) for kind in _SETTINGS
            for key, value in (hook_settings(facts.get('settings') or {}, kind) or {}).items()
            if key != 'type']


def _usage(name: str, facts: Mapping[str, Any]) -> str:
    levels = [f'{row["level"]:.9g}' for row in facts.get('levels') or ()]
    sparser = f'\nsparser = mmst.load({name!r}, level={levels[-1]})' if levels else ''
    return f'''## Use

```python
import mmst

predictor = mmst.load({name!r})  # on a CPU, zero weights cost nothing
prediction = predictor('image.png')
network = predictor.ticket.build()  # of torch{sparser}
```

The same with the file `ticket.safetensors` on the command line:

```bash
mmst test CONFIG ticket.safetensors
mmst cost ticket.safetensors
mmst export ticket.safetensors --format onnx
mmst export ticket.safetensors --format c       # a C library
```'''


def _table(title: str, rows: Iterable[tuple[str, str]]) -> str:
    lines = [f'| {_as_cell(name)} | {_as_cell(value)} |' for name, value in rows]
    return '\n'.join([f'## {title}\n', '| | |', '| --- | --- |', *lines]) if lines else ''


def _count(number: float) -> str:
    for unit, size in (('G', 1e9), ('M', 1e6), ('k', 1e3)):
        if abs(number) >= size:
            return f'{number / size:.3g} {unit}'
    return f'{number:.3g}'


def _as_cell(text: Any) -> str:
    """Return a text that stays in its cell."""
    return ' '.join(str(text).replace('|', r'\|').split())
