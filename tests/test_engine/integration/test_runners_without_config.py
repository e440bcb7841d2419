"""Runners that are built in Python, without a config or with another network than it describes."""
import pytest
import tiny
import torch
from mmengine.registry import MODELS
from mmengine.runner import Runner
from torch import nn

from mmst.errors import ConfigError
from mmst.tickets import Ticket


def runner(folder, model=None, cfg=None, ticket=True, **changes):
    """``Runner(...)`` as in a notebook; ``cfg`` is its own argument."""
    settings = tiny.config(folder, 2, ticket=ticket, **changes).to_dict()
    names = ('work_dir', 'train_dataloader', 'train_cfg', 'optim_wrapper', 'default_hooks',
             'randomness', 'experiment_name', 'log_level')
    own = settings['model'] if model is None else model
    return Runner(own, cfg=cfg, **{name: settings[name] for name in names})


def described():
    """The config of the tiny network."""
    return tiny.config('unused').model.to_dict()


@pytest.mark.parametrize('ready', [True, False])
def test_without_a_description_it_is_refused_before_training(tmp_path, ready):
    model = MODELS.build(described()) if ready else None
    with pytest.raises(ConfigError, match=r'TicketHook.model = None.*Remedy: give TicketHook\('):
        runner(tmp_path, model).train()
    assert not list(tmp_path.rglob('*.pth'))


@pytest.mark.parametrize('ready', [True, False])
def test_the_hook_takes_the_description_and_the_run_ends_with_its_ticket(tmp_path, ready):
    model = MODELS.build(described()) if ready else None
    run = runner(tmp_path, model, ticket=dict(model=described()))
    run.register_hook(tiny.Probe(after_train_epoch=tiny.weaken(0.35)), 60)
    run.train()
    ticket = Ticket.load(tmp_path / 'ticket.pth')
    image = torch.randn(1, 3, *tiny.SIZE)
    with torch.no_grad():
        expected = tiny.averaged_model(run).module.eval()(image)
        assert torch.equal(ticket.build()(image), expected)
    assert ticket.meta['default_scope'] == 'mmengine' and ticket.sparsity >= 0.5


def test_a_network_that_its_config_does_not_describe_is_refused_before_training(tmp_path):
    other = described()
    other['backbone']['stem_channels'] = (8, 4)
    model = MODELS.build(described())
    for cfg, ticket in ((dict(model=other), True), (None, dict(model=other))):
        with pytest.raises(ConfigError, match=r'model = .*no ticket of it could be opened'):
            runner(tmp_path, model, cfg, ticket).train()
    assert not list(tmp_path.rglob('*.pth'))


@MODELS.register_module(force=True)
class WithActivation(tiny.TinySegmentor):
    """Takes the class of its activation, as some networks do."""

    def __init__(self, activation=None, **kwargs):
        super().__init__(**kwargs)
        self.activation = activation


@pytest.mark.parametrize('given', [nn.ReLU, [dict(type=nn.Conv2d), (2, nn.ReLU)],
                                   dict(inner=dict(type=nn.Conv2d, then=nn.ReLU))])
def test_a_class_that_would_be_a_word_in_the_ticket_is_refused_before_training(tmp_path, given):
    cfg = dict(described(), type=WithActivation, activation=given)
    with pytest.raises(ConfigError, match=r'model \(activation\) = .torch.nn.*ReLU.*Remedy'):
        runner(tmp_path, cfg, tiny.PlainConfig(dict(model=cfg))).train()
    assert not list(tmp_path.rglob('*.pth'))


@pytest.mark.parametrize('given', ['ReLU', dict(inner=[dict(type=nn.ReLU)])])
def test_words_and_types_are_taken_as_they_are(tmp_path, given):
    cfg = dict(described(), type=WithActivation, activation=given)
    runner(tmp_path, cfg, tiny.PlainConfig(dict(model=cfg))).train()
    found = Ticket.load(tmp_path / 'ticket.pth').build().activation
    assert found == ('ReLU' if given == 'ReLU' else dict(inner=[dict(type='mmengine.ReLU')]))


def test_rewind_points_take_the_description_of_the_ticket_hook(tmp_path):
    run = runner(tmp_path, MODELS.build(described()), ticket=dict(model=described()))
    from mmst.engine import RewindHook
    run.register_hook(RewindHook())
    run.train()
    assert Ticket.load(tmp_path / 'rewind' / '0.pth').build() is not None


def test_looking_whether_a_ticket_can_be_opened_draws_no_random_number_of_the_run(tmp_path):
    with_ticket = tiny.run(tmp_path / 'a', 2, ticket=True)
    without = tiny.run(tmp_path / 'b', 2)
    assert all(torch.equal(a, b) for a, b in zip(
        with_ticket.model.state_dict().values(), without.model.state_dict().values(), strict=True))


def test_the_preprocessor_of_the_config_is_the_tickets_too(tmp_path):
    cfg = tiny.config(tmp_path, 1, ticket=True, search=False, prune=dict(reactivation=None))
    cfg.data_preprocessor = dict(type='BaseDataPreprocessor', non_blocking=True)
    Runner.from_cfg(cfg).train()
    ticket = Ticket.load(tmp_path / 'ticket.pth')
    assert ticket.model['data_preprocessor'] == dict(type='BaseDataPreprocessor', non_blocking=True)
