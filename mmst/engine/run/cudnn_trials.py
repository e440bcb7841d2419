"""Keeps cuDNN from planning again for each shape that a search makes."""
import torch


def stop_trials() -> str | None:
    """Keep cuDNN from trying its ways again for each shape that a search makes.

    Attention is not computed by cuDNN either, which plans for each number of tokens.

    Returns:
        str, optional: A line about that; None where it did not try them.
    """
    if hasattr(torch.backends.cuda, 'enable_cudnn_sdp'):  # from torch 2.5 on
        torch.backends.cuda.enable_cudnn_sdp(False)
    if not torch.backends.cudnn.benchmark:
        return None
    torch.backends.cudnn.benchmark = False
    return ('env_cfg.cudnn_benchmark = True: it is off in this run, as cuDNN would try its ways '
            'again for each shape that a search makes. Remedy: set it to False.')
