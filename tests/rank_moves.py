"""Jobs for the processes of ``ranks``: runs that are stopped and go on elsewhere."""
from rank_jobs import distributed, state, weaken
from tiny import make

from mmst.engine.run.work_dir_lock import release


class Stop(Exception):
    """The run was stopped."""


MOVED = dict(
    length=8, batch_size=2, checkpoint=dict(interval=1), ticket=True, noise=0.1,
    probes=[(60, dict(after_train_epoch=weaken))],
    custom_hooks=[dict(type=f'mmst.{name}Hook') for name in ('Seed', 'Resume', 'Fingerprint')],
    optimizer=dict(type='AdamW', lr=0.01), search=dict(warmup=4),
    param_scheduler=dict(type='OneCycleLR', eta_max=0.01, total_steps=5, by_epoch=True,
                         convert_to_iter_based=True))


def begin(work_dir, stop, epochs=5) -> list:
    """A run that is stopped after the checkpoint of an epoch; its state then."""
    found = []

    def end(runner):
        found.append(state(runner))
        if runner.epoch + 1 == stop:
            raise Stop

    runner = make(work_dir, epochs, **distributed(), **dict(
        MOVED, probes=[*MOVED['probes'], (95, dict(after_train_epoch=end))]))
    try:
        runner.train()
    except Stop:
        release(work_dir)
    return found


def go_on(work_dir, epochs=5) -> tuple:
    """A resumed run: state at its start and at each epoch's end, and rates and places then."""
    found, places = [], []
    rates = lambda runner: places.append((  # noqa: E731
        runner.iter, runner.optim_wrapper.get_lr()['lr'][0], runner.optim_wrapper.penalty.rho))
    probes = [(100, dict(before_train=lambda runner: found.append(state(runner)))),
              (95, dict(after_train_epoch=lambda runner: found.append(state(runner)))),
              (95, dict(after_train_iter=rates))]
    make(work_dir, epochs, resume=True, **distributed(),
         **dict(MOVED, probes=[*MOVED['probes'], *probes])).train()
    return found, places
