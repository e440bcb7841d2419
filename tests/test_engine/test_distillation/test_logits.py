"""Which layer gives the logits, and which loss suits it."""
import pytest
from deploy_tickets import small_config
from mmengine.registry import DefaultScope

from mmst.engine.distillation.logits import find_layer, loss_of_logits
from mmst.models.build import build_model


def loss_of(task, **head):
    cfg = small_config(task)
    if head:
        cfg.model.head = head
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
