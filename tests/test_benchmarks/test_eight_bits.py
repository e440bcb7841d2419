"""The study of eight bits computes the paths that the engine computes."""
import eight_bits
import pytest
import torch
from small_nets import randomise_norms
from sparse_nets import needs_kernel

from mmst.deploy.sparse.engine_settings import EngineSettings
from mmst.deploy.sparse.sparse_block import SparseSearchBlock
from mmst.models import SearchBlock


@needs_kernel
def test_paths_of_eight_bits_and_half_precision_are_the_engines_but_for_rounding(tmp_path):
    library = eight_bits.compile_study(tmp_path)
    kinds = {'eight_bits': library.has_dot(), 'half_precision': library.has_half()}
    if not any(kinds.values()):
        pytest.skip('the processor has neither VNNI nor half precision')
    torch.manual_seed(0)
    block = randomise_norms(SearchBlock(6, 5, expand_ratio=2, transformer='none')).eval()
    with torch.no_grad():
        for weight in block.parameters():
            if weight.dim() > 1:
                weight.mul_(torch.rand_like(weight) < 0.5)
    sparse = SparseSearchBlock(block, EngineSettings())
    found = eight_bits.measure_block(library, 'block', sparse, torch.randn(1, 6, 40, 70),
                                     [kind for kind, there in kinds.items() if there], rounds=1)
    assert found['errors'].get('eight_bits', 0) < 0.05
    assert found['errors'].get('half_precision', 0) < 0.005
    assert all(error > 0 for error in found['errors'].values())
