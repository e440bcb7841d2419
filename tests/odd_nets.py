"""Small networks with the habits of other people's code, one map of ``WIDTH`` channels each."""
import torch
import torch.nn.functional as F
from any_nets import conv_bn
from mmengine.model import BaseModel
from mmengine.registry import MODELS
from torch import nn
from torch.utils.checkpoint import checkpoint

WIDTH, CLASSES = 8, 3


class Twice(nn.Module):
    """Runs one block two times on its own output."""

    def __init__(self):
        super().__init__()
        self.stem, self.block = conv_bn(3, 8), conv_bn(8, 8)

    def forward(self, x):
        x = F.relu(self.stem(x))
        return F.relu(self.block(F.relu(self.block(x))))


class Parent(nn.Module):
    def __init__(self, shared):
        super().__init__()
        self.shared, self.last = shared, conv_bn(6, 8, 1)

    def forward(self, x):
        return self.last(F.relu(self.shared(x)))


class TwoParents(nn.Module):
    """Has one block under two parents."""

    def __init__(self):
        super().__init__()
        self.stem, shared = conv_bn(3, 8), conv_bn(8, 6)
        self.one, self.two = Parent(shared), Parent(shared)

    def forward(self, x):
        x = F.relu(self.stem(x))
        return self.one(x) + self.two(x)


class SharedGroups(nn.Module):
    """Two layers of groups have one weight."""

    def __init__(self):
        super().__init__()
        self.stem = conv_bn(3, 8)
        self.one, self.two = (nn.Conv2d(8, 8, 3, padding=1, groups=4, bias=False)
                              for _ in range(2))
        self.two.weight = self.one.weight
        self.norm = nn.BatchNorm2d(8)

    def forward(self, x):
        return self.norm(self.two(self.one(F.relu(self.stem(x)))))


class OwnNorm(nn.Module):
    """Calls ``F.batch_norm`` with tensors of its own."""

    def __init__(self):
        super().__init__()
        self.conv, self.last = nn.Conv2d(3, 6, 3, padding=1, bias=False), conv_bn(6, 8)
        self.gamma, self.beta = nn.Parameter(torch.rand(6) + .5), nn.Parameter(torch.rand(6))
        self.register_buffer('mean', torch.zeros(6))
        self.register_buffer('var', torch.ones(6))

    def forward(self, x):
        x = F.batch_norm(self.conv(x), self.mean, self.var, self.gamma, self.beta, False)
        return self.last(F.relu(x))


class Buffers(nn.Module):
    """Has buffers, one of them not in the state, and an index, all sized by channels."""

    def __init__(self):
        super().__init__()
        self.conv, self.last = conv_bn(3, 6), conv_bn(6, 8)
        self.register_buffer('scale', torch.rand(1, 6, 1, 1))
        self.register_buffer('shift', torch.linspace(.5, 1, 6)[:, None, None], persistent=False)
        self.other = conv_bn(3, 6)
        self.register_buffer('order', torch.tensor([3, 1, 0, 2, 5, 4]))

    def forward(self, x):
        a = self.conv(x) * self.scale
        return self.last(F.relu(a) * self.shift + F.relu(self.other(x)[:, self.order]))


class Constants(nn.Module):
    """Has a buffer that differs by channel and that no state holds."""

    def __init__(self):
        super().__init__()
        self.conv, self.last = conv_bn(3, 6), conv_bn(6, 8)
        self.register_buffer('shift', torch.linspace(.5, 2, 6)[:, None, None], persistent=False)

    def forward(self, x):
        return self.last(F.relu(self.conv(x)) * self.shift)


class Einsum(nn.Module):
    """Multiplies by ``einsum``."""

    def __init__(self):
        super().__init__()
        self.conv, self.last = conv_bn(3, 6), nn.BatchNorm2d(8)
        self.weight = nn.Parameter(torch.randn(8, 6))

    def forward(self, x):
        return self.last(torch.einsum('nchw,dc->ndhw', F.relu(self.conv(x)), self.weight))


class UnequalSplit(nn.Module):
    """Splits by numbers in its code."""

    def __init__(self):
        super().__init__()
        self.stem, self.one, self.two = conv_bn(3, 9), conv_bn(2, 8), conv_bn(7, 8)

    def forward(self, x):
        a, b = F.relu(self.stem(x)).split([2, 7], 1)
        return F.relu(self.one(a)) + F.relu(self.two(b))


class UnequalChunks(nn.Module):
    """Seven channels in three chunks: 3, 3 and 1."""

    def __init__(self):
        super().__init__()
        self.stem, self.parts = conv_bn(3, 7), nn.ModuleList(conv_bn(n, 8) for n in (3, 3, 1))

    def forward(self, x):
        chunks = F.relu(self.stem(x)).chunk(3, 1)
        return sum(F.relu(part(chunk)) for part, chunk in zip(self.parts, chunks, strict=True))


class Attend(nn.Module):
    """Separate q, k and v; knows the number of heads, and not their width."""

    def __init__(self, width=8, inner=12, heads=3):
        super().__init__()
        self.num_heads = heads
        self.q, self.k, self.v = (nn.Linear(width, inner) for _ in range(3))
        self.out = nn.Linear(inner, width)

    def forward(self, x):
        n, length, _ = x.shape
        q, k, v = (layer(x).view(n, length, self.num_heads, -1).transpose(1, 2)
                   for layer in (self.q, self.k, self.v))
        weights = (q @ k.transpose(-1, -2) / q.shape[-1] ** .5).softmax(-1)
        return self.out((weights @ v).transpose(1, 2).reshape(n, length, -1))


def on_tokens(module, x):
    n, c, h, w = x.shape
    return x + module(x.flatten(2).transpose(1, 2)).transpose(1, 2).reshape(n, c, h, w)


class SeparateHeads(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.attend = conv_bn(3, 8), Attend()

    def forward(self, x):
        return on_tokens(self.attend, F.adaptive_avg_pool2d(self.stem(x), 4))


class TorchAttention(nn.Module):
    """Uses ``nn.MultiheadAttention`` and a feed-forward."""

    def __init__(self):
        super().__init__()
        self.stem, self.attend = conv_bn(3, 8), nn.MultiheadAttention(8, 2, batch_first=True)
        self.feed = nn.Sequential(nn.Linear(8, 12), nn.GELU(), nn.Linear(12, 8))

    def forward(self, x):
        x = F.adaptive_avg_pool2d(self.stem(x), 4)
        x = on_tokens(lambda t: self.attend(t, t, t)[0], x)
        return on_tokens(self.feed, x)


class TorchEncoder(nn.Module):
    """Uses torch's own layer of a Transformer, which has a quick form of its own in evaluation."""

    def __init__(self):
        super().__init__()
        self.stem = conv_bn(3, 8)
        self.layer = nn.TransformerEncoderLayer(8, 2, 12, batch_first=True)

    def forward(self, x):
        return on_tokens(self.layer, F.adaptive_avg_pool2d(self.stem(x), 4))


class Mapping(nn.Module):
    """Hands maps on by name."""

    def __init__(self):
        super().__init__()
        self.one, self.two, self.last = conv_bn(3, 6), conv_bn(3, 5), conv_bn(11, 8)

    def maps(self, x):
        return dict(one=F.relu(self.one(x)), two=F.relu(self.two(x)))

    def forward(self, x):
        maps = self.maps(x)
        return self.last(torch.cat([maps['one'], maps['two']], 1))


class StochasticDepth(nn.Module):
    """Skips its block by chance in training, and drops numbers out by a function."""

    def __init__(self):
        super().__init__()
        self.stem, self.block = conv_bn(3, 8), nn.Sequential(conv_bn(8, 6), nn.ReLU(),
                                                            conv_bn(6, 8))

    def forward(self, x):
        x = F.dropout2d(F.relu(self.stem(x)), .2, self.training)
        y = F.dropout(self.block(x), .3, self.training)
        if self.training:
            y = y * (torch.rand(len(x), 1, 1, 1, dtype=x.dtype) < .5) / .5
        return x + y


class TrainingBranch(nn.Module):
    """Adds a branch in training that evaluation has not."""

    def __init__(self):
        super().__init__()
        self.stem, self.main, self.extra = conv_bn(3, 6), conv_bn(6, 8), conv_bn(6, 8)

    def forward(self, x):
        x = F.relu(self.stem(x))
        return self.main(x) + self.extra(x) if self.training else self.main(x)


class Checkpointed(nn.Module):
    """Recomputes activations, in both ways."""

    def __init__(self):
        super().__init__()
        self.stem, self.one, self.two = conv_bn(3, 6), conv_bn(6, 7), conv_bn(7, 8)

    def forward(self, x):
        x = F.relu(self.stem(x))
        x = checkpoint(self.one, x, use_reentrant=True)
        return checkpoint(self.two, F.relu(x), use_reentrant=False)


class InPlace(nn.Module):
    """Writes into views and slices of its maps."""

    def __init__(self):
        super().__init__()
        self.stem, self.side, self.last = conv_bn(3, 8), conv_bn(3, 4), conv_bn(8, 8)
        self.free = conv_bn(8, 6)
        self.end = conv_bn(6, 8)

    def forward(self, x):
        y, side = self.stem(x), self.side(x)
        y.relu_()
        y = y.clone()
        y[:, :4] += side
        y[:, 4:].mul_(2)
        out = torch.zeros_like(y)
        out[:, :8].copy_(y)
        out.flatten(2).clamp_(max=3)
        return self.end(self.free(self.last(out)).relu_())


class Filled(nn.Module):
    """Gathers branches in a tensor of its own."""

    def __init__(self):
        super().__init__()
        self.one, self.two, self.last = conv_bn(3, 4), conv_bn(3, 4), conv_bn(8, 8)

    def forward(self, x):
        out = x.new_zeros(len(x), 8, *x.shape[2:])
        out[:, :4] = self.one(x)
        out[:, 4:] = self.two(x)
        return self.last(F.relu(out))


class ChannelsLast(nn.Module):
    """A norm over channels, a block of ConvNeXt's kind, and a group norm."""

    def __init__(self):
        super().__init__()
        self.stem, self.norm = nn.Conv2d(3, 8, 3, padding=1), nn.LayerNorm(8)
        self.feed = nn.Sequential(nn.Linear(8, 20), nn.GELU(), nn.Linear(20, 8))
        self.scale = nn.Parameter(torch.full((8, ), .5))
        self.conv, self.groups = nn.Conv2d(8, 8, 1, bias=False), nn.GroupNorm(4, 8)
        self.last = nn.Conv2d(8, 8, 1)

    def forward(self, x):
        x = self.stem(x)
        y = self.scale * self.feed(self.norm(x.permute(0, 2, 3, 1)))
        x = x + y.permute(0, 3, 1, 2)
        return self.last(F.relu(self.groups(self.conv(x))))


class GroupedUp(nn.Module):
    """Transposed convolutions in groups, and one for each channel."""

    def __init__(self):
        super().__init__()
        self.stem = conv_bn(3, 8)
        self.up = nn.Sequential(nn.ConvTranspose2d(8, 12, 2, 2, groups=4, bias=False),
                                nn.BatchNorm2d(12))
        self.deep = nn.Sequential(nn.ConvTranspose2d(12, 12, 3, padding=1, groups=12, bias=False),
                                  nn.BatchNorm2d(12))
        self.last = conv_bn(12, 8)

    def forward(self, x):
        return self.last(F.relu(self.deep(F.relu(self.up(F.relu(self.stem(x)))))))


class PixelShuffle(nn.Module):
    """Turns channels into pixels and pixels into channels."""

    def __init__(self):
        super().__init__()
        self.stem, self.last = conv_bn(12, 16), conv_bn(4, 8)

    def forward(self, x):
        return self.last(F.pixel_shuffle(F.relu(self.stem(F.pixel_unshuffle(x, 2))), 2))


class ChannelShuffle(nn.Module):
    """Shuffles channels between grouped convolutions."""

    def __init__(self):
        super().__init__()
        self.stem, self.shuffle = conv_bn(3, 8), nn.ChannelShuffle(2)
        self.one, self.two = conv_bn(8, 8, groups=2), conv_bn(8, 8, groups=2)

    def forward(self, x):
        return F.relu(self.two(self.shuffle(F.relu(self.one(F.relu(self.stem(x)))))))


class SelfConcatenated(nn.Module):
    """Concatenates a map with itself."""

    def __init__(self):
        super().__init__()
        self.stem, self.norm, self.last = conv_bn(3, 6), nn.BatchNorm2d(12), conv_bn(12, 8)

    def forward(self, x):
        x = F.relu(self.stem(x))
        return self.last(F.relu(self.norm(torch.cat([x, x], 1))))


class SqueezeExcite(nn.Module):
    """Squeeze and excitation by linear layers, and one over the channels themselves (ECA)."""

    def __init__(self):
        super().__init__()
        self.stem, self.other = conv_bn(3, 8), conv_bn(8, 8)
        self.gate = nn.Sequential(nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, 8), nn.Sigmoid())
        self.eca = nn.Conv1d(1, 1, 3, padding=1, bias=False)
        self.middle = conv_bn(8, 8)

    def forward(self, x):
        x = F.relu(self.stem(x))
        x = x * self.gate(x.mean((2, 3)))[:, :, None, None]
        x = F.relu(self.middle(x))
        x = F.relu(self.other(x))
        return x * self.eca(x.mean((2, 3))[:, None]).sigmoid().transpose(1, 2)[..., None]


class Tied(nn.Module):
    """Decodes by the weight it encodes with."""

    def __init__(self):
        super().__init__()
        self.stem, self.norm = conv_bn(3, 8), nn.BatchNorm2d(6)
        self.encode = nn.Conv2d(8, 6, 1, bias=False)
        self.tied = nn.Conv2d(6, 8, 1, bias=False)
        self.tied.weight = nn.Parameter(torch.randn(8, 6, 1, 1))

    def forward(self, x):
        x = F.relu(self.stem(x))
        x = F.relu(self.norm(self.encode(x)))
        return self.tied(x) + F.conv_transpose2d(x, self.encode.weight)


class Lists(nn.Module):
    """Scales branches by lists and dicts of parameters."""

    def __init__(self):
        super().__init__()
        self.stem = conv_bn(3, 8)
        self.blocks = nn.ModuleList(conv_bn(8, 8) for _ in range(2))
        self.scales = nn.ParameterList(nn.Parameter(torch.rand(8, 1, 1) + .5) for _ in range(2))
        self.more = nn.ParameterDict(dict(one=nn.Parameter(torch.rand(1))))

    def forward(self, x):
        x = F.relu(self.stem(x))
        for block, scale in zip(self.blocks, self.scales, strict=True):
            x = x + scale * F.relu(block(x)) * self.more['one']
        return x


class Slices(nn.Module):
    """Runs slices of a sequence."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(conv_bn(3, 6), nn.ReLU(), conv_bn(6, 7), nn.ReLU(),
                                    conv_bn(7, 8))

    def forward(self, x):
        for part in (self.layers[:2], self.layers[2:4], self.layers[4:]):
            x = part(x)
        return x


class Frozen(nn.Module):
    """Keeps its first stage as it is."""

    def __init__(self):
        super().__init__()
        self.stem, self.block, self.last = conv_bn(3, 6), conv_bn(6, 7), conv_bn(7, 8)
        for parameter in self.stem.parameters():
            parameter.requires_grad = False

    def train(self, mode=True):
        super().train(mode)
        self.stem[1].eval()
        return self

    def forward(self, x):
        return self.last(F.relu(self.block(F.relu(self.stem(x)))))


class Norms(nn.Module):
    """SyncBN, a BN without scales, one without statistics, an instance norm."""

    def __init__(self):
        super().__init__()
        self.one = nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.SyncBatchNorm(6))
        self.two = nn.Sequential(nn.Conv2d(6, 6, 3, padding=1), nn.BatchNorm2d(6, affine=False))
        self.three = nn.Sequential(nn.Conv2d(6, 6, 3, padding=1),
                                   nn.BatchNorm2d(6, track_running_stats=False))
        self.four = nn.Sequential(nn.Conv2d(6, 8, 3, padding=1), nn.InstanceNorm2d(8, affine=True))

    def forward(self, x):
        for part in (self.one, self.two, self.three, self.four):
            x = F.relu(part(x))
        return x


class ByShape(nn.Module):
    """Decides by shapes what to run, and by the width of a map."""

    def __init__(self):
        super().__init__()
        self.stem, self.small, self.large = conv_bn(3, 6), conv_bn(6, 8), conv_bn(6, 8)
        self.wide = conv_bn(3, 6)
        self.end = conv_bn(6, 8)

    def forward(self, x):
        first = F.relu(self.stem(x))
        out = self.small(first) if x.shape[-1] < 64 else self.large(first)
        wide = F.relu(self.wide(x))
        if wide.shape[1] != 6:
            wide = wide * 2
        return out + self.end(wide)


class Levels(nn.Module):
    """A pyramid: three maps of different widths are brought to one."""

    def __init__(self):
        super().__init__()
        self.one, self.two, self.three = conv_bn(3, 4), conv_bn(4, 6), conv_bn(6, 9)
        self.sides = nn.ModuleList(nn.Conv2d(n, 8, 1) for n in (4, 6, 9))
        self.out = nn.ModuleList(conv_bn(8, 8) for _ in range(3))

    def forward(self, x):
        one = F.relu(self.one(x))
        two = F.relu(self.two(F.max_pool2d(one, 2)))
        three = F.relu(self.three(F.max_pool2d(two, 2)))
        maps = [side(m) for side, m in zip(self.sides, (one, two, three), strict=True)]
        maps[1] = maps[1] + F.interpolate(maps[2], scale_factor=2)
        maps[0] = maps[0] + F.interpolate(maps[1], scale_factor=2)
        maps = [out(m) for out, m in zip(self.out, maps, strict=True)]
        return maps[0] + F.interpolate(maps[1], scale_factor=2) + F.interpolate(
            maps[2], scale_factor=4)


class WeightedSum(nn.Module):
    """Softmax over channels, a mean over them, and the largest of them."""

    def __init__(self):
        super().__init__()
        self.one, self.two, self.three = conv_bn(3, 6), conv_bn(3, 6), conv_bn(3, 6)
        self.last, self.four = conv_bn(9, 8), conv_bn(3, 6)

    def forward(self, x):
        a = self.one(x).softmax(1)
        b, c = self.two(x).mean(1, keepdim=True), self.three(x).amax(1, keepdim=True)
        d = self.four(x).sum(1, keepdim=True)
        return self.last(torch.cat([a, b, c, d], 1))


class Normalised(nn.Module):
    """Divides by lengths, and standardises weights itself."""

    def __init__(self):
        super().__init__()
        self.one, self.two, self.last = conv_bn(3, 6), conv_bn(3, 6), conv_bn(6, 8)
        self.conv, self.norm = nn.Conv2d(6, 6, 3, padding=1), nn.BatchNorm2d(6)

    def forward(self, x):
        a = F.normalize(self.one(x), dim=1)
        weight = self.conv.weight
        mean = weight.mean((1, 2, 3), keepdim=True)
        std = weight.std((1, 2, 3), keepdim=True)
        b = F.relu(self.norm(F.conv2d(F.relu(self.two(x)), (weight - mean) / (std + 1e-5),
                                      padding=1)))
        return self.last(a + b)


class Recurrent(nn.Module):
    """Reads columns by a recurrent layer, and looks up a table."""

    def __init__(self):
        super().__init__()
        self.stem, self.rnn = conv_bn(3, 6), nn.GRU(6, 8, batch_first=True)
        self.table = nn.Embedding(4, 8)

    def forward(self, x):
        x = F.relu(self.stem(x))
        n, _, h, w = x.shape
        out, _ = self.rnn(x.permute(0, 2, 3, 1).flatten(0, 1))
        out = out.reshape(n, h, w, 8).permute(0, 3, 1, 2)
        return out + self.table(torch.arange(1))[:, :, None, None]


class WeightNorm(nn.Module):
    """A parametrised weight."""

    def __init__(self):
        super().__init__()
        self.stem = conv_bn(3, 6)
        self.conv = nn.utils.parametrizations.weight_norm(nn.Conv2d(6, 8, 3, padding=1))
        self.last = nn.BatchNorm2d(8)

    def forward(self, x):
        return self.last(self.conv(F.relu(self.stem(x))))


class Volume(nn.Module):
    """Convolutions of one and three dimensions, folded maps and a padded one."""

    def __init__(self):
        super().__init__()
        self.stem = conv_bn(3, 6)
        self.deep = nn.Sequential(nn.Conv3d(6, 5, 1), nn.BatchNorm3d(5))
        self.line = nn.Sequential(nn.Conv1d(5, 7, 3, padding=1), nn.BatchNorm1d(7))
        self.last = conv_bn(7, 8)

    def forward(self, x):
        x = F.pad(F.relu(self.stem(x)), (1, 1, 1, 1))
        x = F.relu(self.deep(x[:, :, None]))[:, :, 0]
        n, _, h, w = x.shape
        x = F.relu(self.line(x.flatten(2))).reshape(n, -1, h, w)
        return self.last(x)


KINDS = [kind for kind in list(globals().values()) if isinstance(kind, type)
         and issubclass(kind, nn.Module) and kind.__module__ == __name__
         and kind not in (Parent, Attend)]


@MODELS.register_module(force=True)
class OddNetwork(BaseModel):
    """A network of one kind and a classifier of pixels."""

    def __init__(self, kind, classes=CLASSES, data_preprocessor=None, init_cfg=None):
        super().__init__(data_preprocessor, init_cfg)
        self.backbone = next(k for k in KINDS if k.__name__ == kind)()
        self.decode_head = nn.Conv2d(WIDTH, classes, 1)

    @torch.no_grad()
    def init_weights(self):
        """Channels differ in their importance from the first step on."""
        for module in self.modules():
            if getattr(module, 'weight', None) is not None and isinstance(
                    module, (nn.modules.batchnorm._NormBase, nn.GroupNorm)):
                module.weight.uniform_(.3, 1.2)

    def extract_feat(self, inputs):
        return self.backbone(inputs)

    def forward(self, inputs, labels=None, mode='tensor'):
        out = self.decode_head(self.extract_feat(inputs))
        if mode == 'loss':
            return dict(loss=F.cross_entropy(F.adaptive_avg_pool2d(out, 4), labels))
        return list(out.split(1)) if mode == 'predict' else out
