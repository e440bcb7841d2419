# Fig. 2: plain two-in-one training against search-then-prune on Cityscapes.
_base_ = ['./_base_/catalogue.py', './_base_/paper.py']
title = 'Fig. 2: two-in-one training and search-then-prune'
source = 'numbers in the text of paper and supplement; those of its plots are not in the text'
grid = dict(
    data=dict(cityscapes='Cityscapes'), ratios=(30, 50, 70, 80, 90, 95, 98),
    curves={
        'Two-in-one': 'two_in_one_p{}', 'S+P (magnitude)': 'sp_magnitude_p{}',
        'S+P (gradient)': 'sp_gradient_p{}', 'S+P (random)': 'sp_random_p{}'},
    above=[('Two-in-one', 'S+P (magnitude)'), ('Two-in-one', 'S+P (gradient)'),
           ('Two-in-one', 'S+P (random)')])
