"""First lines of docstrings are sentences: they begin with a verb."""
import ast
import functools
import re
from pathlib import Path

import pytest

import mmst

PACKAGE = Path(mmst.__file__).parent
#: Words that begin a description of a thing instead of a sentence.
NO_VERBS = {'a', 'an', 'the', 'this', 'that', 'these', 'those', 'it', 'its', 'all', 'each', 'every',
            'any', 'one', 'two', 'some', 'no', 'only', 'of', 'on', 'in', 'at', 'by', 'for', 'from',
            'with', 'without', 'what', 'which', 'whether', 'where', 'when', 'how'}
#: Verbs that end like a third person.
IMPERATIVES = {'pass', 'compress', 'process', 'address', 'express', 'guess', 'discuss', 'focus',
               'dress'}
#: Other third persons.
THIRD_PERSONS = {'are'}


def first_word(node):
    words = re.findall(r"[\w'`]+", ast.get_docstring(node) or '')
    return words[0].lower() if words else None


def is_sentence(node, subcommand=False):
    """Whether it is one: a function gets an order, a module or a class is described.

    Modules of subcommands may do both: theirs is the help of the command line.
    """
    word = first_word(node)
    if word is None:
        return True
    third = (word.endswith('s') and word not in IMPERATIVES) or word in THIRD_PERSONS
    fits = subcommand or third != isinstance(node, ast.FunctionDef)
    return word not in NO_VERBS and fits


@pytest.mark.parametrize('source, fine', [
    ('def f():\n "Return it."', True), ('def f():\n "Returns it."', False),
    ('def f():\n "The sum."', False), ('def f():\n "Pass it on."', True),
    ('class A:\n "Holds a mask."', True), ('class A:\n "A mask."', False),
    ('class A:\n "Hold a mask."', False), ('def f():\n pass', True)])
def test_sentences_are_recognised(source, fine):
    assert is_sentence(ast.parse(source).body[0]) is fine


def test_first_lines_begin_with_a_verb():
    found = []
    for path in sorted(PACKAGE.rglob('*.py')):
        name = path.relative_to(PACKAGE).as_posix()
        for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
            help_text = name.startswith('cli/') and isinstance(node, ast.Module)
            if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and not is_sentence(
                    node, help_text):
                line = (ast.get_docstring(node) or '').splitlines()[0]
                found.append(f'{name}:{getattr(node, "lineno", 1)} {line}')
    assert not found, '\n'.join(found)


REFERENCE = re.compile(r':(?:func|class|meth|mod|data|attr):`~?([\w.]+)`')


@functools.cache
def names_in(path):
    """What a module defines, imports or sets, methods and attributes too; those of a package's
    files are its own.
    """
    nodes = list(ast.walk(ast.parse(path.read_text(encoding='utf-8'))))
    found = {node.name for node in nodes if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    found |= {node.asname or node.name for node in nodes if isinstance(node, ast.alias)}
    found |= {node.id for node in nodes if isinstance(node, ast.Name)}
    return found | {node.attr for node in nodes if isinstance(node, ast.Attribute)}


def resolves(reference, path, root=PACKAGE):
    """Whether a docstring of the file ``path`` refers to something of the package that exists."""
    package = ['mmst', *path.relative_to(root).parent.parts]
    parts = reference.lstrip('.').split('.')
    dots = len(reference) - len(reference.lstrip('.'))
    if dots:
        parts = package[:len(package) - dots + 1] + parts
    if parts[0] != 'mmst':
        return parts[0] in names_in(path)
    for length in range(len(parts), 0, -1):
        place = root.joinpath(*parts[1:length])
        for file in (place.with_suffix('.py'), place / '__init__.py'):
            if length > 1 and file.is_file():
                return all(name in names_in(file) for name in parts[length:])
    return False


def test_references_lead_to_modules_and_names_that_exist():
    found = []
    for path in sorted(PACKAGE.rglob('*.py')):
        text = re.sub(r'\n\s*', '', path.read_text(encoding='utf-8')) if '.mim' not in path.parts \
            else ''
        found += [f'{path.relative_to(PACKAGE)}: {name}' for name in REFERENCE.findall(text)
                  if not resolves(name, path)]
    assert not found, '\n'.join(found)


@pytest.mark.parametrize('reference, there', [
    ('mmst.pruning.mask.Mask', True), ('mmst.pruning.mask.Masks', False),
    ('mmst.prune.mask', False), ('.mask.Mask', True), ('..search.units', True),
    ('..search.unit', False), ('Pruner', True),
    ('mmst.pruning.pruner.Pruner.step', True), ('Prune', False)])
def test_references_to_nothing_are_found(reference, there):
    assert resolves(reference, PACKAGE / 'pruning' / 'pruner.py') is there
