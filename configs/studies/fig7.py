# Fig. 7: the gain of each part of the method, over all ratios, on Cityscapes.
_base_ = ['./_base_/catalogue.py', './_base_/paper.py']
title = 'Fig. 7: parts of the method over pruning ratios'
source = 'numbers in the text of paper and supplement; those of its plots are not in the text'
grid = dict(
    data=dict(cityscapes='Cityscapes'), ratios=(10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 98, 99),
    curves={
        'Two-in-one with PP and IR': 'st_p{}', 'Two-in-one with IR': 'two_in_one_irs_p{}',
        'Two-in-one': 'two_in_one_p{}', 'S+P (magnitude)': 'sp_magnitude_p{}'},
    above=[('Two-in-one with PP and IR', 'Two-in-one with IR'),
           ('Two-in-one with IR', 'Two-in-one'), ('Two-in-one', 'S+P (magnitude)')])
