"""Seeds data loading workers."""
import random

import cv2
import numpy as np
import torch
from mmengine.dist import get_rank

from ...registry import FUNCTIONS


@FUNCTIONS.register_module()
def seed_worker(worker_id: int) -> None:
    """Seed a worker by the main process's number for this epoch, and by the rank.

    mmengine's own seeds workers alike in each epoch, so that augmentation repeats itself.

    Args:
        worker_id (int): Number of the worker; torch has counted it into its seed already.
    """
    worker = torch.utils.data.get_worker_info()
    assert worker is not None, 'a DataLoader calls this in its workers'
    seed = (worker.seed + 7_919 * get_rank()) % 2**32
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    cv2.setNumThreads(0)
