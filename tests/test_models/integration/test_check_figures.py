"""Size of the un-searched supernet under the four heads of the paper, with and without
Transformers: parameters and multiply-adds at each task's input size."""
import pytest
import torch
from torch import nn

from mmst.costs.cost import layer_costs, total
from mmst.models import ClassificationNeck, DensePredictionNeck, HRNASSupernet, search_blocks
from mmst.search.units import find_units

TRANSFORMERS = ('none', 'shape_preserving', 'all')


class FullSize(nn.Module):
    """The paper's supernet with one task's head, on the meta device."""

    def __init__(self, task, transformer):
        super().__init__()
        with torch.device('meta'):
            self.backbone = HRNASSupernet(transformer=transformer)
            if task == 'imagenet':
                self.neck = ClassificationNeck(transformer=transformer)
                self.classifier = nn.Linear(1600, 1000)
            else:
                classes, width = dict(cityscapes=(19, 90), ade20k=(150, 180), coco=(17, 90))[task]
                self.neck = DensePredictionNeck(out_channels=width, transformer=transformer)
                self.classifier = nn.Conv2d(width, classes, 1)

    def forward(self, x):
        return self.classifier(self.neck(self.backbone(x))[0])


@pytest.mark.parametrize('task, params', [
    ('cityscapes', (10_110_235, 12_841_839, 13_887_971)),
    ('ade20k', (10_427_706, 13_159_310, 14_211_382)),
    ('coco', (10_110_053, 12_841_657, 13_887_789)),
    ('imagenet', (13_243_868, 15_975_472, 17_429_016)),
])
@pytest.mark.parametrize('column', range(3), ids=TRANSFORMERS)
def test_supernet_has_the_known_number_of_parameters(task, params, column):
    model = FullSize(task, TRANSFORMERS[column])
    assert sum(p.numel() for p in model.parameters() if p.requires_grad) == params[column]


@pytest.mark.parametrize('task, input_shape, gmacs', [
    ('cityscapes', (512, 1024), (61.84, 62.04, 62.12)),
    ('ade20k', (512, 512), (36.12, 36.32, 36.40)),
    ('coco', (256, 192), (5.80, 6.00, 6.08)),
    ('imagenet', (224, 224), (2.42, 2.63, 2.74)),
])
def test_supernet_has_the_known_macs(task, input_shape, gmacs):
    model = FullSize(task, 'all')
    costs = layer_costs(model, input_shape)
    transformers = {name + '.transformer': isinstance(block.residual, nn.Identity)
                    for name, block in search_blocks(model).items()}
    found = dict.fromkeys(TRANSFORMERS, 0.)
    for cost in costs:
        path = cost.name.partition('.transformer')
        preserving = transformers[path[0] + path[1]] if path[1] else True
        found['all'] += cost.macs
        found['shape_preserving'] += cost.macs * preserving
        found['none'] += cost.macs * (not path[1])
    # The third decimal: the figures count the addition of the classifier's bias, which is no
    # multiply-add (150 x 128 x 128 = 0.0025 G on ADE20K).
    assert tuple(n / 1e9 for n in found.values()) == pytest.approx(gmacs, abs=0.0075)
    assert total(costs)['params'] == sum(p.numel() for p in model.parameters())


def test_dense_network_has_the_known_blocks_and_search_units():
    model = FullSize('cityscapes', 'all')
    blocks = search_blocks(model)
    groups = find_units(model)
    channels = [group for group in groups.values() if group.kind == 'channel']
    tokens = [group for group in groups.values() if group.kind == 'token']
    assert len(blocks) == len(channels) == len(tokens) == 61
    assert sum(isinstance(block.residual, nn.Identity) for block in blocks.values()) == 44
    assert sum(map(len, channels)) == 44_928
    assert sum(len(group.count_by_label()) for group in channels) == 183
    assert sum(map(len, tokens)) == 61 * 64


@pytest.mark.parametrize('transformer, count', [('none', 0), ('shape_preserving', 44)])
def test_transformers_are_left_out_of_blocks_as_chosen(transformer, count):
    blocks = search_blocks(FullSize('cityscapes', transformer)).values()
    with_transformer = [block for block in blocks if block.transformer is not None]
    assert len(with_transformer) == count
    assert all(isinstance(block.residual, nn.Identity) for block in with_transformer)
