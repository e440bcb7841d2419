"""Which layer gives the logits, and which loss suits it."""
import pytest
from deploy_tickets import small_config
from mmengine.registry import DefaultScope

from mmst.engine.distillation.logits import find_layer, loss_of_logits
from mmst.errors import ConfigError
from mmst.models.build import build_model


def loss_of(task, **head):
    cfg = small_config(task)
    if head:
        cfg.model['decode_head' if task == 'cityscapes' else 'head'] = head
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        model = build_model(cfg.model)
    return loss_of_logits(model, find_layer(model, None, 'module'))


@pytest.mark.parametrize(('task', 'kind'), [
    ('cityscapes', 'kl'), ('imagenet', 'kl'), ('coco', 'mse')])
def test_the_loss_suits_the_heads_of_the_toolboxes(task, kind):
    assert loss_of(task) == kind


def test_classes_of_multi_label_heads_are_compared_one_by_one():
    head = dict(type='MultiLabelLinearClsHead', num_classes=5, in_channels=8)
    assert loss_of('imagenet', **head) == 'binary'


@pytest.mark.parametrize(('task', 'head'), [
    ('imagenet', dict(type='LinearClsHead', num_classes=5, in_channels=8,
                      loss=dict(type='CrossEntropyLoss', use_sigmoid=True))),
    ('cityscapes', dict(type='FCNHead', in_channels=8, channels=8, num_convs=1, num_classes=2,
                        out_channels=1, threshold=0.5, loss_decode=[
                            dict(type='CrossEntropyLoss', use_sigmoid=True)]))])
def test_classes_that_are_learnt_one_by_one_are_compared_so(task, head):
    assert loss_of(task, **head) == 'binary'


def test_classes_of_which_one_is_right_are_compared_at_once_whatever_other_losses_there_are():
    losses = [dict(type='CrossEntropyLoss'), dict(type='DiceLoss')]  # the latter by sigmoids
    assert loss_of('cityscapes', type='FCNHead', in_channels=8, channels=8, num_convs=1,
                   num_classes=5, loss_decode=losses) == 'kl'


@pytest.mark.parametrize('head', [
    dict(type='RegressionHead', in_channels=8, num_joints=17),
    dict(type='SimCCHead', in_channels=8, out_channels=17, input_size=(48, 64),
         in_featuremap_size=(12, 16), deconv_out_channels=None,
         decoder=dict(type='SimCCLabel', input_size=(48, 64)))], ids=lambda head: head['type'])
def test_layers_of_the_same_name_that_give_no_logits_are_not_taken_for_them(head):
    with pytest.raises(ConfigError, match=r'module = None: .*HeatmapHead.*Remedy: name the layer'):
        loss_of('coco', **head)
