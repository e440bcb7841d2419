"""Every loader of files with a file that it reads: damaged, it is refused or loads whole.

``survey(name, number)`` damages a file that often and counts what came of it.
"""
import contextlib
import copy
import io
import json
import shutil
import signal
import tempfile
from pathlib import Path
from types import SimpleNamespace

import kills
import torch
from changes import CHANGE, CHANGE_OF_CHECKPOINT, CHANGE_OF_JSON, CHANGE_OF_SPARSE
from damage import DAMAGE, cases, content_of, small_ticket
from hypothesis import given
from hypothesis import strategies as st
from mmengine.runner import load_checkpoint

from mmst.deploy.export import load_sparse, save_sparse
from mmst.deploy.export.index import pack_index
from mmst.deploy.export.sparse_file import with_index
from mmst.engine.run import run_record, timeline, work_dir
from mmst.engine.run.resume import find_checkpoint
from mmst.errors import MMSTError
from mmst.lab.report.collect import collect
from mmst.lab.study.curves import read_table
from mmst.lab.study.records import read_record
from mmst.openmmlab.safe_checkpoints import load_from_local, safe_load
from mmst.tickets import Ticket
from mmst.tickets.content import seal
from mmst.tickets.digest import DIGESTS, part_digests

#: Seconds that one load may take.
TIME = 10


class TorchFile:
    """A file of ``torch.save``: its bytes are damaged, or its content is changed and saved again.

    Subclasses write it, seal a changed content as a forger would, and load it.
    """
    changes = CHANGE

    def __init__(self, folder):
        self.path = folder / 'file.pth'
        self.write()
        self.bytes, self.content = self.path.read_bytes(), safe_load(str(self.path))
        self.whole = self.load(False)

    def damages(self):
        return st.one_of(st.tuples(DAMAGE, st.just(None)), st.tuples(self.changes, st.booleans()))

    def damaged(self, damage, seals):
        """The file's bytes after that; ``seals`` is None where bytes are damaged."""
        if seals is None:
            return damage(bytearray(self.bytes))
        content = copy.deepcopy(self.content)
        damage(content)
        buffer = io.BytesIO()
        torch.save(self.seal(content) if seals else content, buffer)
        return buffer.getvalue()

    def seal(self, content):
        return content

    def check(self, found, seals):
        """Loaded and written content are the same, unless a forger has sealed it."""
        if not seals:
            assert not kills.differences(self.whole, found)


class TicketFile(TorchFile):

    def write(self):
        small_ticket().save(self.path)

    def seal(self, content):
        try:
            return dict(content, digest=seal(content['version'], content))
        except Exception:
            return content

    def load(self, seals):
        ticket = Ticket.load(self.path)
        own = ticket.build().state_dict()
        assert all(torch.equal(own[name].reshape(-1), value.to(own[name].dtype).reshape(-1))
                   for name, value in ticket.state_dict.items())
        return content_of(ticket)


class SafetensorsFile:
    """A ticket of safetensors: its bytes are damaged, or its description is changed."""

    def __init__(self, folder):
        self.path = folder / 'file.safetensors'
        small_ticket().save(self.path)
        self.bytes = self.path.read_bytes()
        self.length = int.from_bytes(self.bytes[:8], 'little')
        self.header = json.loads(self.bytes[8:8 + self.length])
        self.whole = self.load(False)

    def damages(self):
        return st.one_of(st.tuples(DAMAGE, st.just(None)),
                         st.tuples(CHANGE_OF_JSON, st.just('text')),
                         st.tuples(CHANGE_OF_JSON, st.just('header')))

    def damaged(self, damage, part):
        if part is None:
            return damage(bytearray(self.bytes))
        header = copy.deepcopy(self.header)
        if part == 'header':
            lines = [header]
            damage(lines)
            new = json.dumps(lines[0] if lines else {})
        else:
            lines = [json.loads(header['__metadata__']['mmst'])]
            damage(lines)
            header['__metadata__']['mmst'] = json.dumps(lines[0] if lines else None)
            new = json.dumps(header)
        return len(new).to_bytes(8, 'little') + new.encode() + self.bytes[8 + self.length:]

    def load(self, part):
        ticket = Ticket.load(self.path)
        ticket.build()
        return content_of(ticket)

    def check(self, found, part):
        assert not kills.differences(self.whole, found)


class SparseFile(TorchFile):
    changes = CHANGE_OF_SPARSE

    def __init__(self, folder):
        super().__init__(folder)
        self.content = dict(with_index(self.content))  # its text is changed as well

    def write(self):
        save_sparse(small_ticket(), self.path)

    def damaged(self, damage, seals):
        """Changed layers are packed again, where that is possible."""
        if seals is None:
            return super().damaged(damage, seals)
        content = copy.deepcopy(self.content)
        damage(content)
        with contextlib.suppress(Exception):
            content['index'] = pack_index(content.pop('layers'), content.pop('masked'))
        buffer = io.BytesIO()
        torch.save(content, buffer)
        return buffer.getvalue()

    def load(self, seals):
        return content_of(load_sparse(self.path))


class CheckpointFile(TorchFile):
    """Of a run with an optimizer, averages, a mask and a message hub; loaded into a model."""
    changes = CHANGE_OF_CHECKPOINT

    def write(self):
        torch.manual_seed(0)
        model = self.model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))
        optimizer = torch.optim.AdamW(model.parameters())
        for parameter in model.parameters():  # a forked process has no threads for autograd
            parameter.grad = torch.randn_like(parameter)
        optimizer.step()
        state = model.state_dict()
        content = dict(
            meta=dict(epoch=1, iter=5, seed=0), state_dict=state, ema_state_dict=dict(state),
            optimizer=optimizer.state_dict(), param_schedulers=[dict(last_step=1)],
            mmst_mask=dict(kept={'0.weight': torch.ones(4, 3) > 0}),
            mmst_search=dict(survivors=dict(a=[0, 2])), message_hub=dict(
                log_scalars={}, resumed_keys={}, runtime_info=dict(epoch=1, mmst_events=[])))
        torch.save(dict(content, **{DIGESTS: part_digests(content)}), self.path)

    def seal(self, content):
        try:
            return dict(content, **{DIGESTS: part_digests(content)})
        except Exception:
            return content

    def load(self, seals):
        model = copy.deepcopy(self.model)
        for value in model.state_dict().values():
            value.zero_()
        before = copy.deepcopy(model.state_dict())
        try:
            content = load_from_local(str(self.path))
        except MMSTError:
            try:
                load_checkpoint(model, str(self.path), logger='silent')
            except MMSTError:
                assert not kills.differences(before, model.state_dict())
            raise
        return content

    def check(self, found, seals):
        # Without its digests a checkpoint may be anybody's.
        if not seals and DIGESTS in found:
            known = {key: value for key, value in found.items() if key in self.whole}
            assert not kills.differences(self.whole, known)


class JsonFile:
    """A small file of text: its bytes are damaged, or its content is changed."""

    def __init__(self, folder):
        self.folder, self.path = folder, folder / self.name
        self.path.write_text(self.text())
        self.bytes = self.path.read_bytes()
        self.load(False)

    def damages(self):
        return st.one_of(
            st.tuples(DAMAGE, st.just(None)), st.tuples(CHANGE_OF_JSON, st.just(False)),
            st.tuples(st.sampled_from(['[' * 10**5, '{"a":' * 10**5, '1' * 10**5]), st.just(True)))

    def damaged(self, damage, seals):
        if seals is None:
            return damage(bytearray(self.bytes))
        if seals:
            return (damage + '\n').encode()
        lines = [json.loads(line) for line in self.bytes.decode().splitlines()]
        damage(lines)
        return '\n'.join(json.dumps(line) for line in lines).encode() + b'\n'

    def check(self, found, seals):
        """No digest tells whether it says what was written: it was read, that is all."""


class Timeline(JsonFile):
    name = timeline.FILE

    def text(self):
        return ''.join(json.dumps(line) + '\n' for line in [
            dict(kind='run', step=0, unit='epoch', steps=4, supernet=dict(params=9, macs=9)),
            dict(kind='prune', step=1, ratio=0.1, sparsity=0.1, total=100, pruned=10),
            dict(kind='evaluate', step=2, sparsity=0.1, at_target=False, metrics=dict(a=0.5))])

    def load(self, seals):
        run, entries = timeline.read(self.folder)
        assert run is None or all(isinstance(e['kind'], str) for e in [run, *entries])
        return collect(self.folder)


class Summary(JsonFile):
    name = 'ticket.json'

    def text(self):
        return json.dumps(dict(
            step=4, sparsity=0.5, params=dict(supernet=9, searched=8, sparse=4), macs=dict(
                supernet=9, searched=8, sparse=4), layer_sparsity=dict(a=0.5), widths=dict(
                    backbone={}), metrics=dict(a=0.5), input_shape=[8, 8]))

    def load(self, seals):
        return collect(self.folder)


class StudyRecord(JsonFile):
    name = 'a-seed0.json'

    def text(self):
        return json.dumps(dict(run='a', seed=0, digest='d', metrics=dict(a=0.5)))

    def load(self, seals):
        return read_record(self.folder, SimpleNamespace(
            key='a-seed0', digest='d', seed=0, run=SimpleNamespace(name='a')))


class RunRecord(JsonFile):
    name = run_record.RECORD

    def text(self):
        return json.dumps(dict(run='abc', config=dict(model=dict(type='x'))))

    def load(self, seals):
        return work_dir.run_id(self.folder), find_checkpoint(self.folder)


class LastCheckpoint(JsonFile):
    name = 'last_checkpoint'

    def text(self):
        return json.dumps('epoch_3.pth')

    def load(self, seals):
        return find_checkpoint(self.folder)


class StudyTable(JsonFile):
    name = 'table.json'

    def text(self):
        return json.dumps(dict(study='a', size='demo', title='b', sections=[dict(
            title='c', data='d', metrics=['e'], rows=[], curves={})]))

    def load(self, seals):
        return read_table(self.path)


KINDS = {kind.__name__: kind for kind in (
    TicketFile, SafetensorsFile, SparseFile, CheckpointFile, Timeline, Summary, StudyRecord,
    RunRecord, LastCheckpoint, StudyTable)}


def survey(name, number):
    """How many of so many damaged files were refused, and how many loaded whole."""
    folder = Path(tempfile.mkdtemp())
    kind, counts = KINDS[name](folder), dict(refused=0, loaded=0)
    signal.signal(signal.SIGALRM, _late)

    @cases(number)
    @given(kind.damages())
    def fuzz(damage):
        kind.path.write_bytes(kind.damaged(*damage))
        signal.alarm(TIME)
        try:
            found = kind.load(damage[1])
        except MMSTError as error:
            assert '\n' not in str(error)
            counts['refused'] += 1
        else:
            kind.check(found, damage[1])
            counts['loaded'] += 1
        finally:
            signal.alarm(0)

    try:
        fuzz()
    finally:
        shutil.rmtree(folder)
    return counts


def _late(*_):
    raise TimeoutError(f'a load takes more than {TIME} s')
