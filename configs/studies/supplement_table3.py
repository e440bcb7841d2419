# Supplement, Table 3: a ticket's architecture and mask from other weights, at 90% sparsity.
_base_ = ['./_base_/catalogue.py', './_base_/paper.py']
title = 'Supplement, Table 3: weights that a ticket is trained from, at 90% sparsity'
source = 'supplement, Table 3 (its LLT-Init row equals Table 1\'s retrained ticket)'
NAMES = dict(cityscapes='Cityscapes', ade20k='ADE20K')
sections = [
    dict(title=name, data=data, rows=[
        dict(label='RR-Init', run=f'{data}.st_p90_rr_init'),
        dict(label='LT-Init', run=f'{data}.st_p90_lt'),
        dict(label='ELT-Init', run=f'{data}.st_p90_elt'),
        dict(label='LLT-Init', run=f'{data}.st_p90_llt'),
        dict(label='Not retrained', run=f'{data}.st_p90')])
    for data, name in NAMES.items()]
claims = [
    dict(text=f'{higher} above {lower}', higher=f'{data}.st_p90_{higher.lower()}',
         lower=f'{data}.st_p90_{lower.lower().replace("-", "_")}')
    for data in NAMES for higher, lower in (
        ('LT', 'RR-Init'), ('ELT', 'RR-Init'), ('LLT', 'RR-Init'), ('ELT', 'LT'), ('LLT', 'LT'))]
