# Table 2: tickets of another data set or task against S+P on the target, at 90% sparsity.
_base_ = ['./_base_/catalogue.py', './_base_/paper.py']
title = 'Table 2: transferred tickets and search-then-prune, at 90% sparsity'
source = 'paper, Table 2'
RETRAINED = dict(
    label='S+P (magnitude), retrained', run='cityscapes.sp_magnitude_p90_rt',
    paper=dict(mIoU=60.76, mAcc=70.40, aAcc=93.38, macs=203e6, params=0.13e6))
sections = [
    dict(title=title, data=data, rows=[
        dict(label='S+P (gradient)', run=f'{data}.sp_gradient_p90'),
        dict(label='S+P (magnitude)', run=f'{data}.sp_magnitude_p90'),
        *([RETRAINED] if data == 'cityscapes' else []),
        dict(label=f'{other} ticket', run=f'{data}.from_{other.lower()}_p90'),
        dict(label='ImageNet ticket', run=f'{data}.from_imagenet_p90'),
        dict(label='Own ticket', run=f'{data}.st_p90')])
    for data, title, other in (('cityscapes', 'Cityscapes', 'ADE20K'),
                               ('ade20k', 'ADE20K', 'Cityscapes'))]
claims = [
    dict(text=f'a ticket of {source} above S+P ({criterion})',
         higher=f'{data}.from_{source.lower()}_p90', lower=f'{data}.sp_{criterion}_p90')
    for data, other in (('cityscapes', 'ADE20K'), ('ade20k', 'Cityscapes'))
    for source in (other, 'ImageNet') for criterion in ('magnitude', 'gradient')]
claims += [
    dict(text='a ticket of ADE20K above retrained S+P', higher='cityscapes.from_ade20k_p90',
         lower='cityscapes.sp_magnitude_p90_rt'),
    dict(text='a ticket of ImageNet above retrained S+P', higher='cityscapes.from_imagenet_p90',
         lower='cityscapes.sp_magnitude_p90_rt'),
    dict(text='on ADE20K, a ticket of ImageNet above one of Cityscapes',
         higher='ade20k.from_imagenet_p90', lower='ade20k.from_cityscapes_p90')]
