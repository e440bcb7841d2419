# All runs that the paper's and the supplement's tables and figures are made of, for each data set
# and pruning ratio. A study names some of them as rows; what these need is run with them.
DATA = ('cityscapes', 'ade20k', 'imagenet', 'coco')
RATIOS = (10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 98, 99)
# Those of a run that trains a whole family.
LEVELS = (0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98)
# Source, target, whether the source has the target's kind of neck.
TRANSFERS = (('ade20k', 'cityscapes', True), ('cityscapes', 'ade20k', True),
             ('imagenet', 'cityscapes', False), ('imagenet', 'ade20k', False),
             ('imagenet', 'coco', False))
# Schedule of the pruning ratio and time of reactivation: Table 1 and Fig. 7.
VARIANTS = dict(two_in_one=('one_shot', None), two_in_one_irs=('one_shot', 'search'),
                two_in_one_irp=('one_shot', 'prune'),
                two_in_one_pp=('progressive', None), two_in_one_pp_irp=('progressive', 'prune'),
                st=('progressive', 'search'))
# Epochs of half a run, where others' sparse training is compared: a search, then GMP or AC/DC.
HALVES = dict(cityscapes=215, ade20k=100)
HALVED = {d: {'train_cfg.max_epochs': n, 'param_scheduler.0.total_steps': n}
          for d, n in HALVES.items()}
OTHERS = dict(gmp='cubic', acdc='alternating')
SCORES = dict(seg=[('mIoU', 'mIoU', 1), ('mAcc', 'mAcc', 1), ('aAcc', 'aAcc', 1)],
              cls=[('accuracy/top1', 'top-1', 1), ('accuracy/top5', 'top-5', 1)],
              pose=[('coco/AP', 'AP', 100), ('coco/AP (M)', 'APM', 100),
                    ('coco/AP (L)', 'APL', 100), ('coco/AR', 'AR', 100)])
metrics = dict(cityscapes=SCORES['seg'], ade20k=SCORES['seg'], imagenet=SCORES['cls'],
               coco=SCORES['pose'])
seeds = [0]
# A constant answer; nothing searched or pruned; searched alone.
runs = [dict(name=f'{d}.chance', tool='chance') for d in DATA]
runs += [dict(name=f'{d}.dense', tool='train', options={
    'default_hooks.search': None, 'default_hooks.prune': None, 'default_hooks.recalibrate': None})
    for d in DATA]
runs += [dict(name=f'{d}.search', tool='train', options={'default_hooks.prune': None})
         for d in DATA]
# S+P: one search is pruned at all ratios by all criteria.
runs += [dict(name=f'{d}.sp_{c}_p{r}', tool='prune', ticket=f'{d}.search',
              arguments=dict(criterion=c, sparsity=r / 100))
         for d in DATA for c in ('random', 'magnitude', 'gradient', 'obc') for r in RATIOS]
# Two-in-one training.
runs += [dict(name=f'{d}.{name}_p{r}', tool='train', options={
    'default_hooks.prune.sparsity': r / 100, 'default_hooks.prune.schedule': schedule,
    'default_hooks.prune.reactivation': reactivation})
    for d in DATA for name, (schedule, reactivation) in VARIANTS.items() for r in RATIOS]
# IR-P and IR-S whose pruned weights return with their values instead of from zero.
runs += [dict(name=f'{d}.{name}_value_p{r}', tool='train', options={
    'default_hooks.prune.sparsity': r / 100, 'default_hooks.prune.schedule': 'progressive',
    'default_hooks.prune.reactivation': reactivation, 'default_hooks.prune.revive': 'value'})
    for d in DATA for name, reactivation in (('two_in_one_pp_irp', 'prune'), ('st', 'search'))
    for r in RATIOS]
# Masks that take fewer milliseconds than one of the network's largest weights: one of each layer,
# and one of the largest shares of layers (LAMP).
runs += [dict(name=f'{d}.st_layer_p{r}', tool='train', options={
    'default_hooks.prune.sparsity': r / 100, 'default_hooks.prune.scope': 'layer'})
    for d in DATA for r in RATIOS]
runs += [dict(name=f'{d}.st_lamp_p{r}', tool='train', options={
    'default_hooks.prune.sparsity': r / 100, 'default_hooks.prune.criterion': 'lamp'})
    for d in DATA for r in RATIOS]
# Two-in-one training that learns from its own dense average while a mask is in force.
runs += [dict(name=f'{d}.st_distilled_p{r}', tool='train', options={
    'default_hooks.prune.sparsity': r / 100,
    'default_hooks.distill.type': 'mmst.DistillationHook', 'default_hooks.distill.every': 2})
    for d in DATA for r in RATIOS]
# Searched and pruned by a table of the machine (mmst profile CONFIG --out work_dirs/table.json);
# the size says how many milliseconds the search ends at.
TABLE, TO_BE_GIVEN = 'work_dirs/table.json', 'to be given by a size file'
TIMED = {'default_hooks.prune.table': TABLE, 'default_hooks.prune.allocation': 'magnitude'}
runs += [dict(name=f'{d}.milliseconds_p{r}', tool='train', options={
    'default_hooks.search.target_flops': None, 'default_hooks.search.target_ms': TO_BE_GIVEN,
    'default_hooks.search.table': TABLE, **TIMED, 'default_hooks.prune.sparsity': r / 100})
    for d in DATA for r in RATIOS]
# Searched as ever; the mask by the table, for no more milliseconds than the size says.
runs += [dict(name=f'{d}.{name}_p{r}', tool='train', options={
    **TIMED, 'default_hooks.prune.target_ms': TO_BE_GIVEN,
    'default_hooks.prune.criterion': criterion, 'default_hooks.prune.sparsity': r / 100})
    for d in DATA for name, criterion in (('timed_mask', 'magnitude'), ('timed_lamp', 'lamp'))
    for r in RATIOS]
# Nested masks of one run, and its control at the same way of reactivation: st_value.
runs += [dict(name=f'{d}.st_family_p90', tool='train', options={
    'default_hooks.prune.sparsity': 0.9, 'default_hooks.prune.revive': 'value',
    'default_hooks.prune.family': LEVELS}) for d in DATA]
runs += [dict(name=f'{d}.family_level_p{round(100 * level)}', tool='export',
              family=f'{d}.st_family_p90', arguments=dict(level=level))
         for d in DATA for level in LEVELS]
# Sparse training of a searched network, for which the search has taken half of the steps.
runs += [dict(name=f'{d}.search_half', tool='train', options={
    **HALVED[d], 'default_hooks.prune': None}) for d in HALVES]
runs += [dict(name=f'{d}.{name}_p{r}', tool='train', ticket=f'{d}.search_half', options={
    **HALVED[d], 'default_hooks.search': None, 'default_hooks.prune.sparsity': r / 100,
    'default_hooks.prune.reactivation': None, 'default_hooks.prune.schedule': schedule})
    for d in HALVES for name, schedule in OTHERS.items() for r in RATIOS]
# With retraining: optimizer and schedule of the run that was pruned go on, the schedule stretched.
runs += [dict(name=f'{d}.sp_{c}_p{r}_rt', tool='retrain', ticket=f'{d}.sp_{c}_p{r}',
              checkpoint=f'{d}.search', arguments=dict(epochs=50))
         for d in DATA for c in ('random', 'magnitude', 'gradient') for r in RATIOS]
runs += [dict(name=f'{d}.{name}_p{r}_rt', tool='retrain', checkpoint=f'{d}.{name}_p{r}',
              arguments=dict(epochs=50)) for d in DATA for name in VARIANTS for r in RATIOS]
# Lottery-ticket settings: the size says when rewind points are kept.
runs += [dict(name=f'{d}.st_p{r}_rp', tool='lottery', ticket=f'{d}.st_p{r}',
              arguments=dict(setting='rp')) for d in DATA for r in RATIOS]
runs += [dict(name=f'{d}.st_p{r}_rr_init', tool='lottery', ticket=f'{d}.st_p{r}',
              arguments=dict(setting='rr-init', epochs=50)) for d in DATA for r in RATIOS]
runs += [dict(name=f'{d}.st_p{r}_{s}', tool='lottery', ticket=f'{d}.st_p{r}',
              rewind=f'{d}.st_p{r}', arguments=dict(setting=s, epochs=50))
         for d in DATA for r in RATIOS for s in ('lt', 'elt', 'llt')]
# Transfer: between segmentation sets only the classifier is new; from ImageNet the neck is that of
# the target's own ticket.
runs += [dict(name=f'{target}.from_{source}_p{r}{end}', tool='transfer', ticket=f'{source}.st_p{r}',
              neck=None if same else f'{target}.st_p{r}',
              arguments=dict(variant=variant, epochs=210 if target == 'coco' else 50))
         for source, target, same in TRANSFERS for r in RATIOS
         for variant, end in (('st', ''), ('rp', '_rp'), ('rr-init', '_rr_init'))]
