# Supplement, Table 1: tickets against random masks and newly drawn weights.
_base_ = ['./_base_/catalogue.py', './_base_/paper.py']
title = 'Supplement, Table 1: tickets, random pruning (RP) and random re-initialisation (RR-Init)'
source = 'supplement, Table 1'
NAMES = dict(cityscapes='Cityscapes', ade20k='ADE20K')
sections = [
    dict(title=name, data=data, rows=[
        dict(label=f'{label}, {ratio}%', run=f'{data}.{run.format(ratio)}')
        for ratio in (80, 90) for label, run in (
            ('S+P with RP', 'sp_random_p{}'), ('ST with RP', 'st_p{}_rp'),
            ('ST with RR-Init', 'st_p{}_rr_init'), ('ST', 'st_p{}'))])
    for data, name in NAMES.items()]
claims = [
    dict(text=f'{ratio}%: ST above {label}', higher=f'{data}.st_p{ratio}',
         lower=f'{data}.{run.format(ratio)}')
    for data in NAMES for ratio in (80, 90) for label, run in (
        ('RR-Init', 'st_p{}_rr_init'), ('RP', 'st_p{}_rp'), ('S+P with RP', 'sp_random_p{}'))]
