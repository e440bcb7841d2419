# Fig. 4: tickets and search-then-prune on ImageNet, also retrained.
_base_ = ['./_base_/catalogue.py', './_base_/paper.py']
title = 'Fig. 4: tickets and search-then-prune'
source = 'numbers in the text of paper and supplement; those of its plots are not in the text'
RATIOS = (10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 98, 99)
NAMES = dict(imagenet='ImageNet')
CURVES = {
    'ST': 'st_p{}', 'ST, retrained': 'st_p{}_rt', 'S+P (magnitude)': 'sp_magnitude_p{}',
    'S+P (magnitude), retrained': 'sp_magnitude_p{}_rt', 'S+P (gradient)': 'sp_gradient_p{}',
    'S+P (gradient), retrained': 'sp_gradient_p{}_rt'}
sections = [
    dict(title=name, data=data, curves=[
        dict(label=label, runs=[f'{data}.{run.format(ratio)}' for ratio in RATIOS])
        for label, run in CURVES.items()])
    for data, name in NAMES.items()]
claims = [
    dict(text=f'{ratio}%: {higher} above {lower}', higher=f'{data}.{CURVES[higher].format(ratio)}',
         lower=f'{data}.{CURVES[lower].format(ratio)}')
    for data in NAMES
    for higher, lower in [('ST', lower) for lower in list(CURVES)[2:]]
    for ratio in RATIOS]
