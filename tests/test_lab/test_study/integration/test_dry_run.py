"""A dry run lists the runs that are left."""
from types import SimpleNamespace

from mmst.lab.study.main import list_jobs
from mmst.lab.study.plan import Plan


def job(key, data, length):
    return SimpleNamespace(key=key, length=length, run=SimpleNamespace(data=data, tool='train'))


JOBS = {j.key: j for j in (job('a', 'street', 10), job('b', 'street', 20), job('c', 'street', 5),
                           job('d', 'rooms', 8))}


def test_minutes_come_from_finished_runs_on_the_same_data(capsys):
    records = dict(a=dict(seconds=600.), c=dict(seconds=None))
    list_jobs(Plan([JOBS['b'], JOBS['d']], records), JOBS)
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        'b: tools/train.py, about 20 epochs, about 20 min', 'd: tools/train.py, about 8 epochs',
        '2 runs to do, 2 done; about 20 min one after the other; minutes on rooms are known once a '
        'run has finished']


def test_nothing_is_left(capsys):
    list_jobs(Plan([], dict(a=dict(seconds=600.))), JOBS)
    assert capsys.readouterr().out == '0 runs to do, 1 done\n'
