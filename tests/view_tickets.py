"""A task's small config with generated data, and tickets of random weights that fit it."""
import torch
from deploy_tickets import small_config, small_ticket
from mmengine.config import Config
from short_runs import DATA, SIZE, use_data

from mmst.lab.scenes import generate
from mmst.tickets import Ticket

CODEC = dict(type='MSRAHeatmap', input_size=(48, 64), heatmap_size=(12, 16), sigma=2)


def write_view_config(task, folder):
    """A shipped config for :func:`small_ticket`, with generated data, as a file in ``folder``."""
    cfg = small_config(task).to_dict()
    use_data(task, cfg, generate(task, folder / 'data', DATA[task][0], 4, 3).path)
    for part, settings in changes(task).items():
        cfg['model'][part].update(settings)
    path = folder / f'{task}.py'
    Config(cfg).dump(path)
    return path


def changes(task):
    """The model's settings for the generated images: ten classes, small images."""
    return dict(
        imagenet=dict(head=dict(num_classes=10), data_preprocessor=dict(num_classes=10)),
        cityscapes=dict(data_preprocessor=dict(size=SIZE['cityscapes'])),
        coco=dict(head=dict(decoder=CODEC)))[task]


def view_ticket(task, seed, sparsity=0.5):
    """A ticket whose predictions depend on the image and, another way, on the seed."""
    torch.manual_seed(seed)
    ticket = small_ticket(task, sparsity, cut=0.2)
    model = {key: {**value, **changes(task).get(key, {})} if isinstance(value, dict) else value
             for key, value in ticket.model.items()}
    state = dict(ticket.state_dict)
    for name, value in state.items():
        if name.startswith(('head.', 'decode_head.')) and value.is_floating_point():
            classes, scale = (10, 1.) if task == 'imagenet' else (value.shape[0], 0.1)
            # Scores of key points stay below 1; those of classes tell images apart.
            state[name] = scale * torch.randn(classes, *value.shape[1:])
    return Ticket(model, state, ticket.mask, ticket.meta)
