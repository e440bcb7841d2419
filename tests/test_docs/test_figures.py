"""docs/figures.py draws what the hooks of the config do."""
import importlib.util

import pytest
from doc_pages import ROOT


@pytest.fixture(scope='module')
def figures():
    spec = importlib.util.spec_from_file_location('docs_figures', ROOT / 'docs/figures.py')
    module = importlib.util.module_from_spec(spec)
    # Its data class looks its own module up.
    import sys
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.fixture(scope='module')
def found(figures):
    return figures.timeline('st_hrnas_cityscapes_p90.py', epochs=62)


def test_the_timeline_follows_the_configs_intervals(found):
    assert found.steps('search') == [10, 20, 30, 40, 50, 60]
    assert found.steps('prune') == [25, 50, 62]
    assert found.steps('reactivate') == [30, 60]


def test_weights_are_pruned_from_a_prune_to_the_next_search(found):
    assert len(found.sparsity) == 62
    pruned = [step for step, share in enumerate(found.sparsity, 1) if share > 0]
    assert pruned == [*range(25, 30), *range(50, 60), 62]
    assert found.sparsity[24] == pytest.approx(0.1, abs=0.01)
    assert found.sparsity[49] == pytest.approx(0.2, abs=0.01)
    assert found.sparsity[61] == pytest.approx(0.9, abs=0.01), 'the end is at the target'


def test_the_figure_is_the_same_each_time_and_another_for_another_run(figures, found, tmp_path):
    texts = []
    for name, run in (('a', found), ('b', found),
                      ('c', figures.Timeline(found.sparsity[:30], found.events[:3]))):
        figures.draw(run, tmp_path / f'{name}.svg')
        texts.append((tmp_path / f'{name}.svg').read_text())
    assert texts[0] == texts[1] != texts[2]
