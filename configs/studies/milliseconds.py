# Milliseconds as the target, by a table of this machine, against multiply-adds: a search by each of
# them, and layers whose densities suit the table against one mask of the whole network.
_base_ = ['./_base_/catalogue.py', './_base_/paper.py']
title = 'Search and masks by milliseconds against those by multiply-adds, at 90% sparsity'
source = 'no table of the paper'
sections = [dict(title='Cityscapes', data='cityscapes', rows=[
    dict(label='By multiply-adds', run='cityscapes.st_p90'),
    dict(label='By milliseconds', run='cityscapes.milliseconds_p90')])]
claims = [
    dict(text='by multiply-adds above by milliseconds', higher='cityscapes.st_p90',
         lower='cityscapes.milliseconds_p90')]
