"""Commands in README and docs: the tools exist, and take the arguments as they stand there."""
import re
import shlex

import pytest
from doc_examples import example
from doc_pages import PAGES, ROOT, blocks, code_spans, name_of
from tiny_street import load_tool

#: Placeholders to something that a tool accepts.
VALUES = dict(SETTING='elt', DIR='folder', CONFIG_OR_TICKET='x.pth', RUN='st')


def commands():
    """(where, words) of each command with a tool of this repository."""
    found = [(str(block), line) for block in blocks('shell') for line in block.text.splitlines()]
    found += [(name_of(page), span) for page in PAGES for span in code_spans(page)]
    for where, line in found:
        words = shlex.split(line.split(' #')[0])
        words = words[1:] if words[:1] == ['python'] else words
        if words and re.fullmatch(r'(tools|benchmarks|docs)/\w+\.(py|sh)', words[0]):
            yield where, words


COMMANDS = sorted({(where, tuple(words)) for where, words in commands()})


@pytest.mark.parametrize('where, words', COMMANDS, ids=lambda v: ' '.join(v) if isinstance(
    v, tuple) else v)
def test_the_tool_takes_the_arguments(where, words, monkeypatch):
    path, *arguments = words
    assert (ROOT / path).is_file(), f'{where}: {path}'
    for word in arguments:
        if word.startswith('configs/'):
            assert (ROOT / word).is_file(), f'{where}: {word}'
    if path.startswith('tools/') and arguments:
        parse(path, [VALUES.get(word, word) for word in arguments])


def parse(path, arguments):
    """Let the tool read its command line; it ends with an error where it does not understand."""
    name = re.fullmatch(r'tools/(?:dist_)?(\w+)\.(?:py|sh)', path).group(1)
    if path.endswith('.sh'):
        gpus = arguments.pop(1 if name == 'train' else 2)
        assert gpus == 'GPUS' or int(gpus) > 0
    tool = load_tool(name)
    if hasattr(tool, 'parse_args'):
        # The text may speak of an option alone.
        alone = arguments[0].startswith('-')
        if '--import' in arguments:
            example(arguments[arguments.index('--import') + 1])
        tool.parse_args([*(['CONFIG'] if alone else []), *arguments])
        return
    source = (ROOT / path).read_text() + (ROOT / 'mmst/lab/study/main.py').read_text()
    for word in arguments:
        assert not word.startswith('-') or f"'{word}'" in source, word


def test_there_are_commands_to_check():
    tools = {words[0] for _, words in COMMANDS}
    assert {'tools/train.py', 'tools/visualize.py', 'tools/compact.py', 'tools/dist_train.sh',
            'docs/figures.py'} <= tools
