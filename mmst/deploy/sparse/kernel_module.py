"""Is the common base of modules that call the kernel."""
from abc import abstractmethod
from collections import OrderedDict
from typing import Any, Generic, TypeVar

from torch import nn

from .engine_settings import EngineSettings
from .planes import Layout
from .recent import recent

#: The kernel's structure that describes a layer.
S = TypeVar('S')


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


class LayerModule(KernelModule, Generic[S]):
    """Is a layer whose plan depends on the size of the feature map alone.

    Args:
        settings (EngineSettings): Shared by the modules of a network.
    """

    def __init__(self, settings: EngineSettings):
        super().__init__()
        self.settings = settings

    def plan(self, size: tuple[int, int]) -> tuple[S, Layout]:
        """Return the kernel's structure for inputs of a height and width, and the output's layout;
        the last few are kept.
        """
        return recent(self._plans, (size, self.settings.gap), lambda: self.lay_out(size),
                      self.settings.sizes_kept)

    @abstractmethod
    def lay_out(self, size: tuple[int, int]) -> tuple[S, Layout]:
        """Make a structure and a layout for :meth:`plan`, which keeps them."""
