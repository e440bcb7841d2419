# Fig. 5: tickets and search-then-prune on Cityscapes and ADE20K, also retrained.
_base_ = './fig4.py'
title = 'Fig. 5: tickets and search-then-prune'
grid = dict(
    data=dict(_delete_=True, cityscapes='Cityscapes', ade20k='ADE20K'),
    ratios=(30, 50, 70, 80, 90, 95, 98))
