"""Imports all operations of a compacted network: a file each."""
from .add import Add
from .bias import Bias
from .concat import Concat
from .conv import Conv
from .coordinates import Coordinates
from .image import Image
from .mean import Mean
from .mixer import Mixer
from .ones import Ones
from .operation import Operation
from .place import Place
from .relu import ReLU
from .resize import Resize
from .select import Select
from .upsample import Upsample

__all__ = ['OPERATIONS', 'Operation']

#: Name in graphs and files to the operation.
OPERATIONS: dict[str, Operation] = dict(
    image=Image(), ones=Ones(), coordinates=Coordinates(), conv=Conv(), relu=ReLU(), add=Add(),
    concat=Concat(), resize=Resize(), upsample=Upsample(), mean=Mean(), place=Place(),
    select=Select(), bias=Bias(), mixer=Mixer())
