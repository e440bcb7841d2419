"""Calls of the sparse kernel for a process in which compilers' sanitizers watch it.

``python sanitized.py SEED CASES``: random blocks, convolutions, necks and networks of random sizes,
each against torch. ``python sanitized.py overflow``: one call that reads what is not there.
"""
import random
import sys

import torch
from deploy_tickets import TASKS, small_ticket
from small_nets import NarrowModel, randomise_norms
from sparse_nets import NarrowClassifier, pruned
from torch import nn

from mmst.deploy.compact import compact
from mmst.deploy.sparse import SparseModel, block_plan, sparse_stem
from mmst.deploy.sparse.engine_settings import EngineSettings
from mmst.deploy.sparse.library import kernel
from mmst.deploy.sparse.planes import as_map
from mmst.deploy.sparse.sparse_block import SparseSearchBlock
from mmst.deploy.sparse.sparse_conv import SparseConv
from mmst.models import SearchBlock


def sizes():
    return random.choice((1, 2, 3, 7)), random.randint(1, 40), random.randint(1, 50)


def thin_out(module):
    share = random.choice((0., 0.05, 0.4, 1.))
    with torch.no_grad():
        for name, weight in module.named_parameters():
            if weight.dim() > 1 and 'queries' not in name:
                weight.mul_(torch.rand_like(weight) < share)
    return module.eval()


def agrees(found, exact):
    error = float((found - exact).abs().max())
    assert error <= 1e-4 * max(float(exact.abs().max()), 1e-3), (error, tuple(exact.shape))


def check(module, sparse, *shape):
    x = torch.randn(shape)
    kernel().release()  # scratch of just the size that is needed, so that nothing lies beyond it
    with torch.no_grad():
        exact = module(x)
        found = sparse(x)
    agrees(found, exact)


def block():
    channels, out = random.randint(1, 9), random.randint(1, 9)
    kernel_sizes = random.choice(((3, ), (1, 5), (3, 5, 7), (7, ), (9, 3)))
    stride = random.choice((1, 2))
    transformer = random.choice(('all', 'none'))
    module = thin_out(randomise_norms(SearchBlock(
        channels, random.choice((channels, out)), stride=stride, kernel_sizes=kernel_sizes,
        expand_ratio=random.randint(1, 3), tokens=random.randint(1, 20), transformer=transformer)))
    block_plan.TILE = random.choice((16, 64, 2048))
    block_plan.CHUNK, block_plan.LEAST = random.choice(((1, 1), (1, 5), (131072, 8)))
    options = EngineSettings(gap=max(3, max(kernel_sizes) // 2), threads=random.randint(1, 3))
    batch, height, width = sizes()
    check(module, SparseSearchBlock(module, options), batch, channels, height, width)


def convolution():
    size, channels = random.choice((1, 3, 5)), random.randint(1, 9)
    conv = thin_out(nn.Conv2d(channels, random.randint(1, 9), size, random.choice((1, 2)),
                              size // 2, bias=random.random() < 0.5))
    batch, height, width = sizes()
    check(conv, SparseConv(conv, None, False, EngineSettings(threads=random.randint(1, 3))), batch,
          channels, height, width)


def network():
    block_plan.TILE, block_plan.CHUNK, block_plan.LEAST = 64, 1, 5
    sparse_stem.TILE = random.choice((16, 1024))
    model = pruned(random.choice((NarrowModel, NarrowClassifier)), random.choice((0.1, 0.6)),
                   random.randrange(100))
    _, height, width = sizes()
    check(model, SparseModel(model, threads=random.randint(1, 3)), 2, 3, height, width)


def ticket():
    found = small_ticket(random.choice(TASKS), random.choice((0.5, 0.9)))
    found = random.choice((found, compact(found)))
    model = found.build()
    x = torch.randn(1, 3, random.randint(20, 60), random.randint(20, 60))
    kernel().release()
    with torch.no_grad():
        exact = model(x, None)
    agrees(SparseModel(model)(x), exact if torch.is_tensor(exact) else exact[0])


def main(seed, cases):
    random.seed(seed), torch.manual_seed(seed)
    for number in range(cases):
        (network if number % 20 == 7 else ticket if number % 20 == 17 else
         convolution if number % 4 == 1 else block)()
    print(f'{cases} cases, {kernel().lanes()} lanes')


def overflow():
    """The map says that it has rows that lie beyond its memory."""
    conv = SparseConv(nn.Conv2d(1, 1, 3, padding=1), None, False, EngineSettings())
    plan, _ = conv.plan((64, 64))
    x, out = torch.zeros(1, 1, 8, 64), conv(torch.zeros(1, 1, 64, 64))
    printed = as_map(x)
    printed.height = 64
    kernel().convolve(plan, printed, as_map(out), 1)
    print('not noticed')


if __name__ == '__main__':
    torch.set_num_threads(1)
    overflow() if sys.argv[1] == 'overflow' else main(*map(int, sys.argv[1:]))
