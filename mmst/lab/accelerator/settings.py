"""Holds the figures of the accelerator that is modelled."""
from dataclasses import dataclass

from ...settings.checks import check_number


@dataclass(frozen=True)
class Sigma:
    """Describes the accelerator.

    From the paper (Qin et al., HPCA 2020): a grid of 128 x 128 multipliers at 500 MHz in 28 nm, as
    the TPU that it is compared with: 16.4 TFLOPS at best, of which it is said to reach 10.8. The
    widths of the networks and the memory's bandwidth are assumptions: 128 words a cycle is one for
    each of its 128 dot-product engines, and 64 GB/s is half of that width's need at 2 bytes a
    word. The SuperTickets supplement names none of these.

    Its Table 4 has 48.3 ms for a ticket of 1.0 G multiply-adds on Cityscapes. The whole grid would
    need 0.12 ms, so that the paper's simulation is of far fewer multipliers or of much more than
    one image: compare ratios between networks with it, not milliseconds.

    Attributes:
        rows, columns (int): Of the grid of multipliers.
        frequency (float): Cycles a second.
        stream_width (int): Operand words that reach the grid a cycle; 0: as many as it holds.
        load_width (int): Weights that are loaded a cycle.
        bandwidth (float): Bytes a second from memory.
        word (int): Bytes of an operand and of a result. bfloat16's 2.
    """
    rows: int = 128
    columns: int = 128
    frequency: float = 500e6
    stream_width: int = 128
    load_width: int = 128
    bandwidth: float = 64e9
    word: int = 2

    def __post_init__(self):
        for name, value in vars(self).items():
            least = 0 if name == 'stream_width' else 1
            check_number(f'Sigma.{name}', value, low=least, remedy='use the default')

    @property
    def multipliers(self) -> int:
        """Return multiply-adds a cycle at best."""
        return self.rows * self.columns


DEFAULT = Sigma()
