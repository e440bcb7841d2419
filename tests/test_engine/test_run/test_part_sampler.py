"""Short epochs that see all data in the end."""
import pytest

from mmst.engine import PartSampler
from mmst.errors import ConfigError
from mmst.registry import DATA_SAMPLERS


def test_each_epoch_is_another_part_and_all_data_are_seen():
    sampler = DATA_SAMPLERS.build(dict(type='PartSampler', dataset=range(30), share=1 / 3, seed=0))
    epochs = []
    for epoch in range(12):
        sampler.set_epoch(epoch)
        epochs.append(list(sampler))
        assert len(epochs[-1]) == len(sampler) == len(set(epochs[-1])) == 10
    assert len({tuple(sorted(epoch)) for epoch in epochs}) > 6
    assert len(set().union(*epochs)) > 25
    sampler.set_epoch(3)
    assert list(sampler) == epochs[3]


@pytest.mark.parametrize('bad', [dict(share=0.), dict(share=1.5), dict(share=.5, shuffle=False)])
def test_a_share_that_makes_no_sense_is_refused(bad):
    with pytest.raises(ConfigError, match=r'PartSampler.(share|shuffle) = '):
        PartSampler(range(4), seed=0, **bad)
