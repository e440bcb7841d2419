# Why does IR-P collapse in the paper? With the pruned weights' values back after each prune,
# training is dense and pruned once at its end, as S+P; from zero, what was pruned stays small.
_base_ = ['./_base_/catalogue.py', './_base_/paper.py']
title = 'IR-P whose weights return from zero or with their values'
source = 'paper, Table 1 (Cityscapes)'
sections = [dict(title='Cityscapes', data='cityscapes', rows=[
    dict(label='S+P (magnitude)', run='cityscapes.sp_magnitude_p90'),
    dict(label='+ PP', run='cityscapes.two_in_one_pp_p90'),
    dict(label='+ PP + IR-P, from zero', run='cityscapes.two_in_one_pp_irp_p90'),
    dict(label='+ PP + IR-P, with values', run='cityscapes.two_in_one_pp_irp_value_p90')])]
claims = [
    dict(text='IR-P collapses with values: below PP without it',
         higher='cityscapes.two_in_one_pp_p90', lower='cityscapes.two_in_one_pp_irp_value_p90'),
    dict(text='IR-P collapses from zero: below PP without it',
         higher='cityscapes.two_in_one_pp_p90', lower='cityscapes.two_in_one_pp_irp_p90')]
