"""Exported C libraries give SparseModel's numbers, bit for bit, and survive all that is given them.
"""
import importlib.util
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from c_projects import driver, four_branches, make, need
from deploy_tickets import small_config, small_ticket, with_n_m_mask
from mmengine.registry import DefaultScope
from sparse_nets import needs_kernel

from mmst.cli.main import main
from mmst.deploy.c_library import write_project
from mmst.deploy.c_library.network import score_of
from mmst.deploy.compact import compact
from mmst.deploy.eight_bits import in_eight_bits, rows_in_eight_bits
from mmst.deploy.export.sparse_file import load_sparse
from mmst.deploy.predictor import Predictor
from mmst.deploy.sparse import SparseModel
from mmst.deploy.sparse.rows import SparseRows
from mmst.deploy.sparse.steps.blob import LABELS, Blob, rice_codes
from mmst.errors import ConfigError, TicketError
from mmst.pruning.mask import Mask
from mmst.registry import MODELS
from mmst.tickets import Ticket

ROOT = Path(__file__).parents[2]
SIZES = [(32, 32), (64, 96), (96, 32), (160, 256)]
pytestmark = needs_kernel


def _example():
    spec = importlib.util.spec_from_file_location('c_library_example',
                                                  ROOT / 'docs/examples/c_library.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


example = _example()


@pytest.fixture(scope='module')
def ticket():
    torch.manual_seed(0)
    return four_branches()


@pytest.fixture(scope='module')
def folder(ticket, tmp_path_factory):
    """A project, exported by the command and built."""
    here = tmp_path_factory.mktemp('c')
    ticket.save(here / 'ticket.pth')
    assert main(['export', str(here / 'ticket.pth'), '--format', 'c', '-o', str(here / 'lib')]) == 0
    make(here / 'lib')
    return here / 'lib'


def opened(folder, weights='weights.bin', threads=1):
    return example.CTicket(folder / 'libticket.so',
                           weights if isinstance(weights, bytes) else folder / weights, threads)


@pytest.mark.parametrize('threads', [1, 3])
def test_scores_are_those_of_the_sparse_model_bit_for_bit(folder, ticket, threads):
    model = SparseModel.from_ticket(ticket, threads=threads)
    library = opened(folder, threads=threads)
    for height, width in SIZES:
        image = torch.randn(1, 3, height, width)
        expected = model(image)[0].numpy()
        assert expected.std() > 0.01
        np.testing.assert_array_equal(library.scores(image[0].numpy()), expected)
    library.close()


def equal(folder, ticket, where, size=(64, 96), int8=False):
    """Whether a ticket's weights give SparseModel's scores, by the library in ``folder``."""
    found = write_project(ticket, where, int8)
    library = opened(folder, (where / 'weights.bin').read_bytes())
    image = torch.randn(1, 3, *size)
    expected = SparseModel.from_ticket(ticket, int8=int8)(image)[0].numpy()
    assert expected.std() > 0
    scores = library.scores(image[0].numpy())
    np.testing.assert_array_equal(scores.reshape(expected.shape), expected)
    return library, found


def test_heat_maps_are_those_of_the_sparse_model(folder, tmp_path):
    library, found = equal(folder, small_ticket('coco', 0.7), tmp_path)
    assert found['kind'] == example.HEATMAPS and not (tmp_path / 'label.c').exists()
    assert 'label' not in (tmp_path / 'Makefile').read_text()
    with pytest.raises(example.TicketLibraryError, match='labels are for segmentation'):
        library.labels(np.zeros((3, 64, 48), np.float32))


def test_scores_of_classes_are_those_of_the_sparse_model(folder, tmp_path):
    library, found = equal(folder, small_ticket('imagenet'), tmp_path)
    assert found['kind'] == library.info.kind == example.CLASSES and not library.info.stride


@pytest.mark.parametrize('task, sparsity', [
    ('cityscapes', 0.3), ('cityscapes', 0.9), ('imagenet', 0.9)])
def test_scores_of_compact_tickets_are_those_of_the_sparse_model(folder, tmp_path, task, sparsity):
    equal(folder, compact(small_ticket(task, sparsity)), tmp_path)


def test_scores_of_tickets_with_n_m_masks_are_those_of_the_sparse_model(folder, tmp_path):
    equal(folder, with_n_m_mask(small_ticket('cityscapes', 0.5)), tmp_path, (40, 48))


@pytest.mark.parametrize('task, compacted', [
    ('cityscapes', False), ('cityscapes', True), ('imagenet', False)])
def test_weights_of_eight_bits_give_the_scores_of_the_sparse_model_with_int8(
        folder, tmp_path, task, compacted):
    ticket = small_ticket(task, 0.5)
    equal(folder, compact(ticket) if compacted else ticket, tmp_path, int8=True)


def test_weights_of_eight_bits_are_read_as_they_were_rounded(folder, tmp_path, monkeypatch):
    ticket = compact(small_ticket('cityscapes', 0.5))
    assert main(['export', save(ticket, tmp_path / 'ticket.pth'), '--format', 'c', '--int8', '-o',
                 str(tmp_path / 'small')]) == 0
    image = torch.randn(3, 64, 96).numpy()
    found = opened(folder, (tmp_path / 'small/weights.bin').read_bytes()).scores(image)
    write, whole = Blob.matrix, write_project(ticket, tmp_path / 'whole')
    monkeypatch.setattr(Blob, 'matrix', lambda blob, rows, columns: write(
        blob, rounded(rows), columns))
    write_project(ticket, tmp_path / 'rounded')
    expected, exact = (opened(folder, (tmp_path / name / 'weights.bin').read_bytes()).scores(image)
                       for name in ('rounded', 'whole'))
    np.testing.assert_array_equal(found, expected)
    assert 0 < np.abs(found - exact).max() < 0.05 * np.abs(exact).max()
    assert (tmp_path / 'small/weights.bin').stat().st_size < 0.6 * whole['bytes']


def save(ticket, path):
    ticket.save(path)
    return str(path)


def rounded(rows):
    """Non-zeros as eight bits hold them."""
    scale, values = rows_in_eight_bits(rows.start, rows.value)
    assert np.abs(values).max(initial=0) <= 127
    counts = np.diff(rows.start)
    return replace(rows, value=np.repeat(scale, counts[counts > 0]) * values)


def test_scales_of_eight_bits_lose_little():
    value = np.random.default_rng(0).normal(size=1000).astype(np.float32)
    rows = SparseRows(np.array([0, 400, 400, 1000]), np.arange(1000), value)
    error = np.abs(rounded(rows).value - value)
    for part in (slice(0, 400), slice(400, 1000)):
        assert error[part].max() <= np.abs(value[part]).max() / 127 * 0.51
    nothing = SparseRows(np.zeros(3, int), np.zeros(0, int), np.zeros(0, np.float32))
    assert not len(rounded(nothing))


def test_rows_that_eight_bits_have_held_keep_them_with_another_scale():
    draw = np.random.default_rng(0)
    units = draw.integers(-127, 128, (50, 30)).astype(np.int8)
    held = units * draw.uniform(0.01, 1, (50, 1)).astype(np.float32)
    factor = draw.uniform(0.5, 2, (50, 1))  # as of a norm that is folded in
    scale, found = in_eight_bits((held.astype(np.float64) * factor).astype(np.float32))
    np.testing.assert_array_equal(found, units)
    np.testing.assert_allclose(scale[:, None] * found, held * factor, rtol=2**-8)


def test_a_sparse_file_of_eight_bits_is_not_rounded_again(folder, tmp_path):
    path = save(small_ticket('cityscapes', 0.5), tmp_path / 'ticket.pth')
    small = str(tmp_path / 'small.sparse')
    assert main(['export', path, '--format', 'sparse', '--int8', '-o', small]) == 0
    image, errors = torch.randn(1, 3, 64, 96), []
    expected = SparseModel.from_ticket(small)(image)[0].numpy()
    for source in (small, path):
        out = tmp_path / f'of_{Path(source).stem}'
        assert main(['export', source, '--format', 'c', '--int8', '-o', str(out)]) == 0
        scores = opened(folder, (out / 'weights.bin').read_bytes()).scores(image[0].numpy())
        errors.append(np.abs(scores - expected).max() / np.abs(expected).max())
    print(errors)
    assert errors[0] < 0.5 * errors[1]
    again = str(tmp_path / 'again.sparse')
    assert main(['export', small, '--format', 'sparse', '--int8', '-o', again]) == 0
    weights, others = (load_sparse(path).state_dict for path in (small, again))
    assert all(torch.equal(weight, others[name]) for name, weight in weights.items())


def test_pictures_of_any_size_are_normalised_resized_and_labelled(folder, ticket):
    library, model = opened(folder), SparseModel.from_ticket(ticket)
    settings = ticket.model['data_preprocessor']
    mean, std = (torch.tensor(settings[key])[:, None, None] for key in ('mean', 'std'))
    picture = np.random.default_rng(0).integers(0, 256, (45, 70, 3), np.uint8)
    planes = picture.transpose(2, 0, 1)  # strides of the picture: nothing is copied
    found = library.labels(planes, example.NORMALISE | example.RESIZE)
    image = F.interpolate(torch.from_numpy(planes.copy()).float()[None], (64, 96), mode='bilinear')
    scores = F.interpolate(model((image - mean) / std), (45, 70), mode='bilinear')[0]
    assert len(np.unique(found)) > 1
    assert (scores.argmax(0).numpy() == found).mean() > 0.999
    turned = library.labels(planes[::-1], example.NORMALISE | example.RESIZE | example.BGR)
    np.testing.assert_array_equal(turned, found)
    with pytest.raises(example.TicketLibraryError, match='ask for TICKET_RESIZE'):
        library.labels(planes)


@pytest.mark.parametrize('int8', [False, True])
@pytest.mark.parametrize('head', [
    dict(align_corners=True), dict(num_classes=2, out_channels=1, threshold=0.3),
    dict(num_classes=2, out_channels=1, threshold=0.6, align_corners=True)])
def test_labels_are_made_as_the_head_makes_them(folder, tmp_path, head, int8):
    ticket = small_ticket(sparsity=0.5, change=lambda model: model.decode_head.update(head))
    write_project(ticket, tmp_path, int8)
    data = (tmp_path / 'weights.bin').read_bytes()
    picture = np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8)
    found = opened(folder, data).labels(picture.transpose(2, 0, 1), example.NORMALISE)
    predictor = Predictor(ticket, 'torch')
    predictor.network = SparseModel.from_ticket(ticket, int8=int8)
    assert (found == predictor(picture)).mean() > 0.999 and len(np.unique(found)) > 1
    assert data[8] == LABELS  # earlier libraries, which would label otherwise, refuse it


def test_a_network_without_a_preprocessor_reads_pictures_as_the_toolboxes_load_them(folder,
                                                                                    tmp_path):
    ticket = small_ticket(sparsity=0.5, change=lambda model: model.pop('data_preprocessor'))
    write_project(ticket, tmp_path)
    picture = np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8)
    scores = opened(folder, (tmp_path / 'weights.bin').read_bytes()).scores(
        picture.transpose(2, 0, 1), example.NORMALISE)
    predictor = Predictor(ticket, 'sparse')
    np.testing.assert_array_equal(scores, predictor.scores(picture)[0].numpy())
    model = ticket.build()
    inputs = [torch.from_numpy(picture[..., ::-1].copy()).permute(2, 0, 1)]
    loaded = model.data_preprocessor(dict(inputs=inputs))['inputs'][0]
    expected = model(loaded[None].float())[0].detach().numpy()
    np.testing.assert_allclose(scores, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())


def test_weights_whose_labels_need_no_new_rule_open_in_earlier_libraries(tmp_path):
    for name, int8, version in (('whole', False, 1), ('small', True, 3)):
        write_project(small_ticket(), tmp_path / name, int8)
        assert (tmp_path / name / 'weights.bin').read_bytes()[8] == version


@pytest.mark.parametrize('share, score', [(0.5, 0.), (0.3, -0.8473), (0, -1e30), (1, 1e30)])
def test_thresholds_become_scores(share, score):
    assert score_of(share) == pytest.approx(score, rel=1e-3)


def test_a_threshold_that_is_no_number_is_refused():
    with pytest.raises(TicketError, match="threshold is 'high'"):
        score_of('high')


def test_more_classes_than_labels_of_eight_bits_give_scores_alone(folder, tmp_path, capsys):
    ticket = small_ticket(change=lambda model: model.decode_head.update(num_classes=257))
    assert main(['export', save(ticket, tmp_path / 'ticket.pth'), '--format', 'c', '-o',
                 str(tmp_path / 'lib')]) == 0
    assert 'scores and no labels' in capsys.readouterr().out
    assert not (tmp_path / 'lib/label.c').exists()
    for name in ('Makefile', 'README.md'):
        assert 'label.c' not in (tmp_path / 'lib' / name).read_text()
    library = opened(folder, (tmp_path / 'lib/weights.bin').read_bytes())
    assert library.scores(np.zeros((3, 64, 64), np.float32)).shape[0] == 257
    with pytest.raises(example.TicketLibraryError, match='at most 256 classes'):
        library.labels(np.zeros((3, 64, 64), np.float32))


def test_options_that_there_are_not_are_refused(folder):
    library = opened(folder)
    for options in (8, 255, -1):
        with pytest.raises(example.TicketLibraryError, match='out of range'):
            library.scratch(64, 64, options)
    image = np.zeros(3 * 64 * 64, np.uint8)
    described = example.Image(image.ctypes.data, 0, 64, 64, 4096, 64, 1)
    labels = np.empty((64, 64), np.uint8)
    output = example.Output(None, 0, 0, labels.ctypes.data_as(example.POINTER(example.c_uint8)), 64)
    scratch = np.empty(library.scratch(64, 64), np.uint8)
    assert library.lib.ticket_run(library.opened, example.byref(described), 255,
                                  example.byref(output), scratch.ctypes.data, scratch.size) == 9


def test_the_example_labels_a_picture(folder, tmp_path):
    picture = np.random.default_rng(0).integers(0, 256, (40, 33, 3), np.uint8)
    (tmp_path / 'in.ppm').write_bytes(b'P6\n33 40\n255\n' + picture.tobytes())
    subprocess.run([folder / 'label', folder / 'weights.bin', tmp_path / 'in.ppm',
                    tmp_path / 'out.pgm'], check=True)
    labels = opened(folder).labels(picture.transpose(2, 0, 1), example.NORMALISE | example.RESIZE)
    assert (tmp_path / 'out.pgm').read_bytes() == b'P5\n33 40\n255\n' + labels.tobytes()


@pytest.mark.parametrize('task, said', [
    ('imagenet', 'the weights give no class of each pixel'),
    ('four', 'the weights are not for pictures of three colours')])
def test_the_example_refuses_weights_of_another_task_or_for_other_pictures(folder, tmp_path, task,
                                                                           said):
    ticket = small_ticket('imagenet') if task == 'imagenet' else small_ticket(in_channels=4)
    if task == 'four':
        with pytest.raises(TicketError, match='has 3 numbers, and the network takes 4 channels'):
            write_project(ticket, tmp_path / 'none')
        ticket.model['data_preprocessor'].update(mean=[0.], std=[1.])
    write_project(ticket, tmp_path / 'c')
    (tmp_path / 'in.ppm').write_bytes(b'P6\n33 40\n255\n' + bytes(3 * 33 * 40))
    done = subprocess.run([folder / 'label', tmp_path / 'c/weights.bin', tmp_path / 'in.ppm',
                           tmp_path / 'out.pgm'], capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr == f'{said}\n'
    assert not (tmp_path / 'out.pgm').exists()


def test_the_wrapper_refuses_other_channels(folder):
    with pytest.raises(ValueError, match='3 channels'):
        opened(folder).scores(np.zeros((2, 64, 64), np.float32))


def test_the_programs_of_the_page_run(folder):
    subprocess.run(['g++', '-std=c++17', f'-I{folder}', ROOT / 'docs/examples/c_library.cpp',
                    folder / 'ticket.o', '-o', folder / 'count', '-pthread'], check=True)
    counts = subprocess.run([folder / 'count', folder / 'weights.bin', '45', '70'],
                            capture_output=True, text=True, check=True).stdout.splitlines()
    assert sum(int(line.split()[1]) for line in counts) == 45 * 70
    done = subprocess.run([sys.executable, ROOT / 'docs/examples/c_library.py',
                           folder / 'libticket.so', folder / 'weights.bin', '45', '70'],
                          capture_output=True, text=True, check=True)
    assert done.stdout.startswith('[[')


def test_runs_allocate_nothing_and_take_the_memory_that_they_ask_for(folder):
    subprocess.run(['g++', '-std=c++17', f'-I{folder}', ROOT / 'tests/count_memory.cpp',
                    folder / 'ticket.o', '-o', folder / 'count_memory', '-pthread'], check=True)
    allocations, memory = subprocess.run(
        [folder / 'count_memory', folder / 'weights.bin', '500', '1000'], capture_output=True,
        text=True, check=True).stdout.splitlines()
    assert allocations == '0 allocations in runs, 1 seen elsewhere'
    taken, asked = (int(word) for word in memory.split() if word.isdigit())
    assert asked > 6_000_000 and 0.9 * asked < taken < 1.1 * asked


def test_threads_that_run_one_ticket_get_what_they_get_alone(folder):
    library = opened(folder, threads=2)
    images = [np.random.default_rng(i).normal(size=(3, 32 + 32 * (i % 3), 64)).astype(np.float32)
              for i in range(12)]
    alone = [library.scores(image) for image in images]
    with ThreadPoolExecutor(3) as pool:  # calls of ctypes run side by side
        for found, expected in zip(pool.map(library.scores, images), alone, strict=True):
            np.testing.assert_array_equal(found, expected)
    library.close()


def test_library_and_weights_are_small_and_need_the_c_library_alone(folder, ticket):
    subprocess.run(['strip', '-o', folder / 'small.so', folder / 'libticket.so'], check=True)
    assert (folder / 'small.so').stat().st_size <= 300_000
    needed = subprocess.run(['objdump', '-p', folder / 'libticket.so'], capture_output=True,
                            text=True, check=True).stdout
    assert 'libstdc++' not in needed and 'libgcc_s' not in needed
    kept = sum(int(t.count_nonzero()) for t in ticket.state_dict.values())
    assert (folder / 'weights.bin').stat().st_size <= 5 * kept


def test_weights_that_are_damaged_or_newer_are_refused(folder):
    whole = (folder / 'weights.bin').read_bytes()
    newer = whole[:8] + bytes([LABELS + 1]) + whole[9:]
    for data, text in ((whole[:-1], 'damaged'), (whole[:40] + b'x' + whole[41:], 'damaged'),
                       (b'', 'damaged'), (newer, 'later version')):
        with pytest.raises(example.TicketLibraryError, match=text):
            opened(folder, data)
    with pytest.raises(example.TicketLibraryError, match='cannot be read'):
        opened(folder, 'missing.bin')


def test_other_heads_are_refused_in_one_line(tmp_path):
    cfg = small_config('cityscapes')
    cfg.model.decode_head.num_convs = 1
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        model = MODELS.build(cfg.model)
    ticket = Ticket.from_model(model, cfg.model, Mask({}), dict(default_scope=cfg.default_scope))
    with pytest.raises(TicketError, match='heads of one') as caught:
        write_project(ticket, tmp_path / 'new')
    assert '\n' not in str(caught.value) and not (tmp_path / 'new').exists()


def test_a_folder_of_other_files_is_left_alone(ticket, tmp_path):
    (tmp_path / 'mine.txt').write_text('mine')
    with pytest.raises(ConfigError, match='holds other files'):
        write_project(ticket, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ['mine.txt']


def test_gaps_between_weights_take_few_bits():
    kept = np.flatnonzero(np.random.default_rng(0).random(100_000) < 0.1)
    parameter, codes = rice_codes(np.diff(kept, prepend=-1) - 1)
    assert 8 * len(codes) / len(kept) < 5 and 1 <= parameter <= 4
    assert rice_codes(np.zeros(0, np.int64)) == (0, b'')


ADDRESS = ('-fsanitize=address,undefined', '-fno-sanitize-recover=all')


def tried(program, *arguments, folder=None):
    done = subprocess.run([program, 'weights.bin', *map(str, arguments)],
                          cwd=folder or program.parent, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    return done.stdout


@pytest.mark.by_turns(5)
def test_damaged_weights_and_odd_sizes_touch_nothing_that_is_not_theirs(folder):
    watched = driver(folder, 'watched', '-O0', *ADDRESS)  # it takes longest to compile
    assert tried(watched, 'damaged', 100, 1).startswith('100 damaged')
    assert tried(watched, 'sizes', 10, 1) == '10 sizes\n'


@pytest.mark.slow
@pytest.mark.parametrize('kind', ['cityscapes', 'imagenet', 'compact', 'int8'])
def test_ten_thousand_damaged_weights(folder, tmp_path, kind):
    watched = driver(folder, 'watched', '-O1', *ADDRESS)
    if kind != 'cityscapes':
        ticket = small_ticket('imagenet') if kind == 'imagenet' else compact(small_ticket())
        write_project(ticket, tmp_path, kind == 'int8')
        folder = tmp_path
    assert '10000 damaged' in tried(watched, 'damaged', 10_000, 2, folder=folder)
    assert tried(watched, 'sizes', 500, 2, folder=folder) == '500 sizes\n'


@pytest.mark.slow
def test_threads_do_not_race(folder):
    program = driver(folder, 'raced', '-O1', '-fsanitize=thread')
    assert tried(program, 'threads', 6, 1) == '18 runs\n'


#: Compiler and flags to the emulator that runs what it makes. gcc 12 emits no vectors of RISC-V.
RISCV_VECTORS = 'clang++-19 --target=riscv64-linux-gnu -march=rv64gcv'
PROCESSORS = {
    'aarch64-linux-gnu-g++': 'qemu-aarch64',
    'arm-linux-gnueabihf-g++ -mfpu=neon': 'qemu-arm',
    'riscv64-linux-gnu-g++': 'qemu-riscv64',
    RISCV_VECTORS: 'qemu-riscv64 -cpu rv64,v=true,vext_spec=v1.0,vlen=128',
    f'{RISCV_VECTORS}_zvl256b': 'qemu-riscv64 -cpu rv64,v=true,vext_spec=v1.0,vlen=256',
    'clang++': ''}


@pytest.mark.slow
@pytest.mark.parametrize('compiler', PROCESSORS)
def test_other_processors_give_nearly_the_same(folder, ticket, tmp_path, compiler):
    (compiler, *flags), emulator = compiler.split(), PROCESSORS[compiler].split()
    need(compiler, *emulator[:1])
    linker = 'riscv64-linux-gnu-g++' if any('riscv64' in flag for flag in flags) else None
    program = driver(folder, '-'.join([compiler, *flags]), '-O2', '-static', *flags,
                     compiler=compiler, linker=linker)
    image = (torch.arange(3 * 64 * 96) * 7 % 19 - 9).float().view(1, 3, 64, 96)
    others = dict(whole=ticket, classes=small_ticket('imagenet'), compact=compact(small_ticket()))
    for name, other in others.items():
        write_project(other, tmp_path / name)
        done = subprocess.run([*emulator, program, 'weights.bin', 'scores', '64', '96'],
                              cwd=tmp_path / name, capture_output=True, check=True)
        found = np.frombuffer(done.stdout, np.float32)
        expected = SparseModel.from_ticket(other)(image).numpy().ravel()
        assert np.abs(found - expected).max() <= 1e-5 * np.abs(expected).max(), name


@pytest.mark.slow
def test_webassembly_labels_as_the_processor_does(folder):
    need('clang++', 'wasm-ld', 'node')
    flags = ['--target=wasm32-wasi', '-O2', '-msimd128']
    for command in (
            ['clang++', *flags, '-std=c++17', '-fno-exceptions', '-fno-rtti', '-DTICKET_NO_THREADS',
             '-c', 'ticket.cpp', '-o', 'ticket.wo'],
            ['clang', *flags, '-std=c11', '-c', 'label.c', '-o', 'label.wo'],
            ['clang++', *flags, '-Wl,-z,stack-size=1048576', 'ticket.wo', 'label.wo', '-o',
             'label.wasm']):
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        if 'file not found' in done.stderr or 'cannot open' in done.stderr:
            pytest.skip(f'the WASI libraries are not installed: {done.stderr[-200:]}')
        assert done.returncode == 0, done.stderr[-3000:]
    picture = np.random.default_rng(0).integers(0, 256, (45, 70, 3), np.uint8)
    (folder / 'in.ppm').write_bytes(b'P6\n70 45\n255\n' + picture.tobytes())
    subprocess.run(['node', '--no-warnings', ROOT / 'tests/label_wasm.js'], cwd=folder, check=True)
    found = np.frombuffer((folder / 'out.pgm').read_bytes(), np.uint8)[-45 * 70:].reshape(45, 70)
    expected = opened(folder).labels(picture.transpose(2, 0, 1), example.NORMALISE | example.RESIZE)
    assert len(np.unique(found)) > 1 and (found == expected).mean() > 0.999


@pytest.mark.slow
def test_cmake_builds_it(folder):
    need('cmake')
    subprocess.run('cmake -B build && cmake --build build', shell=True, cwd=folder, check=True,
                   capture_output=True)
    assert (folder / 'build' / 'label').is_file()
