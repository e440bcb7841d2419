"""A config file of a whole two-in-one run on generated streets: seconds on one core.

It inherits the shipped Cityscapes config and narrows it: two stages, images of 32x64, two epochs,
each of which ends with a search and a prune. ε is raised so that a few steps suffice.
"""
import importlib
import types
from pathlib import Path

from mmengine.config import Config

from mmst.cli.complete_arguments import complete
from mmst.cli.main import call, make_parser
from mmst.lab.scenes import generate

ROOT = Path(__file__).parents[1]

CONFIG = '''
_base_ = {base!r}
size = (32, 64)
bn = dict(momentum=0.1)
model = dict(
    data_preprocessor=dict(size=size),
    backbone=dict(stem_channels=(4, 4), channels=((4, ), (4, 6)), depths=((1, ), (1, 1)),
                  tokens=4, **bn),
    neck=dict(in_channels=(4, 6), out_channels=8, tokens=4, **bn),
    decode_head=dict(in_channels=8, channels=8))
test_pipeline = [
    dict(type='LoadImageFromFile'), dict(type='LoadAnnotations'), dict(type='PackSegInputs')]
train_dataloader = dict(
    batch_size=4, num_workers=0, persistent_workers=False,
    dataset=dict(data_root={data!r}, pipeline=test_pipeline))
val_dataloader = dict(
    num_workers=0, persistent_workers=False,
    dataset=dict(data_root={data!r}, pipeline=test_pipeline))
test_dataloader = val_dataloader
train_cfg = dict(max_epochs=2, val_interval=1)
optim_wrapper = dict(optimizer=dict(lr=0.02))
param_scheduler = [
    dict(type='mmst.OneCycleBetaLR', eta_max=0.02, total_steps=2, by_epoch=True,
         convert_to_iter_based=True)]
default_hooks = dict(
    ema=dict(momentum=0.3),
    search=dict(interval=1, threshold=0.98, rho=0.01, warmup=0, input_shape=size),
    prune=dict(interval=1, sparsity=0.5, schedule='one_shot'),
    recalibrate=dict(batches=1, batch_size=4),
    checkpoint=dict(interval=1, max_keep_ckpts=-1))
log_level = 'WARNING'
'''


def make_streets(folder):
    """Generate 12 + 4 street scenes in Cityscapes' format; returns their folder."""
    return str(generate('cityscapes', folder, (32, 64), 12, 4).path)


def write_config(path, data):
    """Write the config file, without its bases: looking mmseg's up takes a second each time."""
    base = str(ROOT / 'configs' / 'st_hrnas_cityscapes_p90.py')
    path.write_text(CONFIG.format(base=base, data=data))
    Config.fromfile(path).dump(path)
    return str(path)


def parse_args(name, words):
    """Arguments of a subcommand as its module gets them."""
    parser = make_parser(name, f'{name}.py')
    args = parser.parse_args(words)
    complete(args, parser)
    return args


def load_tool(name):
    """A subcommand's module with ``main(argv)``, as tools/NAME.py calls it, and ``parse_args``."""
    module = importlib.import_module(f'mmst.cli.{name}')
    tool = types.SimpleNamespace(**vars(module))
    tool.main = lambda words: call(name, words, f'{name}.py')
    tool.parse_args = lambda words: parse_args(name, words)
    return tool
