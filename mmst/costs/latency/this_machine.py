"""Names the machine that times are measured on."""
import os
import platform
from pathlib import Path

from ...version import __version__


def processor() -> tuple[str, int]:
    """Return the processor's name and the number of its cores."""
    cpuinfo = Path('/proc/cpuinfo')
    lines = cpuinfo.read_text().splitlines() if cpuinfo.is_file() else []
    names = [line.split(':')[1].strip() for line in lines if line.startswith('model name')]
    return (names[0] if names else platform.processor(), len(names) or os.cpu_count() or 1)


def this_machine() -> dict[str, str]:
    """Return a table's description of the machine that it is measured on."""
    name, cores = processor()
    return dict(processor=name, cores=str(cores), device='cpu', mmst=__version__)
