# Why does IR-P collapse? It has no sparse training: what grew back since the last prune is cut at
# once. One-shot ratios, so that the interval of prunes alone decides for how long it grows.
_base_ = ['./_base_/catalogue.py', './_base_/paper.py']
title = 'IR-P against sparse training, at the intervals of the size'
source = 'paper, Table 1 (Cityscapes)'
sections = [dict(title='Cityscapes', data='cityscapes', rows=[
    dict(label='Two-in-one', run='cityscapes.two_in_one_p90'),
    dict(label='+ IR-P', run='cityscapes.two_in_one_irp_p90')])]
claims = [dict(text='IR-P falls below sparse training', higher='cityscapes.two_in_one_p90',
               lower='cityscapes.two_in_one_irp_p90')]
