"""Builds the runtimes that ``benchmarks/latency.py`` compares, each as a call that takes an image.
"""
import copy
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from importlib.util import find_spec

import torch
from torch import Tensor, nn

from mmst.deploy.sparse import SparseModel

COMPACTED = '90% global compacted'
#: Networks that each runtime without a sparse kernel runs.
DENSE = {
    'onnxruntime': ('supernet', 'searched', '90% global', COMPACTED),
    'OpenVINO': ('searched', '90% global'), 'torch': ('searched', ), 'torch CSR': ('90% global', )}
Run = Callable[[Tensor], Tensor]


def make_candidates(networks: dict[str, nn.Module], threads: int, image: Tensor,
                    only: Sequence[str] | None = None) -> dict[str, Run]:
    """Map (runtime, network) to a call of it."""
    found: dict[str, Run] = {}

    def wanted(runtime: str, name: str) -> bool:
        return (not only or runtime in only) and name in DENSE[runtime]

    for name, model in networks.items():
        compiled = [runtime for runtime in COMPILED if wanted(runtime, name)
                    and find_spec(COMPILED[runtime][0])]
        if compiled and find_spec('onnx'):
            found.update(from_onnx(model, name, compiled, threads, image))
        if wanted('torch', name):
            found[f'torch, {name}'] = torch_run(model)
        if wanted('torch CSR', name):
            found[f'torch CSR, {name}'] = csr_run(model)
        pruned = name not in ('supernet', 'searched', COMPACTED)
        if pruned and (not only or 'sparse kernel' in only):
            found[f'sparse kernel, {name}'] = SparseModel(model, threads=threads)
    return found


def torch_run(model: nn.Module) -> Run:
    """Return torch eager in channels_last, its faster memory format on CPUs."""
    model = copy.deepcopy(model).to(memory_format=torch.channels_last)
    model.backbone.channels_last = True
    return torch.inference_mode()(model)


class CSRConv(nn.Module):
    """Computes a 1x1 convolution as the product of a CSR matrix with the image's pixels."""

    def __init__(self, conv: nn.Conv2d):
        super().__init__()
        self.weight, self.bias = conv.weight.detach().flatten(1).to_sparse_csr(), conv.bias

    def forward(self, x: Tensor) -> Tensor:
        out = (self.weight @ x[0].flatten(1)).view(1, -1, *x.shape[2:])
        return out if self.bias is None else out + self.bias[:, None, None]


def csr_run(model: nn.Module) -> Run:
    """Return torch with its own sparse products for all 1x1 convolutions; batch 1."""
    model = copy.deepcopy(model)
    model.backbone.channels_last = False
    for parent in list(model.modules()):
        for name, conv in list(parent.named_children()):
            if (type(conv) is nn.Conv2d and conv.kernel_size == (1, 1) and conv.stride == (1, 1)
                    and conv.groups == 1 and conv.weight.numel()):
                setattr(parent, name, CSRConv(conv))
    return torch.inference_mode()(model)


def from_onnx(model: nn.Module, name: str, runtimes: Sequence[str], threads: int,
              image: Tensor) -> dict[str, Run]:
    """Return the network in runtimes that read ONNX files."""
    with tempfile.TemporaryDirectory() as folder:
        path = f'{folder}/model.onnx'
        with torch.no_grad(), plain_widths():
            torch.onnx.export(copy.deepcopy(model), image, path, opset_version=17, dynamo=False,
                              input_names=['image'], output_names=['logits'])
        return {f'{runtime}, {name}': COMPILED[runtime][1](path, threads) for runtime in runtimes}


def onnxruntime_run(path: str, threads: int) -> Run:
    """Return onnxruntime with all its graph optimisations."""
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    session = onnxruntime.InferenceSession(path, options, ['CPUExecutionProvider'])
    return lambda x: torch.from_numpy(session.run(None, {'image': x.numpy()})[0])


def openvino_run(path: str, threads: int) -> Run:
    """Return OpenVINO for latency, in float32 (it takes bfloat16 otherwise, where it can)."""
    import openvino
    core = openvino.Core()
    compiled = core.compile_model(core.read_model(path), 'CPU', {
        'INFERENCE_NUM_THREADS': threads, 'PERFORMANCE_HINT': 'LATENCY', 'NUM_STREAMS': 1,
        'INFERENCE_PRECISION_HINT': 'f32', 'ENABLE_CPU_PINNING': False})
    return lambda x: torch.from_numpy(compiled(x.numpy())[0].copy())


#: Runtime to the package that it needs, and what opens a file.
COMPILED = dict(onnxruntime=('onnxruntime', onnxruntime_run), OpenVINO=('openvino', openvino_run))


@contextmanager
def plain_widths() -> Iterator[None]:
    """Keep widths as plain numbers: while a network is traced, shapes are tensors."""
    from unittest.mock import patch

    from mmst.models.hrnas.lightweight_transformer import LightweightTransformer
    from mmst.models.hrnas.mixconv import MixConv
    with patch.object(MixConv, '__bool__', lambda path: path.expand.out_channels > 0), \
            patch.object(MixConv, 'widths', property(
                lambda path: [conv.out_channels for conv in path.depthwise])), \
            patch.object(LightweightTransformer, 'tokens', property(
                lambda path: path.input_proj.out_channels)):
        yield


def versions() -> dict:
    """Return versions of the runtimes."""
    return {name: version(name) for name in ('torch', 'onnxruntime', 'openvino') if find_spec(name)}
