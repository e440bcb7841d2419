"""Times networks by onnxruntime."""
import tempfile
from collections.abc import Sequence
from pathlib import Path

from torch import Tensor, nn

from ....costs.latency.this_machine import this_machine
from ....errors import TicketError
from ....optional import need
from ...export import Deployed
from ...export.onnx_file import export_onnx
from ..clock import Timed
from .place import Describe, Place


class OnnxRuntime(Place):
    """Times networks by onnxruntime on the processor; zeros cost as much as other weights.

    Args:
        describe (Callable): Gives the ticket of a network.
        input_shape (Tuple[int, int]): Height and width of the image.
        threads (int): Of a session. Defaults to 1.

    Raises:
        ConfigError: onnxruntime is not installed.
    """
    engine, sees_modules = 'torch', False

    def __init__(self, describe: Describe, input_shape: tuple[int, int], threads: int = 1):
        super().__init__(threads)
        self.describe, self.input_shape = describe, input_shape
        self._runtime = need('onnxruntime', 'timing networks by onnxruntime')

    def machine(self) -> dict[str, str]:
        """Return the description of the machine, with the runtime and its version."""
        return dict(this_machine(), device=f'onnxruntime {self._runtime.__version__}')

    def prepare(self, model: nn.Module, paths: Sequence[str] = ()) -> Timed:
        """Export the network and open the file; see :meth:`Place.prepare`.

        Raises:
            TicketError: The network cannot be exported.
        """
        if paths:
            raise TicketError('onnxruntime runs whole networks. Remedy: time modules by torch.')
        options = self._runtime.SessionOptions()
        options.intra_op_num_threads, options.log_severity_level = self.threads, 3
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, 'network.onnx')
            export_onnx(Deployed(self.describe(model), self.input_shape), path)
            session = self._runtime.InferenceSession(str(path), options,
                                                     providers=['CPUExecutionProvider'])
        return Timed(lambda image: session.run(None, image))

    def image(self, image: Tensor) -> object:
        """Return the image as a session takes it."""
        return dict(image=image.numpy())
