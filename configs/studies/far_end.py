# Where magnitude alone collapses: S+P by magnitude against optimal brain compression, which adapts
# the weights that stay, both without retraining.
_base_ = ['./_base_/catalogue.py', './_base_/paper.py']
title = 'S+P at the highest ratios: magnitude and optimal brain compression'
source = 'paper, Table 1 (Cityscapes, 90%); optimal brain compression is not in the paper'
RATIOS_SHOWN = (90, 95, 98)
sections = [dict(title='Cityscapes', data='cityscapes', rows=[
    dict(label=f'S+P ({name}) at {r}%', run=f'cityscapes.sp_{run}_p{r}')
    for r in RATIOS_SHOWN
    for name, run in (('magnitude', 'magnitude'), ('optimal brain compression', 'obc'))])]
claims = [
    dict(text=f'optimal brain compression above magnitude at {r}%',
         higher=f'cityscapes.sp_obc_p{r}', lower=f'cityscapes.sp_magnitude_p{r}')
    for r in RATIOS_SHOWN]
