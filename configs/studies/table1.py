# Table 1: what each part of the method adds, at 90% sparsity.
_base_ = './_base_/catalogue.py'
title = 'Table 1: search-then-prune, two-in-one training and its parts, at 90% sparsity'
source = 'paper, Table 1 (Cityscapes and COCO key points, 8 GPUs)'
ROWS = (
    ('sp_magnitude_p90', 'S+P (magnitude)', (42.12, 50.49, 87.45), (5.04, 4.69, 5.89, 10.67)),
    ('sp_magnitude_p90_rt', 'S+P (magnitude), retrained', (51.03, 59.61, 90.88),
     (48.63, 46.82, 51.74, 53.38)),
    ('two_in_one_p90', 'Two-in-one', (55.84, 67.38, 92.97), (58.38, 56.68, 61.26, 62.23)),
    ('two_in_one_pp_p90', '+ PP', (63.89, 73.56, 94.17), (60.14, 57.93, 63.70, 63.79)),
    ('two_in_one_pp_irp_p90', '+ PP + IR-P', (45.73, 55.52, 89.36), (5.48, 7.43, 4.36, 10.85)),
    ('st_p90', '+ PP + IR-S', (66.61, 76.30, 94.63), (61.02, 58.80, 64.64, 64.78)),
    ('st_p90_rt', '+ PP + IR-S, retrained', (67.17, 77.03, 94.73), (61.48, 59.30, 65.19, 65.20)))
SCORED = dict(cityscapes=('mIoU', 'mAcc', 'aAcc'), coco=('AP', 'APM', 'APL', 'AR'))
sections = [
    dict(title=title, data=data, rows=[
        dict(label=row[1], run=f'{data}.{row[0]}', paper=dict(zip(SCORED[data], row[2 + i])))
        for row in ROWS])
    for i, (data, title) in enumerate(dict(cityscapes='Cityscapes', coco='COCO key points').items())]
claims = [
    dict(text=text, higher=f'{data}.{higher}', lower=f'{data}.{lower}')
    for data in SCORED for text, higher, lower in (
        ('two-in-one above S+P without retraining', 'two_in_one_p90', 'sp_magnitude_p90'),
        ('two-in-one above S+P with retraining', 'two_in_one_p90', 'sp_magnitude_p90_rt'),
        ('retraining helps S+P', 'sp_magnitude_p90_rt', 'sp_magnitude_p90'),
        ('PP helps', 'two_in_one_pp_p90', 'two_in_one_p90'),
        ('IR-P collapses: below PP without it', 'two_in_one_pp_p90', 'two_in_one_pp_irp_p90'),
        ('IR-P falls below plain two-in-one', 'two_in_one_p90', 'two_in_one_pp_irp_p90'),
        ('IR-S helps', 'st_p90', 'two_in_one_pp_p90'),
        ('the ticket, not retrained, above retrained S+P', 'st_p90', 'sp_magnitude_p90_rt'),
        ('retraining helps the ticket', 'st_p90_rt', 'st_p90'))]
