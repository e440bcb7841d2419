"""Distances between logits, against their definitions."""
import pytest
import torch
import torch.nn.functional as F

from mmst.engine.distillation.losses import divergence, heat_map_error, resize, share_counted


def logits(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize('shape', [(3, 4), (2, 3, 5, 6)])
def test_divergence_is_the_sum_over_classes_of_p_log_p_over_q(shape):
    student, teacher = logits(*shape), logits(*shape, seed=1)
    p, q = (teacher / 2).softmax(1), (student / 2).softmax(1)
    by_hand = 4 * (p * (p / q).log()).sum(1).mean()
    torch.testing.assert_close(divergence(student, teacher, 2).double(), by_hand, rtol=1e-5,
                               atol=1e-6)


@pytest.mark.parametrize('shape', [(3, 1), (2, 1, 4, 5)])
def test_a_single_logit_is_that_of_a_sigmoid(shape):
    student, teacher = torch.randn(shape), torch.randn(shape)
    p, q = (x / 2 for x in (teacher, student))
    expected = (p.sigmoid() * (p.sigmoid() / q.sigmoid()).log()
                + (-p).sigmoid() * ((-p).sigmoid() / (-q).sigmoid()).log()).mean()
    assert expected > 0.001
    torch.testing.assert_close(divergence(student, teacher, 2.), 4 * expected)


@pytest.mark.parametrize('shape', [(3, 4), (2, 3, 4, 5)])
def test_binary_divergence_is_the_sum_over_classes_of_that_of_each_alone(shape):
    student, teacher = logits(*shape), logits(*shape, seed=1)
    alone = sum(divergence(student[:, [i]], teacher[:, [i]], 2) for i in range(shape[1]))
    torch.testing.assert_close(divergence(student, teacher, 2, binary=True), alone)
    # Logits that all move alike are other sigmoids, though the same softmax.
    assert divergence(student, student + 1, 2) < 1e-6
    assert divergence(student, student + 1, 2, binary=True) > 0.1


def test_pixels_without_a_label_change_nothing():
    student, teacher = logits(1, 3, 2, 2), logits(1, 3, 2, 2, seed=1)
    counted = torch.tensor([[[1., 0.], [1., 1.]]])
    left = divergence(student, teacher, 1, counted)
    student[..., 0, 1] = 100 * student[..., 0, 1]
    assert divergence(student, teacher, 1, counted) == left


def test_without_a_label_anywhere_the_loss_and_its_gradient_are_zero():
    student = logits(1, 3, 2, 2).float().requires_grad_()
    loss = divergence(student, logits(1, 3, 2, 2, seed=1), 1, torch.zeros(1, 2, 2))
    loss.backward()
    assert loss == 0 and not student.grad.any()


def test_equal_logits_are_no_distance_apart():
    same = logits(2, 3, 4, 4)
    assert divergence(same, same, 3).abs() < 1e-6 and heat_map_error(same, same) == 0


def test_heat_maps_are_compared_by_their_squared_difference():
    student, teacher = logits(2, 3, 4, 4).float(), logits(2, 3, 4, 4, seed=1).float()
    torch.testing.assert_close(heat_map_error(student, teacher), F.mse_loss(student, teacher))


def test_share_of_labelled_pixels_is_that_under_each_position():
    labels = torch.zeros(1, 4, 4, dtype=torch.long)
    labels[0, :2, :2], labels[0, 2, 2] = 255, 255
    assert share_counted(labels, 255, (2, 2)).tolist() == [[[0., 1.], [1., 0.75]]]


def test_maps_of_another_stride_take_the_students_size():
    assert resize(logits(1, 2, 2, 2), logits(1, 2, 6, 4)).shape == (1, 2, 6, 4)
    assert resize(logits(1, 2), logits(1, 2)).shape == (1, 2)
