"""Chooses the place that a word names."""
import shlex

from ....errors import config_error
from .c_command import CCommand
from .onnx_runtime import OnnxRuntime
from .place import Describe, Place
from .sparse_engine import SparseEngine
from .torch_engine import TorchEngine
from .torch_gpu import TorchGPU

#: How the C library's command begins.
C_LIBRARY = 'c:'
#: Word to its meaning.
DEVICES = {
    'cpu': 'the sparse engine', 'torch': 'torch on the CPU, where zeros cost as much as other '
    'weights', 'cuda': 'torch on a GPU', 'onnxruntime': 'onnxruntime on the CPU',
    'c:COMMAND': 'the C library, run by a command, here or on another machine'}


def choose_place(device: str, describe: Describe, input_shape: tuple[int, int],
                 threads: int = 1) -> Place:
    """Return the place that a word of ``DEVICES`` names.

    Args:
        device (str): The word, e.g. ``'c:ssh pi ./timing'``.
        describe (Callable): Gives the ticket of a network.
        input_shape (Tuple[int, int]): Height and width of the image.
        threads (int): With which networks are computed. Defaults to 1.

    Raises:
        ConfigError: There is no such place, or not here.
    """
    if device.startswith(C_LIBRARY):
        try:
            words = shlex.split(device.removeprefix(C_LIBRARY))
        except ValueError as error:
            raise config_error('--device', device, f'no command ({error})',
                               'close the quotes') from None
        if words:
            return CCommand(describe, words, threads)
    if device == 'onnxruntime':
        return OnnxRuntime(describe, input_shape, threads)
    here: dict[str, type[Place]] = dict(cpu=SparseEngine, torch=TorchEngine, cuda=TorchGPU)
    if device not in here:
        raise config_error('--device', device, 'unknown', f'use one of {", ".join(DEVICES)}')
    return here[device](threads)


def device_of(engine: str, device: str) -> str | None:
    """Return the word for the place of a table; None where a command has to be given.

    Args:
        engine (str): Of the table.
        device (str): Of the table's machine.
    """
    if device == 'cpu':
        return 'cpu' if engine == 'sparse' else 'torch'
    if device == 'c':
        return None
    return 'onnxruntime' if device.startswith('onnxruntime') else 'cuda'
