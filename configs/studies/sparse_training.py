# What each part of the method gives, and what others would do: the parts at 90% with both ways of
# reactivation, S+P by three criteria, and sparse training of a searched network by GMP and AC/DC.
# These two have the same number of steps in all: the search takes half of them. The main rows
# follow at 70 and 95%.
_base_ = ['./_base_/catalogue.py', './_base_/paper.py']
title = 'Two-in-one training against search-then-prune, GMP and AC/DC'
source = 'paper, Table 1 (Cityscapes); GMP and AC/DC are not in the paper'
DATA, RATIO = 'cityscapes', 90
ROWS = dict(
    sp_random='S+P (random)', sp_gradient='S+P (gradient)', sp_magnitude='S+P (magnitude)',
    sp_magnitude_rt='S+P (magnitude), retrained', gmp='Searched, then GMP (cubic)',
    acdc='Searched, then AC/DC', two_in_one='Two-in-one', two_in_one_pp='+ PP',
    two_in_one_pp_irp='+ PP + IR-P, from zero', two_in_one_pp_irp_value='+ PP + IR-P, with values',
    st='+ PP + IR-S, from zero', st_value='+ PP + IR-S, with values',
    st_rt='+ PP + IR-S, from zero, retrained')
NAMES = {name: f'{DATA}.{name.removesuffix("_rt")}_p{RATIO}' + '_rt' * name.endswith('_rt')
         for name in ROWS}
MAIN = dict(sp_magnitude='S+P (magnitude)', two_in_one_pp='Two-in-one + PP',
            st='Two-in-one + PP + IR-S, from zero')
OTHERS = (70, 95)
sections = [dict(title='Cityscapes', data=DATA, rows=[
    dict(label=label, run=NAMES[name]) for name, label in ROWS.items()])]
sections += [dict(title=f'Cityscapes, main rows at {ratio}%', data=DATA, rows=[
    dict(label=label, run=f'{DATA}.{name}_p{ratio}') for name, label in MAIN.items()])
    for ratio in OTHERS]
claims = [
    dict(text=text, higher=NAMES[higher], lower=NAMES[lower]) for text, higher, lower in (
        ('two-in-one above S+P without retraining', 'two_in_one', 'sp_magnitude'),
        ('two-in-one above S+P with retraining', 'two_in_one', 'sp_magnitude_rt'),
        ('retraining helps S+P', 'sp_magnitude_rt', 'sp_magnitude'),
        ('PP helps', 'two_in_one_pp', 'two_in_one'),
        ('IR-P from zero collapses: below PP', 'two_in_one_pp', 'two_in_one_pp_irp'),
        ('IR-P with values collapses: below PP', 'two_in_one_pp', 'two_in_one_pp_irp_value'),
        ('IR-S from zero helps', 'st', 'two_in_one_pp'),
        ('IR-S with values helps', 'st_value', 'two_in_one_pp'),
        ('IR-S from zero above IR-S with values', 'st', 'st_value'),
        ('the ticket, not retrained, above retrained S+P', 'st', 'sp_magnitude_rt'),
        ('retraining helps the ticket', 'st_rt', 'st'),
        ('the ticket above S+P', 'st', 'sp_magnitude'),
        ('S+P by magnitude above S+P by gradients', 'sp_magnitude', 'sp_gradient'),
        ('the ticket above S+P by gradients', 'st', 'sp_gradient'),
        ('PP and IR-S help two-in-one', 'st', 'two_in_one'),
        ('the ticket above GMP', 'st', 'gmp'),
        ('the ticket above AC/DC', 'st', 'acdc'))]
claims += [dict(text='the dense supernet above the ticket', higher=f'{DATA}.dense',
                lower=NAMES['st'])]
claims += [
    dict(text=f'{text} at {ratio}%', higher=f'{DATA}.{higher}_p{ratio}',
         lower=f'{DATA}.{lower}_p{ratio}')
    for ratio in OTHERS for text, higher, lower in (
        ('the ticket above S+P', 'st', 'sp_magnitude'),
        ('two-in-one with PP above S+P', 'two_in_one_pp', 'sp_magnitude'),
        ('IR-S from zero helps', 'st', 'two_in_one_pp'))]
