# Table 2 in small, of one target: a ticket found on generated streets (in the place of ADE20K) and
# one found on objects (of ImageNet), each fine-tuned on the target, against the target's own ticket
# and against random masks (RP) and newly drawn weights (RR-Init).
_base_ = ['./_base_/catalogue.py', './_base_/paper.py']
title = 'Table 2 in small: tickets of other data fine-tuned, at 90% sparsity'
source = 'paper, Table 2; supplement, Table 2'
DATA = 'cityscapes'
FOUND = (('generated streets', 'from_ade20k_p90'), ('objects', 'from_imagenet_p90'))
sections = [dict(title='Cityscapes', data=DATA, rows=[
    dict(label='S+P (magnitude)', run=f'{DATA}.sp_magnitude_p90'),
    dict(label='Own ticket', run=f'{DATA}.st_p90'),
    dict(label='Own ticket, RP', run=f'{DATA}.st_p90_rp'),
    dict(label='Own ticket, RR-Init', run=f'{DATA}.st_p90_rr_init'),
    *(dict(label=f'Ticket of {name}{label}', run=f'{DATA}.{run}{end}')
      for name, run in FOUND
      for label, end in (('', ''), (', RP', '_rp'), (', RR-Init', '_rr_init')))])]
claims = [
    dict(text=f'a ticket of {name} above {label}', higher=f'{DATA}.{run}', lower=f'{DATA}.{lower}')
    for name, run in FOUND
    for label, lower in (('S+P', 'sp_magnitude_p90'), ('its RP', f'{run}_rp'),
                         ('its RR-Init', f'{run}_rr_init'))]
claims += [dict(text=f'the own ticket above one of {name}', higher=f'{DATA}.st_p90',
                lower=f'{DATA}.{run}') for name, run in FOUND]
