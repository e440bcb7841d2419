# Fig. 6: tickets and search-then-prune on COCO key points, also retrained.
_base_ = './fig5.py'
title = 'Fig. 6: tickets and search-then-prune'
grid = dict(data=dict(_delete_=True, coco='COCO key points'))
