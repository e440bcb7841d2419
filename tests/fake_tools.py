"""Tools that pretend: each "epoch" is a word in a file; the third waits while ./hold is there."""
import argparse

from mmst.cli.arguments.of_studies import add_study_arguments
from mmst.cli.complete_arguments import complete

TOOL = '''
import json, os, sys, time
from pathlib import Path
args = sys.argv[1:]
work = Path(args[args.index('--work-dir') + 1])
options = dict(word.partition('=')[::2] for word in args[args.index('--cfg-options') + 1:]
               ) if '--cfg-options' in args else {}
work.mkdir(parents=True, exist_ok=True)
epochs = work / 'epochs.txt'
name, seed = work.parent.name, int(options.get('randomness.seed', 0))
for file in args[1:]:
    if file.endswith('ticket.pth') and not Path(file).is_file():
        sys.exit(f'{file} is missing')
if 'fails' in name:
    print('tool.py: error: it cannot. Remedy: none.')
    sys.exit(2)
with open(work / 'calls.txt', 'a') as calls:
    (work / 'pid.txt').write_text(str(os.getpid()))
    calls.write(os.environ.get('CUDA_VISIBLE_DEVICES', '') + chr(10))
for epoch in range(len(epochs.read_text().split()) if epochs.is_file() else 0, 4):
    while epoch == 2 and Path('hold').is_file():
        time.sleep(0.02)
    with open(epochs, 'a') as file:
        file.write(f'{epoch} ')
    print(f'Epoch(train)  [{epoch + 1}][1/1]', flush=True)
(work / 'ticket.pth').write_text('x')
(work / 'epoch_4.pth').write_text('x')
score = len(name) + seed
result = dict(metrics=dict(mIoU=score), sparsity=0.5, params=dict(supernet=9, searched=8, sparse=4),
              macs=dict(supernet=9e6, searched=8e6, sparse=5e6))
name = 'chance.json' if 'chance' in sys.argv[0] else 'ticket.json'
unfinished = work / 'result.tmp'
unfinished.write_text(json.dumps(result))
os.replace(unfinished, work / name)
'''

CONFIG = '''
model = dict(type='X')
data_root = 'nowhere/'
train_dataloader = dict(num_workers=2, dataset=dict(data_root=data_root, ann_file=data_root + 'a'))
train_cfg = dict(max_epochs=4)
optim_wrapper = dict(optimizer=dict(lr=0.1))
'''

STUDY = '''
title = 'A small study'
source = 'nobody'
metrics = dict(d=[('mIoU', 'mIoU', 1)])
seeds = [0, 1]
runs = [
    dict(name='d.chance', tool='chance'), dict(name='d.dense', tool='train'),
    dict(name='d.search', tool='train'),
    dict(name='d.sp_p90', tool='prune', ticket='d.search', arguments=dict(sparsity=0.9)),
    dict(name='d.sp_p90_rt', tool='retrain', ticket='d.sp_p90', arguments=dict(epochs=4)),
    dict(name='d.fails', tool='train'), dict(name='d.needs_it', tool='prune', ticket='d.fails')]
sections = [dict(title='Streets', data='d', rows=[
    dict(label='S+P', run='d.sp_p90', paper=dict(mIoU=42.)),
    dict(label='S+P, retrained', run='d.sp_p90_rt', paper=dict(mIoU=51.))])]
claims = [dict(text='retraining helps', higher='d.sp_p90_rt', lower='d.sp_p90')]
'''


def write(folder, study=STUDY, size='configs = dict(d=\'config.py\')\n'):
    """Tools, a config, a size file and a study file in a folder."""
    (folder / 'tools').mkdir()
    for name in ('train', 'prune', 'retrain', 'lottery', 'transfer', 'chance'):
        (folder / 'tools' / f'{name}.py').write_text(TOOL)
    (folder / 'config.py').write_text(CONFIG)
    (folder / 'size.py').write_text(size)
    (folder / 'study.py').write_text(study)
    return folder


def arguments(*words):
    """The parsed command line of a study of size.py in the current directory."""
    parser = argparse.ArgumentParser()
    add_study_arguments(parser)
    args = parser.parse_args(['--size', 'size.py', '--work-dir', 'work', *map(str, words)])
    complete(args, parser)
    return args
