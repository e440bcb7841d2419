"""Hooks, shape and length are read from a config wherever, and however, it has them."""
import pytest
from mmengine.config import Config
from mmengine.hooks import EMAHook

from mmst.engine.hooks.prune_hook import PruneHook
from mmst.errors import ConfigError
from mmst.settings.hooks import hook_settings, listed_hooks
from mmst.settings.length import run_length
from mmst.settings.shape import DEFAULT_SHAPE, first_shape, input_shape


def config(**settings):
    return Config(dict(
        default_hooks=dict(logger=None, stop=None, prune=dict(type='mmst.PruneHook', sparsity=0.5)),
        custom_hooks=[dict(type='EMAHook'), dict(type=PruneHook, sparsity=0.9)], **settings))


def test_hooks_are_listed_by_their_keys():
    cfg = config()
    assert [key for key, _ in listed_hooks(cfg)] == [
        'default_hooks.logger', 'default_hooks.stop', 'default_hooks.prune', 'custom_hooks[0]',
        'custom_hooks[1]']
    assert hook_settings(cfg, 'PruneHook') is cfg.default_hooks.prune
    del cfg.default_hooks['prune']
    assert hook_settings(cfg, 'PruneHook')['sparsity'] == 0.9  # a class, not its name
    assert hook_settings(cfg, 'SearchHook') is None
    built = EMAHook()
    assert hook_settings(dict(custom_hooks=[built]), 'EMAHook') is built
    assert listed_hooks({}) == [] == listed_hooks(dict(default_hooks=None, custom_hooks=None))


def test_the_shape_is_the_ticket_hooks_then_the_search_hooks():
    search = dict(type='mmst.SearchHook', input_shape=[8, 16])
    ticket = dict(type='mmst.TicketHook', input_shape=(4, 4))
    assert input_shape(dict(custom_hooks=[search, ticket])) == (4, 4)
    assert input_shape(dict(custom_hooks=[search, dict(type='mmst.TicketHook')])) == (8, 16)
    assert input_shape(config()) is None
    assert first_shape(None, [8, 16], (4, 4)) == (8, 16)
    assert first_shape(None, None) == DEFAULT_SHAPE


@pytest.mark.parametrize('shape', ['wide', 8, (8, ), (8, 0), (True, 8), (8, 8.)])
def test_what_is_no_shape_is_refused(shape):
    cfg = dict(custom_hooks=[dict(type='mmst.SearchHook', input_shape=shape)])
    with pytest.raises(ConfigError, match=r'^SearchHook\.input_shape = .*height, width'):
        input_shape(cfg)
    with pytest.raises(ConfigError, match=r'^input_shape = .*height, width'):
        first_shape(None, shape)


@pytest.mark.parametrize('steps', [None, 0, True, '8', 8.])
def test_a_length_that_is_no_number_of_steps_is_refused(steps):
    with pytest.raises(ConfigError, match=r'^train_cfg\.max_epochs = '):
        run_length(Config(dict(train_cfg=dict(by_epoch=True, max_epochs=steps))))
