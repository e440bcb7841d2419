# Fig. 7: what each part of the method adds, over all ratios, on Cityscapes.
_base_ = ['./_base_/catalogue.py', './_base_/paper.py']
title = 'Fig. 7: parts of the method over pruning ratios'
source = 'numbers in the text of paper and supplement; those of its plots are not in the text'
RATIOS = (10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 98, 99)
NAMES = dict(cityscapes='Cityscapes')
CURVES = {
    'Two-in-one with PP and IR': 'st_p{}', 'Two-in-one with IR': 'two_in_one_irs_p{}',
    'Two-in-one': 'two_in_one_p{}', 'S+P (magnitude)': 'sp_magnitude_p{}'}
sections = [
    dict(title=name, data=data, curves=[
        dict(label=label, runs=[f'{data}.{run.format(ratio)}' for ratio in RATIOS])
        for label, run in CURVES.items()])
    for data, name in NAMES.items()]
claims = [
    dict(text=f'{ratio}%: {higher} above {lower}', higher=f'{data}.{CURVES[higher].format(ratio)}',
         lower=f'{data}.{CURVES[lower].format(ratio)}')
    for data in NAMES
    for higher, lower in [(higher, lower) for higher, lower in zip(CURVES, list(CURVES)[1:])]
    for ratio in RATIOS]
