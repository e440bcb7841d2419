"""Checks of a config that run before anything is built to stay or written.

One concern a file; each check raises an :class:`~mmst.errors.MMSTError` of one line that names key,
value and remedy. The quick ones come first, those that read data last.
"""
import copy
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope
from torch import nn

from ....search.adapters import accept_searched_states
from ....settings.length import run_length
from ....tickets import Ticket
from ...run.processes import check_config
from ..explain import explained
from .annotations import check_annotations
from .checkpoints import check_start, check_tested
from .classes import check_classes
from .images import check_images
from .label_maps import check_label_maps
from .labels import check_labels
from .paths import check_evaluator_files, check_paths
from .sections import check_sections
from .sources import find_sources
from .toolbox import check_toolbox

__all__ = ['check', 'check_test']


def check(cfg: Config) -> None:
    """Refuse a config that cannot be trained.

    Raises:
        MMSTError: The first thing that is wrong.
    """
    check_sections(cfg, 'train_dataloader', 'train_cfg', 'optim_wrapper')
    check_toolbox(cfg)
    check_config(cfg)
    with _looking(cfg):
        run_length(cfg)
        check_start(cfg, build_model(cfg))
        check_data(cfg, ('train', 'val'))


def check_test(cfg: Config, path: str,
               content: dict[str, Any] | None = None) -> tuple[dict[str, Any], Ticket | None]:
    """Refuse a config, ticket or checkpoint that cannot be evaluated.

    Args:
        cfg (Config): The whole config.
        path (str): The ticket or checkpoint.
        content (dict, optional): What ``checkpoints.read`` gave of it; read by default.

    Returns:
        tuple[dict, Ticket | None]: The file's content, and the ticket if it is one.

    Raises:
        MMSTError: The first thing that is wrong.
    """
    check_sections(cfg, 'test_dataloader', 'test_evaluator')
    check_toolbox(cfg)
    with _looking(cfg):
        found = check_tested(path, build_model(cfg), content)
        check_data(cfg, ('test', ))
    return found


def check_data(cfg: Config, splits: Sequence[str]) -> None:
    """Refuse data sets that are missing, empty or do not fit the model.

    Args:
        cfg (Config): The whole config.
        splits (Sequence[str]): Of ``'train'``, ``'val'``, ``'test'``.

    Raises:
        DataError: Naming the key.
    """
    with explained(cfg, ''):
        sources = [source for split in splits
                   for source in find_sources(cfg, f'{split}_dataloader')]
    for source in sources:
        check_paths(source)
        check_classes(cfg, source)
    for split in splits:
        check_evaluator_files(cfg, f'{split}_evaluator')
    for source in sources:
        check_annotations(source)
        with explained(cfg, source.key):
            check_images(source)
            check_label_maps(source)
            check_labels(cfg, source)


def build_model(cfg: Config) -> nn.Module:
    """Return the model on the CPU, ready for searched weights; constructors check their settings.
    """
    with explained(cfg, 'model'):
        return accept_searched_states(MODELS.build(copy.deepcopy(
            cfg.model)))  # Some models change their config.


@contextmanager
def _looking(cfg: Config) -> Iterator[None]:
    """Names as the run will look them up; warnings wait for the run."""
    with warnings.catch_warnings(), DefaultScope.overwrite_default_scope(cfg.get('default_scope')):
        warnings.simplefilter('ignore')
        yield
