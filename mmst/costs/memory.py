"""Computes the peak memory of the feature maps."""
import weakref
from collections.abc import Callable, Iterable
from typing import Any

from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from ..dispatch import DispatchMode
from .cost import meta_copy, run_image
from .mac_counter import storage_key
from .shapes import ShapesOnly


def peak_activations(model: nn.Module, input_shape: tuple[int, int]) -> int:
    """Return the most bytes that feature maps take at once, for one image in evaluation.

    The image counts, weights do not; nor does a kernel's own memory. Nothing is
    computed: a copy on the meta device is run.

    Args:
        model (nn.Module): A whole OpenMMLab model or any part of one.
        input_shape (Tuple[int, int]): Height and width of the image in pixels.
    """
    twin = meta_copy(model)
    recorder = _Recorder({storage_key(t) for t in (*twin.parameters(), *twin.buffers())})
    with recorder, ShapesOnly():
        run_image(twin, input_shape)
    return recorder.peak


class _Recorder(DispatchMode):
    """Counts the bytes of storages from the first tensor on them to the end of the last."""

    def __init__(self, weights: Iterable[int]):
        super().__init__()  # type: ignore[no-untyped-call]
        self.users = dict.fromkeys(weights, 1)  # never freed, never counted
        self.now: int = 0
        self.peak: int = 0

    def __torch_dispatch__(self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (),
                           kwargs: dict[str, Any] | None = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(out):
            if isinstance(tensor, Tensor):
                self._count(tensor)
        return out

    def _count(self, tensor: Tensor) -> None:
        key, size = storage_key(tensor), tensor.untyped_storage().nbytes()
        if key not in self.users:
            self.users[key] = 0
            self.now += size
            self.peak = max(self.peak, self.now)
        self.users[key] += 1
        weakref.finalize(tensor, self._forget, key, size)

    def _forget(self, key: int, size: int) -> None:
        self.users[key] -= 1
        if not self.users[key]:
            del self.users[key]
            self.now -= size
