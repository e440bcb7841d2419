"""Commands in README and docs: the tools exist, and take the arguments as they stand there."""
import re
import shlex

import pytest
from doc_examples import example
from doc_pages import PAGES, ROOT, blocks, code_spans, name_of
from tiny_street import load_tool

from mmst.cli.main import SUBCOMMANDS

#: Placeholders to something that a tool accepts.
VALUES = dict(SETTING='elt', DIR='folder', CONFIG_OR_TICKET='x.pth', RUN='st')


def commands():
    """(where, words) of each command of this project: ``mmst …``, or a script of its folders."""
    found = [(str(block), line) for block in blocks('shell') for line in block.text.splitlines()]
    found += [(name_of(page), span) for page in PAGES for span in code_spans(page)]
    for where, line in found:
        words = shlex.split(line.split(' #')[0])
        while words and ('=' in words[0] or words[0] == 'python'):  # MMST_SLOW=1 mmst …
            words = words[1:]
        if words[:2] == ['-m', 'torch.distributed.run'] and 'mmst' in words:
            words = words[words.index('mmst'):]
        if words and (words[0] == 'mmst' or re.fullmatch(r'(tools|benchmarks|docs)/\w+\.(py|sh)',
                                                         words[0])):
            yield where, words


COMMANDS = sorted({(where, tuple(words)) for where, words in commands()})


@pytest.mark.parametrize('where, words', COMMANDS, ids=lambda v: ' '.join(v) if isinstance(
    v, tuple) else v)
def test_the_tool_takes_the_arguments(where, words, monkeypatch):
    path, *arguments = words
    for word in arguments:
        if word.startswith('configs/'):
            assert (ROOT / word).is_file(), f'{where}: {word}'
    if path == 'mmst':
        parse(arguments, where)
    else:
        assert (ROOT / path).is_file(), f'{where}: {path}'
    script = re.fullmatch(r'tools/dist_(\w+)\.sh', path)
    if script and arguments:
        gpus = arguments.pop(1 if script.group(1) == 'train' else 2)
        assert gpus == 'GPUS' or int(gpus) > 0
        parse([script.group(1), *arguments], where)


def parse(words, where):
    """Let a subcommand read its arguments; it ends with an error where it does not understand."""
    if not words or words[0] in ('--help', 'SUBCOMMAND'):
        return
    name, *arguments = [VALUES.get(word, word) for word in words]
    assert name in SUBCOMMANDS, f'{where}: mmst {name}'
    if not arguments or arguments == ['--help'] or name == 'launch':
        return
    # The text may speak of an option alone.
    alone = arguments[0].startswith('-')
    if '--import' in arguments:
        example(arguments[arguments.index('--import') + 1])
    load_tool(name).parse_args([*(['CONFIG'] if alone else []), *arguments])


def test_there_are_commands_to_check():
    tools = {words[0] for _, words in COMMANDS}
    assert {'mmst', 'tools/dist_train.sh', 'docs/figures.py'} <= tools
    called = {words[1] for _, words in COMMANDS if words[0] == 'mmst' and len(words) > 1}
    assert {'train', 'visualize', 'compact', 'study', 'report', 'export'} <= called


@pytest.mark.parametrize('page', PAGES, ids=name_of)
def test_what_a_command_needs_comes_before_it(page):
    text = page.read_text()
    if 'mim search' in text:
        assert 'pip install openmim' in text[:text.index('mim search') + 200]
    for call in re.finditer(r'^mmst curves \S*tables/(\w+)\.json', text, re.MULTILINE):
        assert f'mmst study {call[1]} ' in text[:call.start()]
