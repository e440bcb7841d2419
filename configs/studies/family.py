# One run of a whole family, whose levels are measured as it ends, against a run for each of them.
# Runs of their own let pruned weights return with their values, too, as the passes of looser levels
# keep those alive.
_base_ = ['./_base_/catalogue.py', './_base_/paper.py']
title = 'Nested masks of one run against a run for each sparsity'
source = 'no table of the paper'
RATIOS_SHOWN = (70, 90, 95)
sections = [dict(title='Cityscapes', data='cityscapes', rows=[
    dict(label=f'{name} at {r}%', run=f'cityscapes.{run}_p{r}')
    for r in RATIOS_SHOWN
    for name, run in (('Run of its own', 'st_value'), ('Level of the family', 'family_level'))])]
claims = [
    dict(text=f'a run of its own above the level at {r}%', higher=f'cityscapes.st_value_p{r}',
         lower=f'cityscapes.family_level_p{r}') for r in RATIOS_SHOWN]
