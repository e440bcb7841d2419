# Masks that take fewer milliseconds than one of the network's largest weights: of each layer, by
# LAMP, and by a table of a machine, which a search can go by, too, instead of multiply-adds.
_base_ = ['./_base_/catalogue.py', './_base_/paper.py']
title = 'Search and masks by milliseconds against those by multiply-adds, at 90% sparsity'
source = 'no table of the paper'
sections = [dict(title='Cityscapes', data='cityscapes', rows=[
    dict(label='By multiply-adds', run='cityscapes.st_p90'),
    dict(label='Mask of each layer', run='cityscapes.st_layer_p90'),
    dict(label='Mask by LAMP', run='cityscapes.st_lamp_p90'),
    dict(label='Mask by milliseconds', run='cityscapes.timed_mask_p90'),
    dict(label='Mask by LAMP and milliseconds', run='cityscapes.timed_lamp_p90'),
    dict(label='Search and mask by milliseconds', run='cityscapes.milliseconds_p90')])]
claims = [
    dict(text=f'by multiply-adds above {text}', higher='cityscapes.st_p90',
         lower=f'cityscapes.{run}_p90')
    for text, run in (('a mask of each layer', 'st_layer'), ('a mask by LAMP', 'st_lamp'),
                      ('a mask by milliseconds', 'timed_mask'),
                      ('a mask by LAMP and milliseconds', 'timed_lamp'),
                      ('search and mask by milliseconds', 'milliseconds'))]
