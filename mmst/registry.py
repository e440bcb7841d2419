"""Declares child registries of mmengine's, scope ``mmst``.

``type='mmst.X'`` resolves from mmseg, mmpose and mmpretrain configs without ``custom_imports``:
a child registry is found by its scope, and ``locations`` are imported at the first look-up.
"""
from mmengine.registry import DATA_SAMPLERS as MMENGINE_DATA_SAMPLERS
from mmengine.registry import FUNCTIONS as MMENGINE_FUNCTIONS
from mmengine.registry import HOOKS as MMENGINE_HOOKS
from mmengine.registry import MODELS as MMENGINE_MODELS
from mmengine.registry import OPTIM_WRAPPER_CONSTRUCTORS as MMENGINE_OPTIM_WRAPPER_CONSTRUCTORS
from mmengine.registry import OPTIM_WRAPPERS as MMENGINE_OPTIM_WRAPPERS
from mmengine.registry import OPTIMIZERS as MMENGINE_OPTIMIZERS
from mmengine.registry import PARAM_SCHEDULERS as MMENGINE_PARAM_SCHEDULERS
from mmengine.registry import WEIGHT_INITIALIZERS as MMENGINE_WEIGHT_INITIALIZERS
from mmengine.registry import Registry

MODELS = Registry(
    'model', parent=MMENGINE_MODELS, scope='mmst',
    locations=['mmst.models', 'mmst.engine', 'mmst.deploy.compact'])
HOOKS = Registry('hook', parent=MMENGINE_HOOKS, scope='mmst', locations=['mmst.engine'])
FUNCTIONS = Registry(
    'function', parent=MMENGINE_FUNCTIONS, scope='mmst', locations=['mmst.engine'])
DATA_SAMPLERS = Registry(
    'data sampler', parent=MMENGINE_DATA_SAMPLERS, scope='mmst', locations=['mmst.engine'])
OPTIMIZERS = Registry(
    'optimizer', parent=MMENGINE_OPTIMIZERS, scope='mmst', locations=['mmst.engine'])
PARAM_SCHEDULERS = Registry(
    'parameter scheduler', parent=MMENGINE_PARAM_SCHEDULERS, scope='mmst',
    locations=['mmst.engine'])
OPTIM_WRAPPERS = Registry(
    'optim_wrapper', parent=MMENGINE_OPTIM_WRAPPERS, scope='mmst', locations=['mmst.engine'])
OPTIM_WRAPPER_CONSTRUCTORS = Registry(
    'optimizer wrapper constructor',
    parent=MMENGINE_OPTIM_WRAPPER_CONSTRUCTORS,
    scope='mmst',
    locations=['mmst.engine'])
WEIGHT_INITIALIZERS = Registry(
    'weight initializer',
    parent=MMENGINE_WEIGHT_INITIALIZERS,
    scope='mmst',
    locations=['mmst.models'])

#: Scores of weights: ``magnitude``, … One file each under ``mmst/pruning/criteria``.
CRITERIA = Registry('pruning criterion', scope='mmst', locations=['mmst.pruning.criteria'])
#: The sparsity at each prune: ``progressive``, … ``mmst/pruning/schedules``.
SCHEDULES = Registry('sparsity schedule', scope='mmst', locations=['mmst.pruning.schedules'])
#: Search units of modules of other packages, under the dotted name of their class.
UNIT_ADAPTERS = Registry('unit adapter', scope='mmst', locations=['mmst.search.adapters'])
#: Called for each checkpoint that mmengine reads: functions that take its path and content,
#: and give the content back. ``mmst/tickets/checkpoint_content.py``.
CHECKPOINT_READERS = Registry(
    'checkpoint reader', scope='mmst', locations=['mmst.tickets.checkpoint_content'])
#: How a network becomes ready for a state that mmengine is about to load: functions that take the
#: network and the file's facts about its search. ``mmst/search/adapters``.
STATE_RECEIVERS = Registry('state receiver', scope='mmst', locations=['mmst.search.adapters'])
#: How predictions of a task are drawn, under its toolbox's scope (``mmseg``, …):
#: ``mmst/lab/visualize``.
VIEWS = Registry('view', scope='mmst', locations=['mmst.lab.visualize'])
