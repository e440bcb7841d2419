"""Which settings decide a run's results."""
from mmengine.config import Config

from mmst.lab.study.jobs import digest_of, essence


def digest(**hook):
    return digest_of(essence(Config(dict(default_hooks=dict(fast=dict(type='fast', **hook))))))


def test_the_order_of_work_on_a_gpu_is_no_other_setting_but_its_functions_are():
    assert digest() == digest(streams=True) == digest(streams=False)
    assert digest() != digest(kernel=False)
