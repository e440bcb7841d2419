"""Is the common base of modules that call the kernel."""
from collections import OrderedDict
from typing import Any

from torch import nn


class KernelModule(nn.Module):
    """Keeps plans for the kernel, made once for each size of feature map.

    Plans hold addresses. Copies and pickles omit them and make their own.
    """

    def __init__(self):
        super().__init__()
        self._plans: OrderedDict = OrderedDict()

    def release(self) -> None:
        """Forget the plans; the next call makes those that it needs."""
        self._plans.clear()

    def __getstate__(self) -> dict[str, Any]:
        return dict(self.__dict__, _plans=OrderedDict())
