"""Describes the machine of a result."""
import platform

import mmengine
import torch

from ..costs.latency.this_machine import processor


def machine() -> dict[str, str]:
    """Return CPU, cores, GPU and versions, as plain data."""
    name, cores = processor()
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else 'none'
    return dict(cpu=name, cores=str(cores),
                gpu=gpu, python=platform.python_version(), torch=torch.__version__.split('+')[0],
                mmengine=mmengine.__version__)
