"""Plugs faster functions into a network in training."""
from dataclasses import replace

from mmengine.runner import Runner

from ...errors import config_error
from ...kernels.compiled import BlockCompiler
from ...kernels.graph_parts import graph_parts
from ...kernels.graphed import GraphedForward
from ...kernels.ops import KernelOps
from ...kernels.side_streams import SideStreams
from ...models.hrnas.ops import Ops, use_ops
from ...registry import HOOKS
from ...settings.checks import check_choice, check_flag
from ..run.memory import keep_freed_memory
from ..run.plan import RunPlan
from ..run.runner_views import models, unwrap
from .interval_hook import IntervalHook

#: Iterations after which ranks agree whether they train without graphs.
AGREE = 50
#: Setting to the devices on which there are kernels.
DEVICES: dict[bool | str, tuple[str, ...]] = {'auto': ('cpu', ), True: ('cpu', 'cuda'), False: ()}


@HOOKS.register_module()
class FastTrainingHook(IntervalHook):
    """Chooses faster ways to compute the same training step; results differ by rounding only.

    Export is left as it is, and on CPUs evaluation and recalibration are, too. Nothing enters
    checkpoints or tickets: a run can be resumed with other settings.

    Args:
        kernel (bool or str): Depthwise convolutions of all kernel sizes in one pass: C++ compiled
            at first use on a CPU, Triton on a GPU. On a CPU also BN with its ReLU, and 1x1
            convolutions as products. ``'auto'``: where it was measured to be faster, on CPUs and,
            with ``cuda_graph``, on GPUs; True: on GPUs anyway. Where there is no kernel for a map,
            a precision or a machine, torch's layers are used. Defaults to ``'auto'``.
        compile (bool or str): torch.compile of each search block by itself, so that a search
            recompiles changed blocks only; a string names the backend. Defaults to False.
        keep_memory (bool): On a CPU, reuse the memory of freed feature maps instead of returning it
            to the system (glibc only). Defaults to True.
        cuda_graph (bool): On a GPU, replay the training passes of the searched parts as CUDA graphs
            (``GraphedForward``). Defaults to True.
        products (bool): On a GPU, where ``kernel`` is in use there, compute the search blocks' 1x1
            convolutions as products and their grouped residuals as multiples, of which cuDNN plans
            nothing again after a search. Defaults to True.
        streams (bool): Within CUDA graphs, run branches and paths of the supernet that do not
            depend on each other side by side, where ``kernel`` acts on GPUs. It takes more memory,
            and torch's own allocator: where that lacks, a line of the log says that they run in
            order. Defaults to True.
    """
    priority = 75

    def __init__(self, kernel: bool | str = 'auto', compile: bool | str = False,
                 keep_memory: bool = True, cuda_graph: bool = True, products: bool = True,
                 streams: bool = True):
        kernel = check_choice('FastTrainingHook.kernel', kernel, DEVICES)
        if not (isinstance(compile, str) and compile):
            check_flag('FastTrainingHook.compile', compile,
                       'use True for torch\'s inductor, or the name of a backend')
        remedy = 'use True, or False where memory is short'
        self.keep_memory = check_flag('FastTrainingHook.keep_memory', keep_memory, remedy)
        self.cuda_graph = check_flag('FastTrainingHook.cuda_graph', cuda_graph, remedy)
        self.graphs: list[GraphedForward] = []
        # Python launches Triton's kernels more slowly than torch's: they pay where graphs do.
        devices = DEVICES[True if kernel == 'auto' and self.cuda_graph else kernel]
        check_flag('FastTrainingHook.products', products,
                   'use True, or False for cuDNN\'s convolutions')
        self.ops = Ops()
        if devices:
            self.ops = KernelOps(devices) if products else KernelOps(devices, products=())
        self.streams = check_flag('FastTrainingHook.streams', streams, remedy)
        backend = 'inductor' if compile is True else compile
        self.compiler: BlockCompiler | None = BlockCompiler(backend) if backend else None

    def check_plan(self, plan: RunPlan) -> None:
        if self.compiler is None:
            return
        import torch
        known = torch._dynamo.list_backends(exclude_tags=())
        if self.compiler.backend not in known:
            raise config_error('FastTrainingHook.compile', self.compiler.backend,
                               'unknown backend', f'use one of {", ".join(map(repr, known))}')

    def before_run(self, runner: Runner) -> None:
        super().before_run(runner)
        if self.compiler is not None and runner.cfg.get('compile'):
            raise config_error('FastTrainingHook.compile', self.compiler.backend,
                               'the config compiles the whole model already',
                               'set compile=False in the config, or here')

    def before_train(self, runner: Runner) -> None:
        if self.keep_memory and devices(runner) == {'cpu'}:
            keep_freed_memory()
        if self.cuda_graph and devices(runner) == {'cuda'}:
            self.graphs = graph_parts(unwrap(runner), self._side_streams(runner))
        self._apply(runner)

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch=None,
                         outputs=None) -> None:
        """Let ranks agree on graphs, in a place where all of them pass."""
        super().after_train_iter(runner, batch_idx, data_batch, outputs)
        if self.graphs and self.every_n_train_iters(runner, AGREE):
            self.graphs[0].group.agree()

    def after_train(self, runner: Runner) -> None:
        super().after_train(runner)
        for graphed in self.graphs:
            graphed.remove()

    def on_step(self, runner: Runner, step: int) -> None:
        """Compile blocks again that a search has changed."""
        if self.compiler is not None:
            self._apply(runner)

    def _side_streams(self, runner: Runner) -> SideStreams | None:
        """Return the streams of paths that run side by side, which the kernels use then."""
        if not self.streams or not isinstance(self.ops, KernelOps):
            return None
        reason = SideStreams.obstacle()
        if reason is not None:
            runner.logger.warning(f'FastTrainingHook.streams = True: {reason}, so that branches '
                                  'and paths run in order. Remedy: set streams=False, or unset '
                                  'PYTORCH_CUDA_ALLOC_CONF=backend:cudaMallocAsync.')
            return None
        sides = SideStreams()
        self.ops = replace(self.ops, streams=sides)
        return sides

    def _apply(self, runner: Runner) -> None:
        for model in models(runner):
            use_ops(model, self.ops)
        if self.compiler is not None:
            self.compiler(unwrap(runner))


def devices(runner: Runner) -> set[str]:
    """Return types of the devices that hold the model."""
    return {p.device.type for p in runner.model.parameters()}
