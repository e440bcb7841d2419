"""Computes traffic, storage and time of the paper's four runs on 8 and 64 GPUs.

    python benchmarks/scale.py
    python benchmarks/scale.py --gpus 8 16 --step-ms 250 --bandwidth 25

Nothing is trained. The networks, optimizers, hooks and data loaders' settings are the shipped
configs'; multiply-adds are counted, and parameters, optimizer states, averages and masks are
made and written to memory, and their bytes counted. The number of images is the data set's own.
A step's time follows from the multiply-adds and one measured step, ``--reference-ms``;
``--step-ms`` sets it for all runs instead. ``--bandwidth`` is an assumption. It writes
``docs/scale.md``.
"""
import argparse
import io
import json
import math
import sys
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import MODELS, init_default_scope
from training_report import table

from mmst.costs.cost import layer_costs, total
from mmst.openmmlab.internals import forget_initialization
from mmst.pruning.prunable import prunable_weights
from mmst.search.recalibrate import batch_norms
from mmst.search.units import find_units

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / 'docs' / 'scale.md'
EVENTS = ROOT / 'benchmarks' / 'results' / 'events.json'
#: Images of the training sets; of COCO the people with key points, which are its samples.
IMAGES = dict(cityscapes=2975, ade20k=20210, coco=149813, imagenet=1281167)
NAMES = dict(cityscapes='Cityscapes', ade20k='ADE20K', coco='COCO', imagenet='ImageNet')
#: Images that an evaluation reads, and their size; ADE20K's and COCO's are typical (see the page).
EVALUATED = dict(cityscapes=(500, (1024, 2048)), ade20k=(2000, (512, 683)),
                 coco=(2 * 6352, (256, 192)), imagenet=(50000, (224, 224)))
REFERENCE = (2, (256, 512))  # images and size of the measured step, of Cityscapes' supernet
FLOAT = 4  # bytes
MODELS_HELD = 2  # the network in training and its average, which are recalibrated both


def main() -> int:
    """Count for each run and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--gpus', type=int, nargs='+', default=[8, 64])
    parser.add_argument('--reference-ms', type=float, default=84.,
                        help='milliseconds of a step of the Cityscapes supernet, 2x256x512')
    parser.add_argument('--step-ms', type=float,
                        help='milliseconds that a step of any run takes, in place of the estimate')
    parser.add_argument('--bandwidth', type=float, default=25.,
                        help='GB/s at which a GPU sends to its neighbour: an assumption')
    args = parser.parse_args()
    runs = {name: count(name) for name in IMAGES}
    PAGE.write_text(page(runs, args))
    print(PAGE.read_text())
    return 0


def count(name: str) -> dict[str, Any]:
    """Return sizes and numbers of one of the paper's runs at 90%, from its config."""
    cfg = Config.fromfile(ROOT / 'configs' / f'st_hrnas_{name}_p90.py')
    init_default_scope(cfg.default_scope)
    model = MODELS.build(cfg.model)
    forget_initialization(model)
    model.init_weights()
    hooks, epochs = cfg.default_hooks, cfg.train_cfg.max_epochs
    evaluated, size = EVALUATED[name]
    return dict(
        macs=macs(model, hooks.search.input_shape),
        evaluation=evaluated * macs(model, size),
        evaluations=epochs // cfg.train_cfg.val_interval,
        reference=REFERENCE[0] * macs(model, REFERENCE[1]) if name == 'cityscapes' else None,
        recalibrated=MODELS_HELD * hooks.recalibrate.batches * recalibrations(
            hooks.search.interval, hooks.prune.interval, cfg.train_cfg.val_interval, epochs),
        parameters=sum(p.numel() for p in model.parameters() if p.requires_grad),
        statistics=sum(2 * bn.num_features for bn in batch_norms(model)),
        units=sum(len(group) for group in find_units(model).values()),
        prunable=sum(w.numel() for w in prunable_weights(model).values()),
        checkpoint=checkpoint_bytes(model, cfg),
        images=IMAGES[name], batch=cfg.train_dataloader.batch_size, epochs=epochs,
        searches=epochs // hooks.search.interval, prunes=epochs // hooks.prune.interval,
        saves=epochs // hooks.checkpoint.interval, kept=hooks.checkpoint.max_keep_ckpts + 1,
        save_every=hooks.checkpoint.interval)


def recalibrations(search: int, prune: int, evaluate: int, epochs: int) -> int:
    """Count a run's: after each search or prune, and at each evaluation after the first of them.

    Args:
        search (int): Epochs between searches; ``prune`` and ``evaluate`` likewise.
        epochs (int): Length of the run, which ends with an evaluation.
    """
    first = min(search, prune)
    return sum(not (epoch % search and epoch % prune and epoch % evaluate and epoch < epochs)
               for epoch in range(first, epochs + 1))


def macs(model: torch.nn.Module, input_shape: tuple[int, int]) -> float:
    """Count the multiply-adds of one image's forward pass."""
    return total(layer_costs(model, tuple(input_shape)))['macs']


def checkpoint_bytes(model: torch.nn.Module, cfg: Config) -> int:
    """Return the bytes of a checkpoint: network, averages, optimizer's state after a step, mask."""
    wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    wrapper.optimizer.step()
    state = model.state_dict()
    averages = {f'module.{name}': value.clone() for name, value in state.items()}
    mask = {name: torch.ones_like(w, dtype=torch.bool)
            for name, w in prunable_weights(model).items()}
    file = io.BytesIO()
    torch.save(dict(state_dict=state, ema_state_dict=averages, mmst_mask=mask,
                    optimizer=wrapper.optimizer.state_dict()), file)
    return file.tell()


def steps(run: dict[str, Any], gpus: int) -> int:
    """Count a run's steps, each GPU with the config's batch; an incomplete batch is a step too."""
    return run['epochs'] * math.ceil(math.ceil(run['images'] / gpus) / run['batch'])


def times(runs: dict[str, dict], args: argparse.Namespace) -> dict[str, dict[str, float]]:
    """Estimate milliseconds by run: a step, recalibrations and one GPU's share of evaluations.

    A forward pass is a third of a step's multiply-adds.
    """
    per_mac = args.reference_ms / runs['cityscapes']['reference']
    result = {}
    for name, run in runs.items():
        work = run['batch'] * run['macs']
        step = args.step_ms or per_mac * work
        result[name] = dict(
            step=step, recalibration=run['recalibrated'] * step / 3,
            evaluation=run['evaluations'] * run['evaluation'] * step / work / 3)
    return result


def ring(values: int, gpus: int) -> float:
    """Return the bytes that each GPU sends in a ring all-reduce of so many float32 values."""
    return 2 * (gpus - 1) / gpus * FLOAT * values


# --------------------------------------------------------------------------------------- the page


def page(runs: dict[str, dict], args: argparse.Namespace) -> str:
    """Write ``docs/scale.md`` as text."""
    command = 'python benchmarks/scale.py --gpus {} --reference-ms {:g} --bandwidth {:g}'.format(
        ' '.join(map(str, args.gpus)), args.reference_ms, args.bandwidth)
    if args.step_ms:
        command += f' --step-ms {args.step_ms:g}'
    return '\n\n'.join([
        '# 8 GPUs and more',
        f'Computed, not measured, by `{command}`: sizes are those of the shipped networks, '
        'optimizers and hooks before the first search; everything shrinks with the network. '
        f'{args.bandwidth:g} GB/s between neighbours is an assumption: give your own. '
        'No run of several GPUs has been measured.',
        '## Communication of a GPU', _sent(runs, args), _overlap(),
        '## How long', _hours(runs, args), _source(args), BATCH,
        '## Checkpoints, and the costs of a dead rank', _stored(runs, args), DEAD, PAPER]) + '\n'


def _sent(runs: dict[str, dict], args: argparse.Namespace) -> str:
    rows = [(NAMES[name], gpus, _mega(ring(run['parameters'], gpus)),
             f'{ring(run["parameters"], gpus) / args.bandwidth / 1e6:.1f}',
             _mega(FLOAT * run['units']), _mega(run['prunable']),
             _mega(MODELS_HELD * (ring(run['statistics'], gpus) + FLOAT * run['statistics'])))
            for name, run in runs.items() for gpus in args.gpus]
    return '\n'.join(table(
        ('run', 'GPUs', 'each step: gradients', 'that in ms', 'each search: indices, at most',
         'each prune: mask', 'each recalibration: BN statistics'), rows))


def _overlap() -> str:
    times = json.loads(EVENTS.read_text())['supernet']['times']
    return OVERLAP.format(**{name: times[name]['median_ms'] / 1e3 for name in ('search', 'prune')})


def _hours(runs: dict[str, dict], args: argparse.Namespace) -> str:
    rows = []
    events = json.loads(EVENTS.read_text())['supernet']['times']
    for name, took in times(runs, args).items():
        run = runs[name]
        pause = sum(run[key] * events[event]['median_ms']
                    for key, event in (('searches', 'search'), ('prunes', 'prune')))
        for gpus in args.gpus:
            parts = (steps(run, gpus) * took['step'], pause + took['recalibration'],
                     took['evaluation'] / gpus)
            rows.append((NAMES[name], gpus, run['batch'] * gpus, f'{steps(run, gpus):,}',
                         f'{run["batch"] * run["macs"] / 1e9:.1f}', f'{took["step"]:.0f}',
                         *(f'{part / 3.6e6:.2f}' for part in (*parts, sum(parts))),
                         f'{steps(run, gpus) * ring(run["parameters"], gpus) / 1e12:.2f}'))
    return '\n'.join(table(
        ('run', 'GPUs', 'batch', 'steps', 'G multiply-adds forward', 'ms a step', 'hours: steps',
         'events', 'evaluation', 'in all', 'TB sent by a GPU'), rows))


def _source(args: argparse.Namespace) -> str:
    return (f'All runs take {args.step_ms:g} ms a step, as given.\n' if args.step_ms
            else '') + SOURCE.format(reference=args.reference_ms)


def _stored(runs: dict[str, dict], args: argparse.Namespace) -> str:
    rows, took = [], times(runs, args)
    for name, run in runs.items():
        for gpus in args.gpus:
            hours = (steps(run, gpus) / run['epochs'] * run['save_every']
                     * took[name]['step'] / 3.6e6)
            rows.append((NAMES[name], gpus, _mega(run['checkpoint']),
                         f'{run["save_every"]} epochs, {60 * hours:.1f} min',
                         f'{run["checkpoint"] / 1e9 / hours:.1f} GB',
                         f'{run["kept"] * run["checkpoint"] / 1e9:.2f} GB',
                         f'{run["saves"] * run["checkpoint"] / 1e9:.1f} GB',
                         f'{60 * hours:.1f} min, {gpus * hours:.1f}'))
    return '\n'.join(table(
        ('run', 'GPUs', 'a checkpoint', 'every', 'written an hour',
         'on disk at a time (3 and the best)', 'written in a run, without the best',
         'lost with a rank, at most: time, GPU hours'), rows))


def _mega(count_: float) -> str:
    return f'{count_ / 1e6:.1f} MB'


OVERLAP = """
Without CUDA graphs the gradients of a bucket are sent while the backward pass goes on. With them
(`default_hooks.fast.cuda_graph`, on by default) the gradients of a captured part arrive together
when its graph has been replayed, so that only parts overlap: the gradients of the neck and the head
travel while the backbone's graph runs; those of the backbone, which are most, do not. Nothing
overlaps with an event, and all GPUs wait for the first: it decides on a
search's indices and a prune's mask and sends them.
On one thread of a CPU a search of the full-width supernet takes {search:.2f} s and a prune
{prune:.2f} s ([record](results/events.md)); their time on a GPU has not been measured.
Each GPU computes averages and penalties, and applies the mask it was sent, for itself.
""".strip()

SOURCE = """
Estimates: a step's time grows with its multiply-adds (of the network at its own input size,
times the images of a GPU) from {reference:g} ms of the Cityscapes supernet at 2x256x512, by
default one H100's figure ([performance](performance.md)). Small steps are bound by launches of
kernels, so larger ones probably take less: above the reference an upper bound, below it a lower
one. The same card's 96 ms for classification of 8x224x224 are more than this says, as launches
bound it. Waiting for data and for gradients is left out. Events are searches and prunes at a
CPU's times (above) and recalibration, which follows each of them and comes before each later
evaluation: ten batches of the network and of its average. Recalibration and evaluation are forward
passes, a third of a step's multiply-adds: ADE20K's images count as 512x683, COCO's people as the
6352 of val2017 that are annotated, each also mirrored.
""".strip()

BATCH = """
Each GPU keeps the config's batch, so more GPUs mean a larger batch and fewer steps. Three things
follow. The learning rate is to be scaled (`--auto-scale-lr`). The penalty acts once a step: with an
eighth of the steps the importance factors fall about an eighth as far at the same rate and ρ, so
that a search removes less. Averages cover a longer time: set `default_hooks.ema.momentum` to
1 - 0.9999^(batch / 4096), as the configs do for theirs. At 64 GPUs an epoch of Cityscapes is so
short that a smaller batch a GPU serves better.
""".strip()

DEAD = """
A checkpoint serves `--resume`: it holds the network, its averages, the optimizer's state, the mask
and the random states of all processes. The first process writes it while the others wait.

When a process dies, torchrun ends the others as soon as it notices. One that hangs without dying is
noticed by the time limit of NCCL (`env_cfg.dist_cfg.timeout`; torch's own is 10 minutes). The
training since the last checkpoint is lost, and `--resume` goes on from that, on as many GPUs or
others. Lower `default_hooks.checkpoint.interval` where machines die more often. `SIGTERM`, which a
batch system sends before it ends a job, writes a checkpoint at the next step.
""".strip()

PAPER = """
A run of the paper's length and sparsity ends with a table of the paper's figures, its own and
the differences (`default_hooks.ticket.paper` in the configs holds them). For ImageNet the paper
gives 50% alone, so that `configs/st_hrnas_imagenet_p50.py` is compared, and 90% is not.
""".strip()

if __name__ == '__main__':
    sys.exit(main())
