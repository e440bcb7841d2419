"""Gives each of several runs side by side a device."""
import os

import torch


def gpus() -> list[str]:
    """Return GPUs that this process may use, as ``CUDA_VISIBLE_DEVICES`` names them."""
    given = os.environ.get('CUDA_VISIBLE_DEVICES')
    if given is not None:
        return [name for name in given.split(',') if name.strip()]
    return [str(i) for i in range(torch.cuda.device_count())]


def slots(jobs: int | None) -> list[dict[str, str]]:
    """Return the changes to the environment of each of the runs side by side.

    Args:
        jobs (int, optional): How many; one a GPU by default, and one where there is none.
    """
    devices = gpus()
    count = jobs or max(1, len(devices))
    if not devices:
        return [{} for _ in range(count)]
    return [dict(CUDA_VISIBLE_DEVICES=devices[i % len(devices)]) for i in range(count)]
