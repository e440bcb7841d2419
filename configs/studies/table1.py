# Table 1: the gain of each part of the method, at 90% sparsity.
_base_ = ['./_base_/catalogue.py', './_base_/paper.py']
title = 'Table 1: search-then-prune, two-in-one training and its parts, at 90% sparsity'
source = 'paper, Table 1 (Cityscapes and COCO key points)'
NAMES = dict(cityscapes='Cityscapes', coco='COCO key points')
sections = [
    dict(title=title, data=data, rows=[
        dict(label='S+P (magnitude)', run=f'{data}.sp_magnitude_p90'),
        dict(label='S+P (magnitude), retrained', run=f'{data}.sp_magnitude_p90_rt'),
        dict(label='Two-in-one', run=f'{data}.two_in_one_p90'),
        dict(label='+ PP', run=f'{data}.two_in_one_pp_p90'),
        dict(label='+ PP + IR-P', run=f'{data}.two_in_one_pp_irp_p90'),
        dict(label='+ PP + IR-S', run=f'{data}.st_p90'),
        dict(label='+ PP + IR-S, retrained', run=f'{data}.st_p90_rt')])
    for data, title in NAMES.items()]
claims = [
    dict(text=text, higher=f'{data}.{higher}', lower=f'{data}.{lower}')
    for data in NAMES for text, higher, lower in (
        ('two-in-one above S+P without retraining', 'two_in_one_p90', 'sp_magnitude_p90'),
        ('two-in-one above S+P with retraining', 'two_in_one_p90', 'sp_magnitude_p90_rt'),
        ('retraining helps S+P', 'sp_magnitude_p90_rt', 'sp_magnitude_p90'),
        ('PP helps', 'two_in_one_pp_p90', 'two_in_one_p90'),
        ('IR-P collapses: below PP without it', 'two_in_one_pp_p90', 'two_in_one_pp_irp_p90'),
        ('IR-P falls below plain two-in-one', 'two_in_one_p90', 'two_in_one_pp_irp_p90'),
        ('IR-S helps', 'st_p90', 'two_in_one_pp_p90'),
        ('the ticket, not retrained, above retrained S+P', 'st_p90', 'sp_magnitude_p90_rt'),
        ('retraining helps the ticket', 'st_p90_rt', 'st_p90'))]
