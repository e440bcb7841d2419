# CamVid with a prune every 20 of 60 epochs instead of every 5: longer training between prunes.
configs = dict(cityscapes='../../demo/st_hrnas_camvid_p90.py')
options = {'cityscapes.two_in_one*': {'default_hooks.prune.interval': 20}}
