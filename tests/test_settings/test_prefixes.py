"""Which folders of data sets are read by which class."""
import mmdet.datasets
import mmpose.datasets
import mmpretrain.datasets
import mmseg.datasets
import pytest
from mmengine.dataset import BaseDataset

from mmst.errors import ConfigError
from mmst.settings.prefixes import check_prefixes, names_read


class OfOnesOwn(BaseDataset):
    """Reads a folder more than its base."""

    def load_data_list(self):
        return [dict(img_path=self.data_prefix['depth'])]


@pytest.mark.parametrize('kind, names', [
    (mmseg.datasets.CityscapesDataset, {'img_path', 'seg_map_path'}),
    (mmpretrain.datasets.CustomDataset, {'img_path'}), (OfOnesOwn, {'img_path', 'depth'}),
    (mmpose.datasets.CocoDataset, {'img'}), (mmdet.datasets.CocoPanopticDataset, {'img', 'seg'})])
def test_the_folders_that_a_class_reads_are_known(kind, names):
    assert names <= set(names_read(kind))


def test_a_folder_that_nothing_reads_is_refused_and_others_are_not():
    given = dict(img_path='a', depth='b')
    check_prefixes({'val_dataloader.dataset': dict(type=OfOnesOwn, data_prefix=given)})
    check_prefixes({'val_dataloader.dataset': dict(type='Unknown', data_prefix=given)})
    with pytest.raises(ConfigError, match=r"dataset.data_prefix.depht = 'c': OfOnesOwn reads no "
                       "such folder. Remedy: did you mean 'depth'"):
        check_prefixes({'val_dataloader.dataset': dict(
            type=OfOnesOwn, data_prefix=dict(given, depht='c'))})
