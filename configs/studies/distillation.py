# Does the pruned network gain from the dense one that the run was before each prune?
_base_ = ['./_base_/catalogue.py', './_base_/paper.py']
title = 'SuperTickets that learn from their own dense average'
source = 'no table of the paper'
sections = [dict(title='Cityscapes', data='cityscapes', rows=[
    dict(label=f'{name} at {r}%', run=f'cityscapes.{run}_p{r}')
    for r in (90, 95)
    for name, run in (('SuperTicket', 'st'), ('+ distillation', 'st_distilled'))])]
claims = [
    dict(text=f'distillation gains at {r}%', higher=f'cityscapes.st_distilled_p{r}',
         lower=f'cityscapes.st_p{r}') for r in (90, 95)]
