"""Configs that come with a file."""
import copy
import importlib
import os
import signal
import threading

import pytest
from mmengine.config import Config, ConfigDict
from mmengine.registry import DefaultScope, Registry, registry

from mmst.errors import TicketError
from mmst.tickets.registered import check_network, check_settings, only_registered

CFG = dict(type='mmst.Net', pretrained='a.pth', backbone=dict(
    type='ResNet', depth=18, checkpoint='b.pth', init_cfg=dict(type='Pretrained', checkpoint='c')),
    heads=[dict(type='Head', ckpt_path='d', init_cfg=[
        dict(type='Normal', std=1), dict(type='Pretrained', checkpoint='e')])], sizes=(1, 2))


def test_files_are_left_out_of_a_copy_and_the_config_stays_as_it_is():
    before = copy.deepcopy(CFG)
    found = check_settings(CFG, 'mmst')
    assert before == CFG
    assert found == dict(type='mmst.Net', pretrained=None, backbone=dict(
        type='ResNet', depth=18, checkpoint=None, init_cfg=None), heads=[dict(
            type='Head', ckpt_path=None, init_cfg=[dict(type='Normal', std=1)])], sizes=(1, 2))


def test_a_config_of_mmengine_keeps_its_attributes():
    found = check_settings(ConfigDict(a=dict(b=[dict(c=1)]), pretrained='a.pth'), None)
    assert found.a.b[0].c == 1 and found.pretrained is None


@pytest.mark.parametrize('cfg', [dict(type='os.system'), dict(a=[dict(_scope_='os')]),
                                 dict(a=dict(trust_remote_code=True))])
def test_a_config_that_leads_out_of_the_toolboxes_is_refused(cfg):
    with pytest.raises(TicketError):
        check_settings(cfg, 'mmst')


@pytest.mark.parametrize('text', ['torch.load("a")', "__import__('os').system('x')",
                                  '[].clear\\\n()'])
def test_a_text_that_reads_like_a_call_is_refused(text):
    with pytest.raises(TicketError, match='reads like a call'):
        check_network(dict(type='Head', test_cfg=[dict(nms=dict(name=text))]))


def test_words_for_people_and_names_are_no_calls():
    check_network(dict(type='mmst.Net', mode='bilinear', init_cfg=dict(type='Normal'),
                     metainfo=dict(classes=('person (sitting)', )), text='[a] {b}'))


@pytest.mark.parametrize('part', [
    dict(type='mmpretrain.MNIST', data_root='x'), dict(type='LoadImageFromFile'),
    dict(type='mmseg.IoUMetric'), dict(type='EMAHook'), dict(type='mmpretrain.ImageClassifier',
                                                             x=[dict(type='DefaultSampler')])])
def test_what_is_no_part_of_a_network_is_refused(part):
    with pytest.raises(TicketError, match='is no part of a network'):
        check_network(dict(type='ImageClassifier', prototype=dict(dataset=part)))


@pytest.mark.parametrize('scope, kind', [
    ('mmpose', 'MSRAHeatmap'), ('mmpretrain', 'Mixup'), ('mmseg', 'BN'), ('mmseg', 'nms'),
    ('mmseg', 'SegDataPreProcessor')])
def test_parts_of_networks_and_unknown_names_are_left_to_the_toolbox(scope, kind):
    importlib.import_module(f'{scope}.registry')
    with DefaultScope.overwrite_default_scope(scope):
        check_network(dict(part=dict(type=kind)))


@pytest.mark.parametrize('part', [
    dict(type='RefCocoDataset', _scope_='mmdet'),
    dict(type='mmengine.x if 0 else [[0 for NMSop.__class_getitem__ in [torch.hub.os.system]]]')])
def test_a_type_of_another_toolbox_or_no_name_is_no_part_either(part):
    importlib.import_module('mmdet.registry')
    with DefaultScope.overwrite_default_scope('mmpretrain'), \
            pytest.raises(TicketError, match='is no part of a network'):
        check_network(dict(type='ImageClassifier', prototype=dict(dataset=part)))


@pytest.mark.parametrize('key', ['backend_args', 'file_client_args'])
def test_backends_that_import_or_contact_what_they_name_are_refused(key):
    with pytest.raises(TicketError, match=f"{key} has the backend 'memcached'"):
        check_settings(dict(dataset=dict(pipeline=[{key: dict(
            backend='memcached', server_list_cfg='', client_cfg='', sys_path='x')}])), None)
    local = dict(dataset={key: dict(backend='local')}, other={key: None})
    assert check_settings(local, None) == local


def test_builds_in_several_threads_leave_everything_as_it_was():
    before = [open, Registry.get, Config.fromfile, get_object_from_string()]

    def build():
        for _ in range(20):
            with only_registered():
                assert get_object_from_string()('torch.nn.Linear') is None

    threads = [threading.Thread(target=build) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert before == [open, Registry.get, Config.fromfile, get_object_from_string()]


def test_other_threads_read_configs_meanwhile(tmp_path):
    (tmp_path / 'config.py').write_text('a = 1')
    found = []
    with only_registered():
        thread = threading.Thread(target=lambda: found.append(
            Config.fromfile(tmp_path / 'config.py').a))
        thread.start()
        thread.join()
        with pytest.raises(TicketError):
            Config.fromfile(tmp_path / 'config.py')
    assert found == [1]


def get_object_from_string():
    return registry.get_object_from_string


@pytest.mark.skipif(not hasattr(os, 'fork'), reason='this system has no forks')
def test_a_process_forked_while_another_thread_builds_can_build_itself():
    inside, leave, before = threading.Event(), threading.Event(), Config.fromstring

    def build():
        with only_registered():
            inside.set()
            leave.wait(20)

    thread = threading.Thread(target=build)
    thread.start()
    inside.wait(20)
    threading.Timer(0.3, leave.set).start()
    child = os.fork()
    if child == 0:
        signal.alarm(20)  # where the lock is never released
        with only_registered():
            pass
        os._exit(0 if Config.fromstring == before else 1)
    thread.join()
    assert os.waitpid(child, 0)[1] == 0
