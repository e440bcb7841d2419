"""A finished run for the tests of tickets."""
import pytest
import torch
from tiny import SIZE, WEAKEN, run, unwrap


@pytest.fixture(scope='session')
def trained(tmp_path_factory):
    """A run with tokens, searched and pruned; its ticket; what its last evaluation saw."""
    seen = dict(image=torch.randn(2, 3, *SIZE, generator=torch.Generator().manual_seed(0)))

    @torch.no_grad()
    def act(runner):
        model = unwrap(runner).eval()
        seen['out'] = model(seen['image'])
        seen['maps'] = model.backbone(seen['image'])

    folder = tmp_path_factory.mktemp('trained')
    runner = run(folder, 2, val=2, ticket=True, model=dict(transformer='all'),
                 prune=dict(sparsity=0.7), probes=[WEAKEN, ('LOWEST', dict(before_val_epoch=act))])
    return runner, folder / 'ticket.pth', seen


@pytest.fixture
def content(trained):
    """The ticket file's content, to be damaged."""
    return torch.load(trained[1], weights_only=True)
