"""Describes the machine of a result."""
import platform
from pathlib import Path

import mmengine
import torch


def machine() -> dict[str, str]:
    """Return CPU, cores, GPU and versions, as plain data."""
    cpuinfo = Path('/proc/cpuinfo')
    lines = cpuinfo.read_text().splitlines() if cpuinfo.is_file() else []
    names = [line.split(':')[1].strip() for line in lines if line.startswith('model name')]
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else 'none'
    return dict(cpu=names[0] if names else platform.processor(), cores=str(len(names) or 1),
                gpu=gpu, python=platform.python_version(), torch=torch.__version__.split('+')[0],
                mmengine=mmengine.__version__)
