"""Configs of the plain style that hold classes."""
import pytest
from mmengine.config import Config
from mmengine.registry import MODELS
from torch import nn

from mmst.engine.run.class_names import name_classes
from mmst.engine.run.config_file import read_config
from mmst.errors import ConfigError
from mmst.models import HRNASSupernet


class OfOnesOwn(nn.Module):
    """No registry has it."""


def test_classes_become_names_that_are_found_again():
    cfg = name_classes(Config(dict(
        model=dict(type=HRNASSupernet, parts=[dict(type=OfOnesOwn)], pair=(len, 1)),
        HRNASSupernet=HRNASSupernet)))
    assert cfg.model.type == 'mmst.HRNASSupernet' and 'HRNASSupernet' not in cfg
    assert cfg.model.parts[0].type.endswith('test_class_names.OfOnesOwn')
    assert MODELS.get(cfg.model.parts[0].type) is OfOnesOwn
    assert cfg.model.pair == ('builtins.len', 1)
    assert Config.fromstring(cfg.pretty_text, '.py').model.type == 'mmst.HRNASSupernet'


def test_a_file_that_imports_a_class_can_be_written_as_text(tmp_path):
    (tmp_path / 'base.py').write_text("model = dict(backbone=dict(type='x'))\n")
    (tmp_path / 'own.py').write_text(
        "_base_ = './base.py'\nfrom mmst.models import HRNASSupernet\n"
        'model = dict(backbone=dict(type=HRNASSupernet))\n')
    cfg = read_config(str(tmp_path / 'own.py'))
    assert "type='mmst.HRNASSupernet'" in cfg.pretty_text


def test_a_class_that_the_config_itself_defines_is_refused(tmp_path):
    (tmp_path / 'own.py').write_text(
        'class Net:\n    pass\n\n\nmodel = dict(backbone=dict(type=Net))\n')
    with pytest.raises(ConfigError, match=r"model.backbone.type = 'Net': it is defined where .*"
                       'Remedy: put it into a module'):
        read_config(str(tmp_path / 'own.py'))
