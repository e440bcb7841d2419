"""Exchange between branches, with plain convolutions in place of search blocks."""
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from mmst.models.hrnas.fusion_module import FusionModule, ParallelModule, upsample_to


def make_conv(in_channels, out_channels, stride):
    return nn.Conv2d(in_channels, out_channels, 1, stride)


def branches(channels, size, batch=2):
    sizes = [size]
    for _ in channels[1:]:
        sizes.append(tuple(-(-n // 2) for n in sizes[-1]))
    return [torch.randn(batch, width, *hw) for width, hw in zip(channels, sizes, strict=True)]


def test_a_branch_takes_itself_and_its_neighbours_only():
    fusion = FusionModule((3, 4, 5, 6), (3, 4, 5, 6), make_conv)
    assert [set(group.keys()) for group in fusion.blocks] == [
        {'0', '1'}, {'0', '1', '2'}, {'1', '2', '3'}, {'2', '3'}]


def test_strides_and_channels_of_the_blocks():
    fusion = FusionModule((3, 4), (7, 8, 9), make_conv)
    found = {(i, j): (conv.in_channels, conv.out_channels, conv.stride[0])
             for i, group in enumerate(fusion.blocks) for j, conv in group.items()}
    assert found == {(0, '0'): (3, 7, 1), (0, '1'): (4, 7, 1),
                     (1, '0'): (3, 8, 2), (1, '1'): (4, 8, 1)}
    assert fusion.new_branch.weight.shape[:2] == (9, 8) and fusion.new_branch.stride == (2, 2)


def test_outputs_are_rectified_sums_of_down_and_up_sampled_branches():
    fusion = FusionModule((3, 4, 5), (3, 4, 5), make_conv)
    high, middle, low = inputs = branches((3, 4, 5), (16, 8))
    blocks = fusion.blocks
    expected = [
        blocks[0]['0'](high) + F.interpolate(blocks[0]['1'](middle), scale_factor=2),
        blocks[1]['0'](high) + blocks[1]['1'](middle)
        + F.interpolate(blocks[1]['2'](low), scale_factor=2),
        blocks[2]['1'](middle) + blocks[2]['2'](low)]
    for out, total in zip(fusion(inputs), expected, strict=True):
        assert (total < 0).any()
        torch.testing.assert_close(out, total.clamp(min=0))


def test_new_branch_starts_from_the_last_fused_one_and_is_linear():
    fusion = FusionModule((3, ), (4, 6), make_conv)
    inputs = branches((3, ), (9, 9))
    fused, new = fusion(inputs)
    torch.testing.assert_close(fused, F.relu(fusion.blocks[0]['0'](inputs[0])))
    torch.testing.assert_close(new, fusion.new_branch(fused))
    assert (new < 0).any() and new.shape == (2, 6, 5, 5)


@pytest.mark.parametrize('size', [(16, 16), (17, 23), (5, 1), (33, 30)])
def test_odd_sizes_meet(size):
    fusion = FusionModule((3, 4, 5), (3, 4, 5, 6), make_conv)
    inputs = branches((3, 4, 5), size)
    outputs = fusion(inputs)
    assert [out.shape[-2:] for out in outputs[:3]] == [x.shape[-2:] for x in inputs]
    assert outputs[3].shape[-2:] == tuple(-(-n // 2) for n in inputs[2].shape[-2:])


def test_upsampling_is_nearest_and_bilinear_from_there():
    x = torch.randn(1, 2, 3, 4)
    doubled = x.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
    assert torch.equal(upsample_to(x, (6, 8)), doubled)
    expected = F.interpolate(doubled, (5, 7), mode='bilinear', align_corners=False)
    torch.testing.assert_close(upsample_to(x, torch.Size((5, 7))), expected)


def test_parallel_module_runs_as_many_blocks_on_each_branch_as_asked_for():
    parallel = ParallelModule((3, 4), (1, 3), make_conv)
    assert [len(branch) for branch in parallel] == [1, 3]
    inputs = branches((3, 4), (8, 8))
    first, second = parallel(inputs)
    torch.testing.assert_close(first, parallel[0][0](inputs[0]))
    blocks = parallel[1]
    torch.testing.assert_close(second, blocks[2](blocks[1](blocks[0](inputs[1]))))
