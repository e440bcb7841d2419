# CamVid as in camvid.py, but an epoch is all images: 60 epochs are 2,700 steps, in which the dense
# network comes to about half of the pixels by class. All searches end at the same multiply-adds,
# 60% of the supernet's, so that rows differ in their masks and weights alone. At the paper's
# threshold a run of a hundredth of its length removes units late, and a penalty that grows until
# then costs more than the units do: ten times the threshold ends the search in the first sixth of
# the run.
_base_ = './camvid.py'
SEARCHED = [f'cityscapes.{name}' for name in (
    'search', 'search_half', 'two_in_one*', 'st_p??', 'st_*_p??')]
SEARCH = {'default_hooks.search.target_flops': 222e6, 'default_hooks.search.threshold': 1e-2}
# By the table of an AMD EPYC the ticket of multiply-adds (seed 0) takes 10.8 ms: a fifth less. LAMP
# alone is that much quicker, so that with a table it has to take a tenth less again.
TABLE = 'benchmarks/results/camvid_long/table.json'
TIMED = {'default_hooks.search.threshold': 1e-2, 'default_hooks.search.target_ms': 8.6,
         'default_hooks.search.table': TABLE, 'default_hooks.prune.table': TABLE}
TIMED_MASK = {**SEARCH, 'default_hooks.prune.target_ms': 8.6, 'default_hooks.prune.table': TABLE}
HALVED = {'train_cfg.max_epochs': 30, 'param_scheduler.0.total_steps': 30,
          'train_cfg.val_begin': 30, 'train_cfg.val_interval': 30}
options = {
    'cityscapes.*': {'train_dataloader.sampler.share': 1},
    **dict.fromkeys(SEARCHED, SEARCH),
    'cityscapes.milliseconds_p??': TIMED,
    'cityscapes.timed_*_p??': TIMED_MASK,
    'cityscapes.timed_lamp_p??': {**TIMED_MASK, 'default_hooks.prune.target_ms': 7.6},
    'cityscapes.search_half': {**HALVED, **SEARCH},
    'cityscapes.gmp_p??': {**HALVED, 'default_hooks.prune.interval': 2},
    'cityscapes.acdc_p??': {**HALVED, 'default_hooks.prune.interval': 3}}
