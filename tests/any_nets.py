"""Small networks of other people's: nothing in them knows of a search."""
import torch
import torch.nn.functional as F
from mmengine.model import BaseModel, BaseModule
from mmengine.registry import MODELS
from torch import nn

CLASSES = 3


def conv_bn(into, out, size=3, **more):
    return nn.Sequential(nn.Conv2d(into, out, size, padding=size // 2, bias=False, **more),
                         nn.BatchNorm2d(out))


class Residual(nn.Module):
    """Two blocks on one stream, the second with a grouped convolution."""

    def __init__(self, width=8):
        super().__init__()
        self.stem = conv_bn(3, width)
        self.one = nn.Sequential(conv_bn(width, 6), nn.ReLU(), conv_bn(6, width))
        self.two = nn.Sequential(conv_bn(width, 12, 1), nn.ReLU(), conv_bn(12, 12, groups=4),
                                 nn.ReLU(), conv_bn(12, width, 1))

    def forward(self, x):
        x = F.relu(self.stem(x))
        x = F.relu(x + self.one(x))
        return F.relu(x + self.two(x))


class Depthwise(nn.Module):
    """An inverted residual with squeeze and excitation, a PReLU and an activation torch fuses."""

    def __init__(self, width=6):
        super().__init__()
        self.stem = nn.Sequential(conv_bn(3, width), nn.PReLU(width))
        self.expand = nn.Sequential(conv_bn(width, 12, 1), nn.Hardswish())
        self.depthwise = nn.Sequential(conv_bn(12, 12, groups=12), nn.ReLU6())
        self.squeeze = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(12, 4, 1), nn.ReLU(),
                                     nn.Conv2d(4, 12, 1), nn.Hardsigmoid())
        self.project = conv_bn(12, width, 1)

    def forward(self, x):
        x = self.stem(x)
        inner = self.depthwise(self.expand(x))
        return x + self.project(inner * self.squeeze(inner))


class Concatenated(nn.Module):
    """Two branches, a BN over both, a transposed convolution, and a second reader of one branch."""

    def __init__(self):
        super().__init__()
        self.left, self.right = conv_bn(3, 4), conv_bn(3, 6)
        self.joint = nn.BatchNorm2d(10)
        self.up = nn.Sequential(nn.ConvTranspose2d(10, 5, 2, 2, bias=False), nn.BatchNorm2d(5))
        self.side = conv_bn(4, 5, 1)

    def forward(self, x):
        left, right = F.relu(self.left(x)), F.relu(self.right(x))
        joint = F.relu(self.joint(torch.cat([left, right], 1)))
        side = F.interpolate(self.side(left), scale_factor=2, mode='bilinear')
        return F.relu(self.up(joint)) + side


class Shuffled(nn.Module):
    """A split, a branch on one half, and channels shuffled between both."""

    def __init__(self):
        super().__init__()
        self.stem, self.branch = conv_bn(3, 8), conv_bn(4, 4)

    def forward(self, x):
        kept, x = F.relu(self.stem(x)).chunk(2, 1)
        x = torch.cat([kept, F.relu(self.branch(x))], 1)
        n, c, h, w = x.shape
        return x.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, -1, h, w)


class Grouped(nn.Module):
    """A group norm, whose groups go whole."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.GroupNorm(4, 8)

    def forward(self, x):
        return F.relu(self.norm(self.conv(x)))


class Flattened(nn.Module):
    """A linear layer on a flattened map."""

    def __init__(self):
        super().__init__()
        self.conv = conv_bn(3, 6)
        self.linear = nn.Linear(6 * 16, 8)

    def forward(self, x):
        x = F.relu(self.conv(F.adaptive_avg_pool2d(x, 4)))
        return self.linear(x.flatten(1))[:, :, None, None]


class Attention(nn.Module):
    """Says how many heads it has and how wide they are, and joins them itself."""

    def __init__(self, width=12, heads=3):
        super().__init__()
        self.num_heads, self.head_dims, self.embed_dims = heads, width // heads, width
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x):
        n, length, _ = x.shape
        q, k, v = self.qkv(x).reshape(n, length, 3, self.num_heads,
                                      self.head_dims).permute(2, 0, 3, 1, 4)
        x = F.scaled_dot_product_attention(q, k, v)
        return self.proj(x.transpose(1, 2).reshape(n, length, self.embed_dims))


class Transformer(nn.Module):
    """One layer with a table of positions and a scale of its residuals."""

    def __init__(self, width=12):
        super().__init__()
        self.patches = nn.Conv2d(3, width, 4, 4)
        self.positions = nn.Parameter(torch.randn(1, 16, width))
        self.attention, self.norms = Attention(width), nn.ModuleList(
            nn.LayerNorm(width) for _ in range(2))
        self.feed = nn.Sequential(nn.Linear(width, 20), nn.GELU(), nn.Linear(20, width))
        self.scale = nn.Parameter(torch.rand(width))

    def forward(self, x):
        x = self.patches(F.adaptive_avg_pool2d(x, 16))
        n, c, h, w = x.shape
        x = x.flatten(2).transpose(1, 2) + self.positions
        x = x + self.scale * self.attention(self.norms[0](x))
        x = x + self.scale * self.feed(self.norms[1](x))
        return x.transpose(1, 2).reshape(n, c, h, w)


KINDS = (Residual, Depthwise, Concatenated, Shuffled, Grouped, Flattened, Transformer)
WIDTHS = dict(Residual=8, Depthwise=6, Concatenated=5, Shuffled=8, Grouped=8, Flattened=8,
              Transformer=12)


class Read(nn.Module):
    """A network of one kind and a classifier, whose classes stay."""

    def __init__(self, kind):
        super().__init__()
        self.body = kind()
        self.classifier = nn.Conv2d(WIDTHS[kind.__name__], CLASSES, 1)

    def forward(self, x):
        return self.classifier(self.body(x))


@MODELS.register_module(force=True)
class AnyBackbone(BaseModule):
    """Several kinds, one map each, all of them as high as the image."""

    def __init__(self, init_cfg=None):
        super().__init__(init_cfg)
        self.residual, self.depthwise, self.shuffled = Residual(), Depthwise(), Shuffled()

    def forward(self, x):
        return tuple(module(x) for module in (self.residual, self.depthwise, self.shuffled))


@MODELS.register_module(force=True)
class AnySegmentor(BaseModel):
    """A backbone and a head that reads all of its maps."""

    def __init__(self, backbone, classes=CLASSES, data_preprocessor=None, init_cfg=None):
        super().__init__(data_preprocessor, init_cfg)
        self.backbone = MODELS.build(backbone)
        self.decode_head = nn.Sequential(conv_bn(22, 8, 1), nn.ReLU(), nn.Conv2d(8, classes, 1))

    def extract_feat(self, inputs):
        return torch.cat(self.backbone(inputs), 1)

    def forward(self, inputs, labels=None, mode='tensor'):
        out = self.decode_head(self.extract_feat(inputs))
        if mode == 'loss':
            return dict(loss=F.cross_entropy(F.adaptive_avg_pool2d(out, 4), labels))
        return list(out.split(1)) if mode == 'predict' else out


MODEL = dict(type='AnySegmentor', backbone=dict(type='AnyBackbone'))
