# The demo's network, trained for as long without search and pruning, to compare the ticket with.
_base_ = './st_hrnas_imagenet_p90_demo.py'
default_hooks = dict(search=None, prune=None, recalibrate=None, ticket=dict(input_shape=(64, 64)))
