"""Says how an ONNX file is written."""
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass
class OnnxSettings:
    """Says how an ONNX file is written.

    Attributes:
        opset (int): Version of the operator set.
        compact (bool): Whether to remove the dead parts of a network of this project first.
        fixed (bool): Whether height and width are fixed; otherwise they are dynamic where the
            network allows it.
        half (bool): Whether weights and computations are in half precision.
        sparse (bool): Whether zeros are left out of the weights.
        attention (bool): Whether to use the operator Attention, from opset 23 on.
        pixels (Mapping, optional): Normalisation that becomes part of the network, which then takes
            uint8 pixels.
    """
    opset: int = 18
    compact: bool = False
    fixed: bool = False
    half: bool = False
    sparse: bool = False
    attention: bool = False
    pixels: Mapping[str, Any] | None = None
