"""The joint layout of MixConv against the paper's three separate branches."""
import copy

import pytest
import torch
import torch.nn.functional as F
from small_nets import randomise_norms
from torch import nn

from mmst.kernels import batch_norm, depthwise, pointwise
from mmst.kernels.depthwise import normalized
from mmst.kernels.ops import KernelOps
from mmst.models.hrnas.mixconv import MixConv
from mmst.models.hrnas.ops import Ops
from mmst.search.surgery import Cut

KERNEL_SIZES = (3, 5, 7)
needs_kernel = pytest.mark.skipif(
    depthwise.library.kernel() is None, reason='no C++ compiler')


class SeparateBranches(nn.Module):
    """MixConv as the supplement's Fig. 1 draws it, with the weights of a joint one."""

    def __init__(self, joint):
        super().__init__()
        self.branches = nn.ModuleList()
        start = 0
        for k, depthwise, width in zip(KERNEL_SIZES, joint.depthwise, joint.widths, strict=True):  # noqa: F402
            part = slice(start, start + width)
            start += width
            if width:
                self.branches.append(self.branch(joint, k, depthwise, part))
        self.bn = norm_like(joint.project_bn, slice(None))

    @staticmethod
    def branch(joint, k, depthwise, part):
        width = part.stop - part.start
        branch = nn.Sequential(
            nn.Conv2d(joint.in_channels, width, 1, bias=False),
            norm_like(joint.expand_bn, part),
            nn.ReLU(),
            nn.Conv2d(width, width, k, joint.stride, k // 2, groups=width, bias=False),
            norm_like(joint.depthwise_bn, part),
            nn.ReLU(),
            nn.Conv2d(width, joint.out_channels, 1, bias=False)).double()
        with torch.no_grad():
            branch[0].weight.copy_(joint.expand.weight[part])
            branch[3].weight.copy_(depthwise.weight)
            branch[6].weight.copy_(joint.project.weight[:, part])
        return branch

    def forward(self, x):
        return self.bn(sum(branch(x) for branch in self.branches))

    def joined(self, of):
        """Tensors of the branches by the names of the joint layout; ``of`` gives one of each."""
        convs = {name: [of(branch[i].weight) for branch in self.branches]
                 for name, i in (('expand', 0), ('depthwise', 3), ('project', 6))}
        tensors = {'expand.weight': torch.cat(convs['expand']),
                   'project.weight': torch.cat(convs['project'], dim=1)}
        tensors.update({f'depthwise.{i}.weight': t for i, t in enumerate(convs['depthwise'])})
        for name, i in (('expand_bn', 1), ('depthwise_bn', 4)):
            for key in ('weight', 'bias'):
                tensors[f'{name}.{key}'] = torch.cat(
                    [of(getattr(branch[i], key)) for branch in self.branches])
        for key in ('weight', 'bias'):
            tensors[f'project_bn.{key}'] = of(getattr(self.bn, key))
        return tensors


def norm_like(bn, part):
    """A BN with a part of another one's channels."""
    new = nn.BatchNorm2d(len(bn.weight[part]), bn.eps, bn.momentum).double()
    with torch.no_grad():
        for name in ('weight', 'bias', 'running_mean', 'running_var'):
            getattr(new, name).copy_(getattr(bn, name)[part])
    return new


def make_joint(in_channels=5, out_channels=7, stride=1, **kwargs):
    return randomise_norms(MixConv(in_channels, out_channels, stride, **kwargs).double())


def assert_same(found, expected):
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize('stride', [1, 2])
@pytest.mark.parametrize('train', [True, False], ids=['train', 'eval'])
@pytest.mark.parametrize('size', [(8, 12), (7, 9)], ids=['even', 'odd'])
def test_joint_layout_equals_separate_branches_in_outputs_and_gradients(stride, train, size):
    joint = make_joint(stride=stride).train(train)
    separate = SeparateBranches(joint).train(train)
    inputs = [torch.randn(2, 5, *size, dtype=torch.float64).requires_grad_()]
    inputs.append(inputs[0].detach().clone().requires_grad_())

    outputs = [net(x) for net, x in zip((joint, separate), inputs, strict=True)]
    assert_same(outputs[0], outputs[1])
    weights = torch.randn_like(outputs[0])
    for out in outputs:
        (out * weights).sum().backward()

    assert_same(inputs[0].grad, inputs[1].grad)
    gradients = separate.joined(lambda p: p.grad)
    assert set(gradients) == {name for name, _ in joint.named_parameters()}
    for name, p in joint.named_parameters():
        assert_same(p.grad, gradients[name])
    assert_same(joint.depthwise_bn.running_var,
                torch.cat([branch[4].running_var for branch in separate.branches]))
    assert_same(joint.project_bn.running_mean, separate.bn.running_mean)


@pytest.mark.parametrize('widths', [(0, 3, 20), (4, 0, 0), (20, 20, 0)])
def test_layout_with_narrow_and_missing_kernel_sizes_equals_separate_branches(widths):
    joint = make_joint()
    keep = torch.cat([torch.arange(n) + 20 * i for i, n in enumerate(widths)])
    joint.keep(keep, Cut())
    assert joint.widths == list(widths)
    x = torch.randn(2, 5, 6, 6, dtype=torch.float64)
    for net in (joint.train(), joint.eval()):
        separate = SeparateBranches(joint).train(net.training)
        assert_same(net(x), separate(x))


def test_kernel_sizes_see_their_own_neighbourhood():
    """The hidden channels are in the order of the kernel sizes."""
    joint = MixConv(1, 1)
    for i, k in enumerate(KERNEL_SIZES):
        assert joint.depthwise[i].weight.shape == (4, 1, k, k)
        assert joint.search_units()['channels'].kernel_sizes[4 * i:4 * i + 4] == [k] * 4


def test_output_is_linear():
    out = make_joint().eval()(torch.randn(2, 5, 8, 8, dtype=torch.float64))
    assert (out < 0).any()


def test_hidden_layers_are_rectified():
    """Both ReLUs: with all shifts far below zero only the constant of the last BN is left."""
    for bn in ('expand_bn', 'depthwise_bn'):
        joint = make_joint().eval()
        nn.init.constant_(getattr(joint, bn).bias, -1e6)
        nn.init.constant_(joint.depthwise_bn.bias, -1e6 if bn == 'depthwise_bn' else 0.)
        out = joint(torch.randn(1, 5, 8, 8, dtype=torch.float64))
        inner = out[..., 3:5, 3:5]
        assert_same(inner, inner[..., :1, :1].expand_as(inner))


def test_norms_have_the_momentum_and_eps_given():
    joint = MixConv(2, 3, momentum=0.1, eps=1e-5)
    norms = [m for m in joint.modules() if isinstance(m, nn.BatchNorm2d)]
    assert len(norms) == 3
    assert all((bn.momentum, bn.eps) == (0.1, 1e-5) for bn in norms)
    assert all((m.momentum, m.eps) == (0.01, 1e-3) for m in MixConv(2, 3).modules()
               if isinstance(m, nn.BatchNorm2d))


def test_no_convolution_has_a_bias():
    assert all(m.bias is None for m in MixConv(2, 3).modules() if isinstance(m, nn.Conv2d))


def test_removed_channels_leave_the_others_as_they_were():
    joint = make_joint().eval()
    x = torch.randn(1, 5, 8, 8, dtype=torch.float64)
    hidden = F.relu(joint.expand_bn(joint.expand(x)))
    parts = [
        conv(h) for conv, h in zip(joint.depthwise, hidden.split(joint.widths, dim=1), strict=True)
    ]
    hidden = F.relu(joint.depthwise_bn(torch.cat(parts, dim=1)))
    keep = torch.tensor([0, 3, 19, 20, 41, 59])
    expected = joint.project_bn(F.conv2d(hidden[:, keep], joint.project.weight[:, keep]))
    joint.keep(keep, Cut())
    assert joint.widths == [3, 1, 2]
    assert_same(joint(x), expected)


def kernel_pair(stride=1, widths=None):
    """A MixConv and a copy of it that trains by the kernel."""
    plain = make_joint(stride=stride).float().train()
    if widths is not None:
        plain.keep(torch.cat([torch.arange(n) + 20 * i for i, n in enumerate(widths)]), Cut())
    fast = copy.deepcopy(plain)
    fast.ops = KernelOps(('cpu', ))
    return plain, fast


def calls_of_kernel(monkeypatch):
    """A list that grows with each map that a kernel takes."""
    calls = []
    for module, name in ((depthwise, 'mixed_depthwise'), (normalized, 'normalized_depthwise'),
                         (batch_norm, 'batch_norm'), (pointwise, 'pointwise')):
        run = getattr(module, name)
        monkeypatch.setattr(module, name, lambda x, *args, run=run, name=name, **kwargs: (
            calls.append((name, x.shape[1])) or run(x, *args, **kwargs)))
    return calls


def expected_calls(width):
    """Of one training step of a MixConv with 5 channels and ``width`` hidden ones."""
    return [('pointwise', 5), ('normalized_depthwise', width), ('batch_norm', width),
            ('pointwise', width)]


@needs_kernel
@pytest.mark.parametrize('stride', [1, 2])
@pytest.mark.parametrize('widths', [None, (0, 3, 20), (4, 0, 0)])
def test_training_by_the_kernel_equals_training_by_convolutions(monkeypatch, stride, widths):
    calls = calls_of_kernel(monkeypatch)
    x = torch.randn(2, 5, 7, 9).contiguous(memory_format=torch.channels_last)
    outputs, gradients = [], []
    for net in kernel_pair(stride, widths):
        outputs.append(net(x))
        outputs[-1].square().sum().backward()
        gradients.append([p.grad for p in net.parameters() if p.numel()])
    assert calls == expected_calls(sum(widths or (20, 20, 20)))
    torch.testing.assert_close(outputs[0], outputs[1], rtol=1e-4, atol=1e-4)
    for a, b in zip(*gradients, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-4 * float(a.abs().max()) + 1e-6)


@needs_kernel
def test_kernel_follows_a_removal_during_training(monkeypatch):
    calls = calls_of_kernel(monkeypatch)
    plain, fast = kernel_pair()
    x = torch.randn(2, 5, 8, 8).contiguous(memory_format=torch.channels_last)
    for keep in (torch.arange(60), torch.arange(3, 50), torch.tensor([1, 40])):
        for net in (plain, fast):
            net.keep(keep, Cut())
            net.zero_grad()
            net(x).square().sum().backward()
        torch.testing.assert_close(fast.expand.weight.grad, plain.expand.weight.grad,
                                   rtol=1e-3, atol=1e-3)
    assert calls == [call for width in (60, 47, 2) for call in expected_calls(width)]


@needs_kernel
@pytest.mark.parametrize('name', ['expand', 'expand_bn', 'depthwise.1', 'depthwise_bn', 'project'])
def test_layers_with_hooks_are_called(monkeypatch, name):
    plain, fast = kernel_pair()
    x, called = torch.randn(2, 5, 8, 8).contiguous(memory_format=torch.channels_last), []
    fast.get_submodule(name).register_forward_hook(lambda *_: called.append(name))
    torch.testing.assert_close(fast(x), plain(x), rtol=1e-4, atol=1e-4)
    assert called == [name]


@pytest.mark.parametrize('name', ['expand_bn', 'depthwise_bn'])
@pytest.mark.parametrize('ops', [Ops(), KernelOps(('cpu', ))], ids=['torch', 'kernels'])
def test_hooks_see_what_a_norm_gives_and_its_gradients(name, ops):
    plain, hooked = kernel_pair()
    plain.ops = hooked.ops = ops
    x, seen = torch.randn(2, 5, 8, 8).contiguous(memory_format=torch.channels_last), []
    bn = hooked.get_submodule(name)
    bn.register_forward_hook(lambda bn, args, out: seen.append(out))
    bn.register_full_backward_hook(lambda *_: seen.append(name))
    hooked(x).square().sum().backward()
    plain(x).square().sum().backward()
    assert seen[0].min() < 0 and seen[1:] == [name]
    torch.testing.assert_close(hooked.expand.weight.grad, plain.expand.weight.grad,
                               rtol=1e-3, atol=1e-3)


@needs_kernel
def test_second_derivatives_through_kernels_are_refused_not_wrong():
    plain, fast = kernel_pair()
    x = torch.randn(2, 5, 8, 8).contiguous(memory_format=torch.channels_last).requires_grad_()
    for net in (plain, fast):
        gradient, = torch.autograd.grad(net(x).square().sum(), x, create_graph=True)
        if net is plain:
            gradient.square().sum().backward()
            continue
        with pytest.raises(RuntimeError, match='once_differentiable'):
            gradient.square().sum().backward()


@needs_kernel
def test_depthwise_convolutions_that_have_a_bias_keep_it():
    plain, fast = kernel_pair()
    for net in (plain, fast):
        net.depthwise[1].bias = nn.Parameter(torch.arange(20.))
    x = torch.randn(2, 5, 8, 8).contiguous(memory_format=torch.channels_last)
    found, expected = (net.ops.norm_relu_depthwise(net.expand_bn, net.depthwise, net.expand(x))
                       for net in (fast, plain))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


@needs_kernel
@pytest.mark.parametrize('kernels, expected', [
    (('depthwise', ), ['mixed_depthwise']), (('pointwise', ), ['pointwise'] * 2),
    (('batch_norm', ), ['batch_norm'] * 2), ((), [])])
def test_kernels_can_be_chosen(monkeypatch, kernels, expected):
    calls = calls_of_kernel(monkeypatch)
    plain, fast = kernel_pair()
    fast.ops = KernelOps(('cpu', ), kernels)
    x = torch.randn(2, 5, 8, 8).contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(fast(x), plain(x), rtol=1e-4, atol=1e-4)
    assert [name for name, _ in calls] == expected


@needs_kernel
def test_evaluation_planes_and_bfloat16_keep_to_convolutions(monkeypatch):
    calls = calls_of_kernel(monkeypatch)
    plain, fast = kernel_pair()
    x = torch.randn(2, 5, 8, 8)
    assert torch.equal(fast(x), plain(x))
    rows = x.contiguous(memory_format=torch.channels_last)
    assert torch.equal(fast.eval()(rows), plain.eval()(rows))
    with torch.autocast('cpu', torch.bfloat16):
        assert torch.equal(fast.train()(rows), plain.train()(rows))
    assert not calls


def test_the_switch_leaves_state_dict_alone():
    plain, fast = kernel_pair()
    assert list(plain.state_dict()) == list(fast.state_dict())
    fast.load_state_dict(plain.state_dict())
    assert copy.deepcopy(fast).ops == fast.ops == KernelOps(('cpu', ))
    assert type(plain.ops) is Ops
