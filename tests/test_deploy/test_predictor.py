"""mmst.load: a ticket by its name, and its predictions of pictures."""
import sys
import threading

import cv2
import numpy as np
import pytest
import torch
from damage import content_of
from deploy_tickets import small_ticket
from kills import differences
from mmengine.registry import DefaultScope

import mmst
from mmst.deploy import predictor as module
from mmst.deploy.export import save_sparse
from mmst.deploy.find import find_ticket
from mmst.deploy.predictor import Predictor, read_image
from mmst.errors import ConfigError, TicketError
from mmst.tickets import Ticket

COLOURS = [[index, 2 * index, 255 - index] for index in range(19)]


@pytest.fixture(scope='module')
def street():
    ticket = small_ticket()
    meta = dict(classes=[f'class {index}' for index in range(19)], palette=COLOURS)
    return Ticket(ticket.model, ticket.state_dict, ticket.mask,
                  dict(ticket.meta, dataset_meta=meta))


@pytest.fixture
def picture():
    return np.random.default_rng(0).integers(0, 256, (40, 56, 3), np.uint8)


def toolbox_labels(ticket, picture):
    """Return the prediction of mmseg's own model for a picture in R, G, B."""
    model = ticket.build()
    from mmseg.structures import SegDataSample
    sample = SegDataSample(metainfo=dict(ori_shape=picture.shape[:2], img_shape=picture.shape[:2],
                                         pad_shape=picture.shape[:2], padding_size=[0] * 4))
    image = torch.from_numpy(picture[..., ::-1].copy()).permute(2, 0, 1)  # B, G, R
    with DefaultScope.overwrite_default_scope('mmseg'):
        found = model.test_step(dict(inputs=[image], data_samples=[sample]))
    return found[0].pred_sem_seg.data[0].numpy()


def test_labels_are_those_of_the_toolbox(street, picture):
    found = Predictor(street, 'torch')(picture)
    assert found.shape == picture.shape[:2]
    assert (found == toolbox_labels(street, picture)).all()
    assert len(np.unique(found)) > 1


@pytest.mark.parametrize('engine', ['torch', 'sparse'])
@pytest.mark.parametrize('threshold', [0.3, 0.5, 0.6])
def test_heads_of_one_channel_are_compared_with_their_threshold(picture, engine, threshold):
    ticket = small_ticket(sparsity=0.5, change=lambda model: model.decode_head.update(
        num_classes=2, out_channels=1, threshold=threshold))
    found, expected = Predictor(ticket, engine)(picture), toolbox_labels(ticket, picture)
    assert found.dtype == np.int64 and (found == expected).mean() > 0.999
    scores = Predictor(ticket, engine).scores(picture)
    assert scores.shape[1] == 1 and set(np.unique(expected)) <= {0, 1} and expected.any()


def test_corners_are_aligned_as_the_head_says(picture):
    ticket = small_ticket(sparsity=0.5,
                          change=lambda model: model.decode_head.update(align_corners=True))
    found = Predictor(ticket, 'torch')(picture)
    assert (found == toolbox_labels(ticket, picture)).all()


@pytest.mark.parametrize('engine', ['torch', 'sparse'])
def test_a_window_slides_where_the_settings_say_so(picture, engine):
    window = dict(mode='slide', crop_size=(24, 32), stride=(16, 20))
    ticket = small_ticket(sparsity=0.5, change=lambda model: model.update(test_cfg=window))
    found, expected = Predictor(ticket, engine)(picture), toolbox_labels(ticket, picture)
    assert (found == expected).mean() > 0.999


def test_colours_are_turned_whichever_way_the_settings_call_it(picture):
    ticket = small_ticket(sparsity=0.5, change=lambda model: model.data_preprocessor.update(
        bgr_to_rgb=False, rgb_to_bgr=True))
    found = Predictor(ticket, 'torch')(picture)
    assert (found == toolbox_labels(ticket, picture)).all()


@pytest.mark.parametrize('engine', ['torch', 'sparse'])
def test_multi_label_heads_give_each_class_a_chance_of_its_own(picture, engine):

    def change(model):
        model.head = dict(type='MultiLabelLinearClsHead', num_classes=1000, in_channels=8)

    predictor = Predictor(small_ticket('imagenet', change=change), engine)
    found, scores = predictor(picture), predictor.scores(picture)[0]
    np.testing.assert_allclose(found, scores.sigmoid().numpy(), rtol=1e-5)
    assert found.sum() > 10  # not shares of one


def test_the_engine_predicts_the_same(street, picture):
    predictor = Predictor(street, 'sparse')
    assert predictor.engine == 'sparse'
    assert (predictor(picture) == Predictor(street, 'torch')(picture)).mean() > 0.999


def test_a_file_and_its_pixels_give_the_same(street, picture, tmp_path):
    cv2.imwrite(str(tmp_path / 'a.png'), picture[..., ::-1])
    predictor = Predictor(street, 'torch')
    assert (predictor(tmp_path / 'a.png') == predictor(picture)).all()
    assert (read_image(str(tmp_path / 'a.png')) == picture).all()


def test_scores_of_classes_are_shares(picture):
    found = Predictor(small_ticket('imagenet'), 'torch')(picture)
    assert found.ndim == 1 and found.sum() == pytest.approx(1, abs=1e-5)


def test_a_ticket_of_key_points_names_the_way(picture):
    with pytest.raises(TicketError, match='inferencer'):
        Predictor(small_ticket('coco'), 'torch')(picture)


def test_labels_are_drawn_in_their_colours(street, picture):
    predictor = Predictor(street, 'torch')
    assert (predictor.draw(picture, opacity=1) == np.array(COLOURS)[predictor(picture)]).all()
    assert (predictor.draw(picture, opacity=0) == picture).all()
    with pytest.raises(TicketError, match='no colours'):
        Predictor(small_ticket(), 'torch').draw(picture)


def test_a_label_without_a_colour_is_named(street, picture):
    meta = dict(street.meta['dataset_meta'], palette=[[0, 0, 0]])
    short = Ticket(street.model, street.state_dict, street.mask,
                   dict(street.meta, dataset_meta=meta))
    with pytest.raises(TicketError, match='1 colours, and none for label'):
        Predictor(short, 'torch').draw(picture)


@pytest.mark.parametrize('numbers', [
    dict(mean=['a']), dict(std=[0, 0, 0]), dict(std=7), dict(mean=[[0]] * 3)])
def test_numbers_that_normalise_nothing_are_refused(street, numbers):
    settings = dict(street.model['data_preprocessor'], **numbers)
    odd = Ticket(dict(street.model, data_preprocessor=settings), street.state_dict, street.mask,
                 street.meta)
    with pytest.raises(TicketError, match='normalises'):
        Predictor(odd, 'torch')


def of_channels(count, task='cityscapes', **settings):
    settings = dict(dict(mean=[100.] * count, std=[50.] * count, bgr_to_rgb=True), **settings)
    return small_ticket(task, 0.5, in_channels=count,
                        change=lambda model: model.data_preprocessor.update(settings))


@pytest.mark.parametrize('engine', ['torch', 'sparse'])
def test_networks_of_one_channel_take_grey_pictures_and_make_colours_grey(picture, tmp_path,
                                                                          engine):
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    cv2.imwrite(str(tmp_path / 'a.png'), grey)
    ticket = of_channels(1)
    predictor = Predictor(ticket, engine)
    expected = toolbox_labels(ticket, grey[..., None])
    for image in (grey, grey[..., None], picture, tmp_path / 'a.png'):
        assert (predictor(image) == expected).mean() > 0.999
    predictor.palette = np.array(COLOURS, np.uint8)
    assert predictor.draw(picture).shape == picture.shape


@pytest.mark.parametrize('channels', [2, 4])
def test_networks_of_other_channels_take_arrays_of_so_many(tmp_path, channels):
    image = np.random.default_rng(0).integers(0, 256, (40, 56, channels), np.uint8)
    ticket = of_channels(channels)
    ticket.save(tmp_path / 'a.pth')
    predictor = mmst.load(tmp_path / 'a.pth', engine='torch')
    model = ticket.build()
    scores = model((torch.from_numpy(image).permute(2, 0, 1)[None].float() - 100) / 50)
    assert torch.equal(predictor.scores(image), scores)
    assert predictor(image).shape == (40, 56)
    for other in (image[..., :1], 'street.png'):
        with pytest.raises(ConfigError, match=rf'\(height, width, {channels}\)'):
            predictor(other)
    predictor.palette = np.array(COLOURS, np.uint8)
    with pytest.raises(TicketError, match='no colours to draw on'):
        predictor.draw(image)


@pytest.mark.parametrize('settings', [dict(mean=[1., 2., 3.]), dict(std=[1., 2., 3.])])
def test_numbers_of_other_channels_are_refused(settings):
    with pytest.raises(TicketError, match='has 3 numbers, and the network takes 2 channels'):
        Predictor(of_channels(2, **settings), 'torch')


def test_arrays_may_be_views(street, picture):
    predictor = Predictor(street, 'torch')
    turned = np.ascontiguousarray(picture[..., ::-1])
    assert (predictor(turned[..., ::-1]) == predictor(picture)).all()


def test_torch_predicts_until_the_kernel_is_compiled(street, picture, monkeypatch):
    built, go_on = [False], threading.Event()

    class Slow(module.SparseModel):

        def __init__(self, *args, **options):
            go_on.wait(60)
            super().__init__(*args, **options)
            built[0] = True

    monkeypatch.setattr(module, 'SparseModel', Slow)
    monkeypatch.setattr(module, 'kernel_is_built', lambda: built[0])
    predictor = Predictor(street)
    before = predictor(picture)
    assert predictor.engine == 'torch'
    go_on.set()
    assert predictor.wait().engine == 'sparse'
    assert (predictor(picture) == before).mean() > 0.999
    assert Predictor(street).engine == 'sparse'


def test_without_a_kernel_torch_goes_on(street, monkeypatch):
    monkeypatch.setattr(module, 'kernel_is_built', lambda: False)
    assert Predictor(street).wait().engine == 'torch'


@pytest.mark.parametrize('image, said', [
    ('none.png', 'cannot be read'), (np.zeros((4, 4), np.uint8), 'is no picture'),
    (np.zeros((4, 4, 3), np.float32), 'is no picture'), (np.zeros((0, 4, 3), np.uint8), 'is no'),
    (np.zeros((4, 4, 4), np.uint8), 'R, G, B')])
def test_what_is_no_picture_is_refused_in_one_line(street, image, said):
    with pytest.raises(ConfigError, match=said):
        Predictor(street, 'torch')(image)


def test_names_stand_for_files_folders_and_shipped_tickets(street, tmp_path):
    street.save(tmp_path / 'a.pth')
    street.save(tmp_path / 'a.safetensors')
    save_sparse(street, tmp_path / 'a.sparse')
    street.save_pretrained(tmp_path / 'folder', {})
    for name in ('a.pth', 'a.safetensors', 'a.sparse', 'folder'):
        for given in (tmp_path / name, str(tmp_path / name)):
            assert not differences(content_of(find_ticket(given)), content_of(street))
    found = mmst.load(tmp_path / 'a.pth', engine='torch')
    assert found.classes[3] == 'class 3'


def test_the_hub_is_asked_for_names_that_say_so(monkeypatch):
    monkeypatch.setitem(sys.modules, 'huggingface_hub', None)
    with pytest.raises(ConfigError, match='pip install huggingface_hub'):
        mmst.load('hf:user/name@v1')
