"""Computes a study's table as data: each row's scores, over seeds."""
from collections.abc import Mapping, Sequence
from typing import Any

from .claims import MISSING, OPEN, Scores, differences, mean, verdict
from .records import began_with_others
from .spec import Claim, Row, Section, Study

Records = Sequence[Mapping[str, Any]]


def fill_table(study: Study, records: Mapping[str, Mapping[str, Any]], size: str) -> dict[str, Any]:
    """Return the whole table as plain data.

    Args:
        study (Study): Rows and claims.
        records (Mapping): By key; those of other runs do not matter.
        size (str): Name of the size.

    Returns:
        dict: Title, source, sections with rows, and claims with verdicts.
    """
    by_run: dict[str, list[Mapping[str, Any]]] = {}
    for record in records.values():
        by_run.setdefault(record['run'], []).append(record)
    for found in by_run.values():
        found.sort(key=lambda record: record['seed'])
    sections = [dict(title=section.title, data=section.data,
                     metrics=[name for _, name, _ in section.metrics],
                     rows=[fill_row(row, section, by_run.get(row.run, ()), records)
                           for row in section.rows],
                     curves={label: list(runs) for label, runs in section.curves.items()})
                for section in study.sections]
    return dict(study=study.name, title=study.title, source=study.source, size=size,
                sections=sections,
                claims=[fill_claim(claim, sections) for claim in study.claims
                        if _row(sections, claim.higher) and _row(sections, claim.lower)])


def fill_row(row: Row, section: Section, records: Records,
             by_key: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return a row: scores and costs with mean, smallest and largest value over seeds.

    Args:
        row (Row): Label and run.
        section (Section): Its metrics.
        records (Sequence[Mapping]): Of the row's run.
        by_key (Mapping): All records; those of the runs that it began with matter.
    """
    scores = {name: over_seeds({record['seed']: record['metrics'][key] * scale
                                for record in records if key in record['metrics']})
              for key, name, scale in section.metrics}
    return dict(label=row.label, run=row.run, seeds=[record['seed'] for record in records],
                paper=dict(row.paper), metrics=scores, costs=costs(records),
                processors={record['seed']: processor(record) for record in records},
                began_with_others=[record['seed'] for record in records
                                   if began_with_others(record, by_key)],
                classes_without_label=max(
                    (record.get('classes_without_label') or 0 for record in records), default=0))


def processor(record: Mapping[str, Any]) -> str | None:
    """Return the name of the GPU or else CPU that a run was computed by; None of an old record."""
    found = record.get('machine') or {}
    gpu = found.get('gpu', 'none')
    return found.get('cpu') if gpu == 'none' else gpu


def over_seeds(scores: Scores) -> dict[str, Any]:
    """Return the mean, smallest, largest of them, and all, with their seeds."""
    values = list(scores.values())
    return dict(mean=mean(values), min=min(values, default=None), max=max(values, default=None),
                values=values, seeds=list(scores))


def costs(records: Records) -> dict[str, Any]:
    """Return means over seeds of sparsity, parameters and MACs.

    MACs are those of the searched network as if it were dense (``macs_dense``), these times the
    share of prunable weights that is kept, as the paper counts (``macs_density``), and counted
    layer by layer (``macs_layers``).
    """
    whole = [r for r in records if r.get('macs') and r.get('params')]
    density = [1 - (r.get('sparsity') or 0.) for r in whole]
    return dict(
        sparsity=mean([1 - d for d in density]),
        params=mean([r['params']['sparse'] for r in whole]),
        macs_dense=mean([r['macs']['searched'] for r in whole]),
        macs_density=mean([r['macs']['searched'] * d for r, d in zip(whole, density, strict=True)]),
        macs_layers=mean([r['macs']['sparse'] for r in whole]),
        supernet_macs=mean([r['macs']['supernet'] for r in whole if 'supernet' in r['macs']]))


def fill_claim(claim: Claim, sections: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return a claim with its verdict, by the first metric of the table's section.

    Scores over classes without a label do not compare: nothing is resolved by them. ``unpaired``
    are the seeds whose two runs are of different processors, or of which one began with another
    result than the recorded one.
    """
    higher, lower = _row(sections, claim.higher), _row(sections, claim.lower)
    metric = next(iter(higher['metrics']))
    dense = _row(sections, claim.higher.partition('.')[0] + '.dense')
    scores = [_by_seed(row, metric) for row in (higher, lower, dense)]
    reported = [row['paper'].get(metric) for row in (higher, lower)]
    sure = not any(row['classes_without_label'] for row in (higher, lower))
    found = verdict(*scores)
    paired = differences(*scores[:2])
    return dict(text=claim.text, higher=claim.higher, lower=claim.lower, metric=metric,
                verdict=found if sure or found == MISSING else OPEN,
                ours=[row['metrics'][metric]['mean'] for row in (higher, lower)], paper=reported,
                differences=paired,
                unpaired=sorted({*_mixed_seeds(higher, lower), *_strangers(higher, lower)}))


def _strangers(higher: Any, lower: Any) -> set[int]:
    """Return the seeds that both rows have, and of which one began with another result."""
    found = {*higher['began_with_others'], *lower['began_with_others']}
    return found & set(higher['seeds']) & set(lower['seeds'])


def _mixed_seeds(higher: Any, lower: Any) -> list[int]:
    """Return the seeds whose two runs are known to be of different processors."""
    both = (row['processors'] for row in (higher, lower))
    first, second = ({seed: name for seed, name in found.items() if name} for found in both)
    return sorted(seed for seed in set(first) & set(second)
                  if _are_different(first[seed], second[seed]))


def _are_different(one: str, other: str) -> bool:
    """Return whether two names are of different processors; older records lack family and model."""
    (one, model), (other, another) = (name.partition(' (family ')[::2] for name in (one, other))
    return one != other or bool(model and another and model != another)


def _by_seed(row: Any, metric: str) -> Scores:
    found = row['metrics'][metric] if row else over_seeds({})
    return dict(zip(found['seeds'], found['values'], strict=True))


def _row(sections: Sequence[Mapping[str, Any]], run: str) -> Any:
    return next((row for section in sections for row in section['rows'] if row['run'] == run), None)
