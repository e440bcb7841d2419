# Fig. 4: tickets and search-then-prune on ImageNet, also retrained.
_base_ = ['./_base_/catalogue.py', './_base_/paper.py']
title = 'Fig. 4: tickets and search-then-prune'
source = 'numbers in the text of paper and supplement; those of its plots are not in the text'
grid = dict(
    data=dict(imagenet='ImageNet'), ratios=(10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 98, 99),
    curves={
        'ST': 'st_p{}', 'ST, retrained': 'st_p{}_rt', 'S+P (magnitude)': 'sp_magnitude_p{}',
        'S+P (magnitude), retrained': 'sp_magnitude_p{}_rt',
        'S+P (gradient)': 'sp_gradient_p{}',
        'S+P (gradient), retrained': 'sp_gradient_p{}_rt'},
    above=[('ST', 'S+P (magnitude)'), ('ST', 'S+P (magnitude), retrained'),
           ('ST', 'S+P (gradient)'), ('ST', 'S+P (gradient), retrained')])
