"""Checks a config before a run is rehearsed, and hands the objects that it built on to that."""
from dataclasses import dataclass
from typing import Any

from mmengine.config import Config
from torch import nn

from ...openmmlab.toolbox import check_toolbox
from ...settings.length import run_length
from ...settings.prefixes import check_prefixes
from ...settings.sections import check_registered, check_sections
from ...settings.unbuilt import check_test_settings
from ..build import build_model
from ..explain import Places, explaining
from ..run.processes import check_config
from ..run.start_file import check_fits_start, check_start


@dataclass
class Checked:
    """Holds the findings on a config that has passed its checks.

    Attributes:
        places (Places): Its parts, and which of them built which part of the network.
        network (nn.Module): Of the config, on the CPU, as it is drawn.
        start (dict, optional): Content of the file that the run starts from.
    """
    places: Places
    network: nn.Module
    start: dict[str, Any] | None = None


def check(cfg: Config) -> Checked:
    """Refuse a config that cannot be trained with any data.

    A file that the run starts from is loaded into the network where no rehearsal does so later: a
    rehearsal begins with weights as they are drawn.

    Raises:
        MMSTError: The first thing that is wrong, in one line with key, value and remedy.
    """
    check_sections(cfg, 'train_dataloader', 'train_cfg', 'optim_wrapper')
    check_toolbox(cfg)
    check_config(cfg)
    places = Places(cfg)
    with explaining(places):
        check_registered(cfg)
        check_test_settings(cfg)
        check_prefixes(places.parts)
        run_length(cfg)
    start = check_start(cfg)
    checked = Checked(places, build_model(cfg, places), start)
    if start is not None and not cfg.get('rehearsal', True):
        check_fits_start(cfg, start, checked.network)
    return checked
