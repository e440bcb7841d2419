"""Checks that an evaluation sees the network that becomes the ticket."""

from mmengine.hooks import EMAHook
from mmengine.runner import Runner
from torch import nn

from ...errors import config_error
from .fingerprint import checksums
from .runner_views import evaluated_model, find_hook, unwrap


class EvaluatedNetwork:
    """Compares the two at each evaluation, after all hooks that exchange weights before it."""

    def __init__(self):
        self._ticket: dict[str, int] | None = None

    def expect(self, runner: Runner) -> None:
        """Remember the network that is to be evaluated; call it at the end of training steps."""
        self._ticket = _sums(evaluated_model(runner))

    def check(self, runner: Runner) -> None:
        """Compare the network with the one that is claimed.

        Call it before an evaluation, after hooks have exchanged weights.

        Raises:
            ConfigError: Evaluations see another network.
        """
        if self._ticket is None:
            return
        seen = _sums(unwrap(runner))
        name = next((n for n, value in self._ticket.items() if seen.get(n) != value), None)
        self._ticket = None
        if name is not None:
            hook = find_hook(runner, EMAHook)
            raise config_error(
                'custom_hooks', 'EMAHook' if hook is None else type(hook).__name__,
                f'evaluations see another network than the ticket holds ({name} differs)',
                'average weights by mmengine\'s EMAHook, and let no other hook exchange or change '
                'weights before an evaluation')


def _sums(model: nn.Module) -> dict[str, int]:
    return checksums((n, t) for n, t in model.state_dict().items() if t.is_floating_point())
