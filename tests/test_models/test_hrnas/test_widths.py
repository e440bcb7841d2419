"""Architectures as plain data."""
import copy

import pytest
import torch
from mmengine.config import Config
from small_nets import NARROW, NarrowModel, cut_at_random, input_image, narrow_backbone

from mmst.errors import ConfigError
from mmst.models import HRNASSupernet, get_widths, search_blocks
from mmst.registry import MODELS


def test_widths_of_a_searched_network_rebuild_it():
    model = cut_at_random(narrow_backbone()).eval()
    again = HRNASSupernet(**NARROW, widths=model.get_widths())
    assert again.get_widths() == model.get_widths()
    assert ({name: p.shape for name, p in again.named_parameters()}
            == {name: p.shape for name, p in model.named_parameters()})
    assert ([p.requires_grad for p in again.parameters()]
            == [p.requires_grad for p in model.parameters()])
    again.load_state_dict(model.state_dict())
    for a, b in zip(again.eval()(input_image()), model(input_image()), strict=True):
        assert torch.equal(a, b)


def test_widths_are_plain_data_that_a_config_file_holds(tmp_path):
    model = cut_at_random(narrow_backbone())
    settings = dict(type='mmst.HRNASSupernet', **NARROW, widths=model.get_widths())
    config = Config(dict(model=settings))
    path = tmp_path / 'searched.py'
    config.dump(path)
    again = MODELS.build(Config.fromfile(path).model)
    assert again.get_widths() == model.get_widths()


def test_widths_of_a_whole_model_name_its_blocks_by_path():
    model = NarrowModel()
    widths = get_widths(model)
    assert set(widths) == set(search_blocks(model))
    assert 'neck.block' in widths and 'backbone.parallels.3.2.0' in widths
    assert widths['neck.block'] == dict(channels={3: 56, 5: 56, 7: 56}, tokens=5)


def test_a_rebuilt_network_can_be_initialised_and_trained():
    model = narrow_backbone(widths=cut_at_random(narrow_backbone()).get_widths()).train()
    sum(out.sum() for out in model(input_image())).backward()
    assert all(p.grad is not None for p in model.parameters() if p.requires_grad)


@pytest.mark.parametrize('change', [
    lambda widths: widths.pop('parallels.0.0.0'),
    lambda widths: widths.update(another=widths['parallels.0.0.0']),
    lambda widths: widths['parallels.0.0.0'].update(tokens=6),
    lambda widths: widths['parallels.0.0.0'].update(tokens=-1),
    lambda widths: widths['parallels.0.0.0'].update(tokens='3'),
    lambda widths: widths['parallels.0.0.0'].pop('tokens'),
    lambda widths: widths['parallels.0.0.0'].update(channels=8),
    lambda widths: widths['parallels.0.0.0'].update(more=8),
    lambda widths: widths['parallels.0.0.0']['channels'].update({3: 9}),
    lambda widths: widths['parallels.0.0.0']['channels'].update({3: 1.5}),
    lambda widths: widths['parallels.0.0.0']['channels'].update({9: 1}),
    lambda widths: widths['parallels.0.0.0']['channels'].pop(3),
    lambda widths: widths.update({'parallels.0.0.0': None}),
])
def test_widths_that_do_not_fit_are_refused_by_block_and_remedy(change):
    widths = copy.deepcopy(narrow_backbone().get_widths())
    change(widths)
    block = r'(parallels\.0\.0\.0|another)'
    with pytest.raises(ConfigError, match=rf'backbone\.widths.*{block}.*Remedy: '):
        HRNASSupernet(**NARROW, widths=widths)
