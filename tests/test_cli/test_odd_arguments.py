"""Every subcommand ends in one line, soon, whatever is given in the place of a file."""
import os
import signal

import pytest
from odd_files import NAMES, make_odd

from mmst.cli.main import SUBCOMMANDS, main

C, T, X = 'CONFIG', 'TICKET', 'ODD'
#: By subcommand: places of files that are read.
READ = {
    'train': [[X], [C, '--resume', X], [C, '--cfg-options', f'load_from={X}']],
    'test': [[X, T], [C, X], [C, X, '--kernel', '1']], 'prune': [[X, T], [C, X]],
    'retrain': [[X, T], [C, X], [C, '--from-checkpoint', X]],
    'transfer': [[X, T], [C, X], [C, T, '--neck-ticket', X]],
    'lottery': [[X, T, 'rp'], [C, X, 'rp'], [C, X, 'lt'], [C, T, 'lt', '--rewind-dir', X]],
    'cost': [[X], [T, '--import', X]], 'profile': [[X], [T, '--table', X]],
    'compact': [[X], [T, '-o', 'o.pth', '--config', X]],
    'export': [[X, '--format', 'onnx'], [X, '--format', 'c'],
               [T, '--format', 'onnx', '-o', 'o.onnx', '--images', X]],
    'share': [[X, '-o', 'shared']], 'seal': [[X, '-o', 'o.pth']], 'accelerator': [[X], [T, X]],
    'report': [[X]], 'visualize': [[X, T, '-o', 'v'], [C, X, '-o', 'v']],
    'study': [[X], ['table1', '--size', X, '--dry-run']], 'sweep': [['st', '--data', X]],
    'curves': [[X]], 'chance': [[X]], 'demo': [[X]], 'generate_data': [[X, 'd']],
    'metafiles': [['--root', X]], 'launch': [[X], ['--nproc-per-node', X, '-m', 'mmst', 'cost']]}
#: The same of files and folders that are written.
WRITTEN = {
    'train': [[C, '--work-dir', X]], 'test': [[C, T, '--out', X], [C, T, '--show-dir', X]],
    'prune': [[C, T, '--out', X]], 'cost': [[T, '--out', X]], 'profile': [[T, '-o', X]],
    'compact': [[T, '-o', X]],
    'export': [[T, '--format', name, '-o', X] for name in ('onnx', 'sparse', 'c')],
    'share': [[T, '-o', X, '--no-timing']], 'seal': [[T, '-o', X]], 'report': [['.', '-o', X]],
    'visualize': [[C, T, '-o', X]], 'chance': [[C, '--work-dir', X]],
    'study': [['table1', '--table', f'--{name}', X] for name in ('records', 'out', 'work-dir')],
    'sweep': [['st', '--table', '--records', X]], 'curves': [[T, '--out', X], [T, '--name', X]],
    'demo': [['--work-dir', X]], 'generate_data': [['cityscapes', X]]}
UNWRITABLE = ('null', 'full', 'pipe', 'loop', 'unreadable', 'system', 'unmade', *NAMES)


@pytest.fixture(scope='session')
def odd(tmp_path_factory, trained):
    return make_odd(tmp_path_factory.mktemp('odd'), (trained / 'ticket.pth').read_bytes())


@pytest.fixture
def attack(odd, config, trained, tmp_path, monkeypatch, capfd):
    """``attack(name, words, kind)``: it must end in one line within 10 s and leave nothing.

    Seconds of its own work are meant, as others may be at work, too.
    """
    monkeypatch.chdir(tmp_path)
    files = {C: config, T: str(trained / 'ticket.pth')}

    def check(name, words, kind):
        words = [files.get(word, word.replace(X, odd[kind])) for word in words]
        before = dict.fromkeys(trained.rglob('*'))
        capfd.readouterr()
        for number in (signal.SIGALRM, signal.SIGPROF):
            signal.signal(number, _late)
        signal.alarm(60)
        signal.setitimer(signal.ITIMER_PROF, 10)
        try:
            code = main([name, *words])
        except SystemExit as ended:
            code = ended.code
        finally:
            signal.alarm(0)
            signal.setitimer(signal.ITIMER_PROF, 0)
        err = capfd.readouterr().err
        assert code == 2, (name, words, code)
        assert err.count('\n') == 1 and len(err) < 900 and '\x1b' not in err, (name, words, err)
        assert err.startswith(f'mmst {name}: error: '), err
        assert not os.listdir(tmp_path) and dict.fromkeys(trained.rglob('*')) == before

    return check


def _late(*_):
    raise TimeoutError('no answer within 10 s')


def test_all_subcommands_that_read_or_write_are_there():
    assert set(READ) == set(SUBCOMMANDS)


@pytest.mark.by_turns(8, 'kind')
@pytest.mark.parametrize('kind', [
    'null', 'zero', 'pipe', 'loop', 'folder', 'hole', 'bomb', 'unreadable', 'empty', 'cut', 'text',
    'deep', 'picture', 'signs', *NAMES])
def test_what_cannot_be_read_is_refused_in_one_line(attack, kind):
    for name, places in READ.items():
        for words in places:
            if (name, kind) not in LEGITIMATE:
                attack(name, words, kind)


#: An empty folder may become one of metafiles; a script may say what it likes.
LEGITIMATE = {('metafiles', 'folder'), *(('launch', kind) for kind in ('empty', 'text', 'signs'))}


@pytest.mark.parametrize('kind', sorted({*UNWRITABLE} - {'lines'}))
def test_where_nothing_can_be_written_is_refused_before_any_work(attack, kind):
    for name, places in WRITTEN.items():
        for words in places:
            if kind != 'system' or '--records' not in words:  # which are only read here
                attack(name, words, kind)
