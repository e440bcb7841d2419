# Fig. 8: transferred tickets and search-then-prune on the target over pruning ratios.
_base_ = ['./_base_/catalogue.py', './_base_/paper.py']
title = 'Fig. 8: transferred tickets over pruning ratios'
source = 'paper, Table 2, and the supplement\'s Table 1; numbers of the plots are not in the text'
RATIOS = (30, 50, 70, 80, 90)
WAYS = (('ade20k', 'ADE20K', 'cityscapes', 'Cityscapes'),
        ('cityscapes', 'Cityscapes', 'ade20k', 'ADE20K'),
        ('imagenet', 'ImageNet', 'cityscapes', 'Cityscapes'),
        ('imagenet', 'ImageNet', 'ade20k', 'ADE20K'), ('imagenet', 'ImageNet', 'coco', 'COCO'))
sections = [
    dict(title=f'{name} to {target_name}', data=target, curves=[
        dict(label=label, runs=[f'{target}.{run.format(ratio)}' for ratio in RATIOS])
        for label, run in (
            (f'ticket of {name}', f'from_{source}_p{{}}'), ('own ticket', 'st_p{}'),
            ('S+P (magnitude)', 'sp_magnitude_p{}'), ('S+P (gradient)', 'sp_gradient_p{}'))])
    for source, name, target, target_name in WAYS]
# At 30% the supplement (Sec. 5) reports the opposite.
claims = [
    dict(text=f'{ratio}%, {name} to {target_name}: above S+P (magnitude)',
         higher=f'{target}.from_{source}_p{ratio}', lower=f'{target}.sp_magnitude_p{ratio}')
    for source, name, target, target_name in WAYS for ratio in RATIOS[1:]]
claims += [
    dict(text=f'30%, {name} to {target_name}: S+P (magnitude) above the transferred ticket',
         higher=f'{target}.sp_magnitude_p30', lower=f'{target}.from_{source}_p30')
    for source, name, target, target_name in WAYS]
claims += [
    dict(text=f'{ratio}%, {name} to {target_name}: the own ticket above the transferred one',
         higher=f'{target}.st_p{ratio}', lower=f'{target}.from_{source}_p{ratio}')
    for source, name, target, target_name in WAYS for ratio in RATIOS]
