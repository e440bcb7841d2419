"""Times networks where they are to run: a file for each kind of place."""
from .c_command import CCommand
from .choose import choose_place, device_of
from .onnx_runtime import OnnxRuntime
from .place import Describe, Place
from .sparse_engine import SparseEngine
from .torch_engine import TorchEngine
from .torch_gpu import TorchGPU

__all__ = ['CCommand', 'Describe', 'OnnxRuntime', 'Place', 'SparseEngine', 'TorchEngine',
           'TorchGPU', 'choose_place', 'device_of']
