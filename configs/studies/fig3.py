# Fig. 3: plain two-in-one training against search-then-prune on COCO key points.
_base_ = './fig2.py'
title = 'Fig. 3: two-in-one training and search-then-prune'
grid = dict(data=dict(_delete_=True, coco='COCO key points'))
