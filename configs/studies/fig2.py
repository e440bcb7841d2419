# Fig. 2: plain two-in-one training against search-then-prune on Cityscapes.
_base_ = ['./_base_/catalogue.py', './_base_/paper.py']
title = 'Fig. 2: two-in-one training and search-then-prune'
source = 'numbers in the text of paper and supplement; those of its plots are not in the text'
RATIOS = (30, 50, 70, 80, 90, 95, 98)
NAMES = dict(cityscapes='Cityscapes')
CURVES = {
    'Two-in-one': 'two_in_one_p{}', 'S+P (magnitude)': 'sp_magnitude_p{}',
    'S+P (gradient)': 'sp_gradient_p{}', 'S+P (random)': 'sp_random_p{}'}
sections = [
    dict(title=name, data=data, curves=[
        dict(label=label, runs=[f'{data}.{run.format(ratio)}' for ratio in RATIOS])
        for label, run in CURVES.items()])
    for data, name in NAMES.items()]
claims = [
    dict(text=f'{ratio}%: {higher} above {lower}', higher=f'{data}.{CURVES[higher].format(ratio)}',
         lower=f'{data}.{CURVES[lower].format(ratio)}')
    for data in NAMES
    for higher, lower in [('Two-in-one', lower) for lower in list(CURVES)[1:]]
    for ratio in RATIOS]
