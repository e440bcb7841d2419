"""Writes the report as one HTML page that needs nothing but itself."""
import base64
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from ...tickets.plain_data import as_plain_data
from .assets import SCRIPT, STYLE
from .collect import RunData
from .headline import headline
from .html import fold, pairs
from .network_section import architecture_section, cost_section, heat_section, importance_section
from .samples import Sample
from .svg import tag, text
from .timeline_section import timeline_section

#: Settings that decide how a run goes; the whole config follows below them.
_SETTINGS = ('default_hooks.search', 'default_hooks.prune', 'default_hooks.recalibrate',
             'default_hooks.ema', 'optim_wrapper', 'train_cfg', 'param_scheduler',
             'train_dataloader.batch_size', 'model.backbone', 'model.neck')


def page(data: RunData, samples: Sequence[Sample]) -> str:
    """Return the whole page; the same run gives the same page."""
    sections = [
        ('timeline', 'Timeline', timeline_section(data)),
        ('architecture', 'Architecture', architecture_section(data)),
        ('layers', 'Layers', heat_section(data)),
        ('importance', 'Importance', importance_section(data)),
        ('costs', 'Costs', cost_section(data)),
        ('samples', 'Samples', ''.join(map(_sample, samples))),
        ('settings', 'Settings', _settings(data)),
        ('provenance', 'Provenance', _provenance(data))]
    links = tag('nav', *(tag('a', name, href=f'#{key}') for key, name, _ in sections))
    body = [tag('section', tag('h2', name), content, id=key) for key, name, content in sections]
    title = f'Run {data.name}'
    return ('<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            # Without an icon of its own, a browser would ask for one.
            '<link rel="icon" href="data:,">'
            f'<title>{text(title)}</title><style>{STYLE}</style></head><body>'
            f'<header><h1>{text(title)}</h1>{_head(data)}</header>{links}'
            f'<main>{"".join(body)}</main><p class="tip" aria-live="polite"></p>'
            f'<script>{SCRIPT}</script></body></html>\n')


def status(data: RunData) -> str:
    """Return how far the run is, in a sentence."""
    steps = data.run.get('steps')
    if data.summary is not None:
        return f'Finished at {data.unit} {data.summary["step"]}' + (
            f' of {steps}: stopped early.' if steps and data.summary['step'] < steps else '.')
    of = f' of {steps}' if steps else ''
    return (f'Not finished: the last event was at {data.unit} {data.last_step}{of}. All figures '
            'are those of that moment; there is no ticket yet.')


def _head(data: RunData) -> str:
    """Return the status, the missing parts, and the headline."""
    notes = [tag('p', text(note), class_='note warning') for note in data.notes]
    return ''.join([tag('p', text(status(data)), class_='status'), *notes, headline(data)])


def _sample(sample: Sample) -> str:
    if sample.png is None:
        return tag('p', text(sample.text), class_='note')
    source = f'data:image/png;base64,{base64.b64encode(sample.png).decode()}'
    colours = [tag('span', tag('svg', tag('rect', width=12, height=12, fill=colour),
                               viewBox='0 0 12 12', aria_hidden='true'), ' ', text(name))
               for colour, name in sample.legend]
    return tag('figure', f'<img alt="{text(sample.text)}" src="{source}">',
               tag('figcaption', text(sample.text)),
               tag('p', *colours, class_='legend') if colours else '', class_='sample')


def _settings(data: RunData) -> str:
    if data.cfg is None or data.config_path is None:
        return tag('p', 'The run\'s config is not there.', class_='note')
    cfg = as_plain_data(data.cfg.to_dict())
    flat = {key: value for name in _SETTINGS
            for key, value in flatten(name, _find(cfg, name)).items()}
    source = data.config_path.read_text(encoding='utf-8', errors='replace')
    return pairs(flat.items()) + fold('The whole config', tag('pre', text(source), tabindex='0'))


def _provenance(data: RunData) -> str:
    facts: dict[str, Any] = {'work directory': data.name}
    meta = data.summary or data.run
    facts['seed'] = meta.get('seed', 'not recorded')
    for name, version in (meta.get('versions') or {}).items():
        facts[f'{name} version'] = version
    if data.config_path is not None:
        content = data.config_path.read_bytes()
        facts['config'] = data.config_path.name
        facts['SHA-256 of the config'] = hashlib.sha256(content).hexdigest()
    if data.weights is not None:
        facts['weights'] = data.weights.name
    facts['started, and resumed'] = ', '.join(data.starts) or 'not recorded'
    return pairs(facts.items())


def _find(cfg: Any, name: str) -> Any:
    """Return a setting by its dotted name; None where there is none."""
    for key in name.split('.'):
        cfg = cfg.get(key) if isinstance(cfg, Mapping) else None
    return cfg


def flatten(name: str, value: Any) -> dict[str, Any]:
    """Return dotted names to the values of nested settings; None is left out."""
    if isinstance(value, Mapping):
        return {key: item for inner, content in value.items()
                for key, item in flatten(f'{name}.{inner}', content).items()}
    return {} if value is None else {name: value}
