"""Searches and prunes done plainly: what the fast forms must equal to the bit."""
import inspect

import torch

from mmst.search.histogram import _counts


def limit_removal(keep, importance, ratio_after):
    """Units one by one in a list; a set of them for each number that is tried."""
    values = {name: importance[name].tolist() for name in keep}
    gone = [(values[name][unit], name, unit) for name, stays in keep.items()
            for unit in sorted(set(range(len(values[name]))) - set(stays))]
    gone.sort(key=lambda entry: entry[0])

    def after(count):
        dropped = {}
        for _, name, unit in gone[:count]:
            dropped.setdefault(name, set()).add(unit)
        return {name: [u for u in range(len(values[name])) if u not in units]
                for name, units in dropped.items()}

    def distance(count):
        return ratio_after(after(count)) - 1

    if distance(len(gone)) >= 0:
        return keep
    above, below = 0, len(gone)
    while below - above > 1:
        middle = (above + below) // 2
        above, below = (middle, below) if distance(middle) >= 0 else (above, middle)
    return after(min((above, below), key=lambda count: abs(distance(count))))


def histogram(groups, importance):
    """Group by group and label by label."""
    values = {}
    for name, group in groups.items():
        for label in group.count_by_label():
            chosen = [i for i, size in enumerate(group.kernel_sizes) if size == label]
            values.setdefault(label, []).append(importance[name][chosen])
    return {label: _counts(torch.cat(parts)) for label, parts in sorted(values.items())}


def lowest(values, count):
    """All entries sorted, in place of a threshold."""
    chosen = torch.zeros(len(values), dtype=torch.bool)
    chosen[values.argsort(stable=True)[:max(count, 0)]] = True
    return chosen


def draw(scores, ratio_count, previous=None):
    """One mask over all scores, by sorting them."""
    flat = torch.cat([score.flatten().float() for score in scores.values()])
    if previous is not None:
        gone = torch.cat([~previous[name].flatten() for name in scores])
        flat = flat.masked_fill(gone, float('-inf'))
        ratio_count = max(ratio_count, int(gone.sum()))
    kept = ~lowest(flat, ratio_count)
    parts = kept.split([score.numel() for score in scores.values()])
    return {name: part.view_as(score)
            for (name, score), part in zip(scores.items(), parts, strict=True)}


@torch.no_grad()
def reactivate(masks, optimizer):
    """Tensor by tensor; what starts again does so alone."""
    lowest_of = {}
    for parameter in masks:
        for key, value in optimizer.state.get(parameter, {}).items():
            if torch.is_tensor(value) and value.shape == parameter.shape and value.numel():
                lowest_of[key] = min(lowest_of.get(key, 0.), float(value.min()))
    for parameter, state in masks.items():
        pruned = state['pruned']
        if 'value' in state:
            parameter.copy_(torch.where(pruned, state['value'], parameter))
        moments = {key: value for key, value in optimizer.state.get(parameter, {}).items()
                   if torch.is_tensor(value) and value.shape == parameter.shape and value.dim()}
        if bool(pruned.all()):
            restart(optimizer, parameter)
            continue
        for key, moment in moments.items():
            start = float(moment[~pruned].mean()) if lowest_of[key] >= 0 else 0.
            moment.masked_fill_(pruned, start)


def restart(optimizer, parameter):
    """A new optimizer of one parameter says what its state begins with."""
    optimizer.state.pop(parameter, None)
    known = inspect.signature(type(optimizer).__init__).parameters
    group = next(g for g in optimizer.param_groups if any(p is parameter for p in g['params']))
    filled = type(optimizer)([parameter], **{
        k: v for k, v in group.items() if k in known and k != 'params'}).state.get(parameter)
    if filled:
        optimizer.state[parameter] = filled
