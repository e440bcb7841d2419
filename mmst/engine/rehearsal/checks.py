"""Checks a config before anything of it is built to stay, or rehearsed."""
from mmengine.config import Config

from ...openmmlab.toolbox import check_toolbox
from ...settings.length import run_length
from ...settings.sections import check_names, check_sections
from ...settings.unbuilt import check_test
from ..build import build_model
from ..explain import Places, explained
from ..run.processes import check_config
from ..run.start_file import check_start


def check(cfg: Config) -> None:
    """Refuse a config that cannot be trained with any data.

    Raises:
        MMSTError: The first thing that is wrong, in one line with key, value and remedy.
    """
    check_sections(cfg, 'train_dataloader', 'train_cfg', 'optim_wrapper')
    check_toolbox(cfg)
    check_config(cfg)
    with explained(Places(cfg)):
        check_names(cfg)
        check_test(cfg)
        run_length(cfg)
    check_start(cfg, build_model(cfg))
