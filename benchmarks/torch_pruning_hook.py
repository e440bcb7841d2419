"""Wraps Torch-Pruning's BNScalePruner in a hook of mmengine, for benchmarks/side_by_side.py.

As its own examples use it: sparse learning, channels removed in several steps by their rank among
all, a new state of the optimizer after each, training to the end without the regulariser.
"""
from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import Runner
from torch import nn

from mmst.costs.network_costs import NetworkCosts

try:
    import torch_pruning
except ImportError as error:
    raise SystemExit('this comparison needs Torch-Pruning. Remedy: pip install torch-pruning, or '
                     "pip install 'mm-supertickets[compare]'") from error


class Regulariser:
    """Adds the pruner's regulariser to the gradients, in the place of a search's penalty."""

    def __init__(self, pruner: Any, model: nn.Module):
        self.pruner, self.model = pruner, model

    def add_gradients(self) -> None:
        """Add it; the optimizer wrapper calls this before each step."""
        self.pruner.regularize(self.model)


@HOOKS.register_module()
class TorchPruningHook(Hook):
    """Removes channels at the ends of epochs ``first`` to ``last`` until the target is met.

    Costs fall by the same share each time, as those of ``mmst.SearchHook`` are meant to.

    Args:
        input_shape (Tuple[int, int]): Height and width at which costs are counted.
        target_flops (float): Multiply-adds of the network after the last step.
        first (int): Epoch after which the first channels go.
        last (int): Epoch after which the last ones go; the regulariser ends with it.
        reg (float): Strength of the regulariser.
        everywhere (bool): Whether channels of all layers are ranked together; else all layers lose
            the same share of theirs. Defaults to False, as there.
        parts (int): Steps of the pruner from no channel to all of them.
    """

    def __init__(self, input_shape: tuple[int, int], target_flops: float, first: int, last: int,
                 reg: float, everywhere: bool = False, parts: int = 400):
        self.costs, self.target = NetworkCosts(input_shape), target_flops
        self.first, self.last, self.reg, self.parts = first, last, reg, parts
        self.everywhere = everywhere

    def before_train(self, runner: Runner) -> None:
        model = runner.model
        self.dense = self.costs(model)['macs']
        self.pruner = torch_pruning.pruner.BNScalePruner(
            model, torch.zeros(1, 3, *self.costs.input_shape),
            torch_pruning.importance.BNScaleImportance(), reg=self.reg, pruning_ratio=1.,
            global_pruning=self.everywhere, iterative_steps=self.parts,
            ignored_layers=[model.head.fc])
        runner.optim_wrapper.penalty = Regulariser(self.pruner, model)

    def after_train_epoch(self, runner: Runner) -> None:
        epoch = runner.epoch + 1
        if not self.first <= epoch <= self.last:
            return
        share = (epoch - self.first + 1) / (self.last - self.first + 1)
        wanted = self.dense * (self.target / self.dense)**share
        while self.costs(runner.model)['macs'] > wanted:
            self.pruner.step()
        self.pruner.update_regularizer()
        optimizer = runner.optim_wrapper.optimizer  # its parameters are others now
        optimizer.state.clear()
        optimizer.param_groups[0]['params'] = list(runner.model.parameters())
        if epoch == self.last:
            runner.optim_wrapper.penalty = None
        runner.logger.info(f'Torch-Pruning: {self.costs(runner.model)}')
