"""Compares the logits of a pruned network with those of its teacher."""
import torch
import torch.nn.functional as F
from torch import Tensor


def divergence(student: Tensor, teacher: Tensor, temperature: float,
               counted: Tensor | None = None, binary: bool = False) -> Tensor:
    """Return the mean Kullback-Leibler divergence of the student's classes from the teacher's.

    It is multiplied by the temperature's square, so that its gradients keep their size whatever
    the temperature is (Hinton, Vinyals and Dean 2015, "Distilling the knowledge in a neural
    network", Sec. 2).

    Args:
        student, teacher (Tensor): Logits of shape (N, classes) or (N, classes, H, W). A single
            one is that of a sigmoid, which tells two classes apart.
        temperature (float): Divides both logits.
        counted (Tensor, optional): Weight of each position, of shape (N, H, W); the mean is over
            these weights. Defaults to 1 everywhere.
        binary (bool): Whether each class is there or not whatever the others are, as of multi-label
            heads: the divergences of their sigmoids are summed. Defaults to False.

    Returns:
        Tensor: A number in float32; 0 where no position counts.
    """
    likely, wanted = (_log_shares(logits.float() / temperature, binary)
                      for logits in (student, teacher))
    each = F.kl_div(likely, wanted, reduction='none', log_target=True).sum(1)
    return temperature**2 * _mean(each, counted)


def heat_map_error(student: Tensor, teacher: Tensor, counted: Tensor | None = None) -> Tensor:
    """Return the mean squared difference of heat maps of shape (N, key points, H, W).

    Args:
        student, teacher (Tensor): The heat maps.
        counted (Tensor, optional): Weight of each position, as of :func:`divergence`.
    """
    return _mean(F.mse_loss(student.float(), teacher.float(), reduction='none').mean(1), counted)


def share_counted(labels: Tensor, ignored: int, size: tuple[int, int]) -> Tensor:
    """Return which share of the label's pixels under each position of a logit map counts.

    Args:
        labels (Tensor): Classes of shape (N, H, W).
        ignored (int): The class of pixels that count nowhere.
        size (tuple[int, int]): Height and width of the logit map.

    Returns:
        Tensor: Of shape (N, height, width), between 0 and 1.
    """
    return F.adaptive_avg_pool2d((labels != ignored).float(), size)


def resize(teacher: Tensor, student: Tensor) -> Tensor:
    """Return the teacher's map at the student's size; a network of another stride has another."""
    if teacher.dim() < 4 or teacher.shape[2:] == student.shape[2:]:
        return teacher
    return F.interpolate(teacher, student.shape[2:], mode='bilinear', align_corners=False)


def _log_shares(logits: Tensor, binary: bool) -> Tensor:
    """Return logarithms of what classes share among them or, of each by itself, of yes and no.

    The softmax of one class alone would always be 1.
    """
    if binary or logits.shape[1] == 1:
        return F.logsigmoid(torch.cat([logits, -logits], 1))
    return F.log_softmax(logits, 1)


def _mean(values: Tensor, weights: Tensor | None) -> Tensor:
    if weights is None:
        return values.mean()
    return (values * weights).sum() / weights.sum().clamp(min=torch.finfo(torch.float32).tiny)
