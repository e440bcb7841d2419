"""Functions that act have verbs for names, those that return a thing nouns; none a participle."""
import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / 'mmst'
#: Participles that do not end in "ed"; those that are verbs or nouns, too ("set"), are not here.
IRREGULAR = {
    'begun', 'bound', 'broken', 'built', 'chosen', 'done', 'drawn', 'found', 'frozen', 'given',
    'gone', 'grown', 'held', 'hidden', 'kept', 'known', 'left', 'lost', 'made', 'seen', 'sent',
    'shown', 'taken', 'thrown', 'told', 'worn', 'written'}
#: Verbs and nouns in "ed".
OTHERS = {'bed', 'embed', 'exceed', 'feed', 'need', 'seed', 'shed', 'speed'}


def is_participle(name):
    """Whether a name is one participle, perhaps with an adverb, and nothing else."""
    words = [word for word in name.strip('_').split('_') if word not in ('not', )]
    return len(words) == 1 and words[0] not in OTHERS and (
        words[0].endswith('ed') or words[0] in IRREGULAR)


def participles(tree):
    """Lines and names of functions and methods that are called by a participle.

    Attributes that are computed (properties), and questions that are answered by yes or no, may be:
    they say how something is.
    """
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and is_participle(node.name):
            attribute = any('property' in ast.unparse(each) for each in node.decorator_list)
            answers = node.returns is not None and ast.unparse(node.returns) == 'bool'
            if not attribute and not answers:
                yield f'{node.lineno}: {node.name}'


def test_no_function_is_named_by_a_participle():
    found = [f'{path.relative_to(PACKAGE)}:{line}' for path in sorted(PACKAGE.rglob('*.py'))
             if '.mim' not in path.parts for line in participles(ast.parse(path.read_text()))]
    assert found == []


@pytest.mark.parametrize('code, found', [
    ('def resized(x): ...', ['1: resized']), ('def _kept(x): ...', ['1: _kept']),
    ('def not_compiled(f): ...', ['1: not_compiled']), ('def resize(x): ...', []),
    ('def kept_weights(x): ...', []), ('def is_drawn(x): ...', []), ('def seed(): ...', []),
    ('def pruned(x) -> bool: ...', []),
    ('class A:\n @property\n def drawn(self): ...\n def moved(self): ...', ['4: moved'])])
def test_participles_are_found_and_nothing_else(code, found):
    assert list(participles(ast.parse(code))) == found
