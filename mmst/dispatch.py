"""Watches torch's operators without importing its compiler."""
from torch.utils._python_dispatch import TorchDispatchMode


class DispatchMode(TorchDispatchMode):
    """Is the base of modes that nobody compiles.

    Torch's own base keeps the compiler away from a mode's frames at each call, and imports it for
    that, which takes seconds.
    """

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False
