"""Shortens epochs."""
from collections.abc import Iterator
from typing import Any

from mmengine.dataset import DefaultSampler

from ...errors import config_error
from ...registry import DATA_SAMPLERS
from ...settings.checks import check_number


@DATA_SAMPLERS.register_module()
class PartSampler(DefaultSampler):
    """Draws another random part of the data for each epoch.

    Searches and prunes come by epochs: with short ones a short run has as many as a long one.

    Args:
        dataset: Of known length.
        share (float): Part of the data that an epoch is long, above 0 and up to 1.
        **kwargs: Of mmengine's ``DefaultSampler``; ``shuffle`` must be on.
    """

    def __init__(self, dataset: Any, share: float, **kwargs: Any):
        super().__init__(dataset, **kwargs)
        if kwargs.get('seed') is not None:
            check_number('PartSampler.seed', kwargs['seed'], low=0, whole=True,
                         remedy='leave it out: then it is the run\'s')
        check_number('PartSampler.share', share, above=0, high=1, remedy='give e.g. 0.5')
        if not self.shuffle:
            raise config_error('PartSampler.shuffle', False, 'each epoch would see the same part',
                               'set shuffle=True')
        self.num_samples: int = max(1, round(share * self.num_samples))

    def __iter__(self) -> Iterator[int]:
        return iter(list(super().__iter__())[:self.num_samples])
