# Supplement, Table 2: transfer of the ticket, of its architecture or of its mask.
_base_ = ['./_base_/catalogue.py', './_base_/paper.py']
title = 'Supplement, Table 2: variants of transferred tickets, at 90% sparsity'
source = 'supplement, Table 2'
WAYS = (('ade20k', 'ADE20K', 'cityscapes', 'Cityscapes'),
        ('cityscapes', 'Cityscapes', 'ade20k', 'ADE20K'))
sections = [
    dict(title=f'{name} to {target_name}', data=target, rows=[
        dict(label='ST with RP', run=f'{target}.from_{source}_p90_rp'),
        dict(label='ST with RR-Init', run=f'{target}.from_{source}_p90_rr_init'),
        dict(label='ST', run=f'{target}.from_{source}_p90')])
    for source, name, target, target_name in WAYS]
claims = [
    dict(text=f'{name} to {target_name}: ST above {label}',
         higher=f'{target}.from_{source}_p90', lower=f'{target}.from_{source}_p90_{run}')
    for source, name, target, target_name in WAYS
    for label, run in (('RR-Init', 'rr_init'), ('RP', 'rp'))]
