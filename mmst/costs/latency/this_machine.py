"""Names the machine that times are measured on."""
import os
import platform
from pathlib import Path

from ...version import __version__


def processor() -> tuple[str, int]:
    """Return the processor's name and the number of its cores."""
    path = Path('/proc/cpuinfo')
    cpuinfo = path.read_text() if path.is_file() else ''
    cores = cpuinfo.count('model name') or os.cpu_count() or 1
    return processor_name(cpuinfo) or platform.processor(), cores


def processor_name(cpuinfo: str) -> str:
    """Return the name that Linux gives its first processor; empty where it gives none.

    Virtual machines hide the number of the product ("AMD EPYC"): family and model tell
    generations apart, which neither compute alike nor take the same time.

    Args:
        cpuinfo (str): Content of ``/proc/cpuinfo``.
    """
    facts: dict[str, str] = {}
    for line in cpuinfo.splitlines():
        fact, _, value = line.partition(':')
        facts.setdefault(fact.strip(), value.strip())
    name, family, model = (facts.get(key) for key in ('model name', 'cpu family', 'model'))
    return f'{name} (family {family}, model {model})' if name and family and model else name or ''


def this_machine() -> dict[str, str]:
    """Return a table's description of the machine that it is measured on."""
    name, cores = processor()
    return dict(processor=name, cores=str(cores), device='cpu', mmst=__version__)
