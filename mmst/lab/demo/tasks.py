"""Describes the demos: the generated data, the metric and the config of each."""
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Demo:
    """Describes one demo.

    Args:
        name (str): Of its configs, ``st_hrnas_NAME_{p90,dense}_demo.py``.
        data (str): Generated data set, a key of ``mmst.lab.scenes.DATASETS``.
        train (int): Number of training images.
        val (int): Number of validation images.
        metric (str): Name of the metric that the table shows.
        answer (str): The constant answer that the score is compared with, in words.
    """
    name: str
    data: str
    train: int
    val: int
    metric: str
    answer: str

    @property
    def folder(self) -> Path:
        """Return the folder of the generated data."""
        return Path('data/demo') / self.data

    def config(self, kind: str = 'p90') -> str:
        """Return the path of the config within ``configs``: ``'p90'`` or ``'dense'``."""
        return f'demo/st_hrnas_{self.name}_{kind}_demo.py'


DEMOS = {demo.name: demo for demo in (
    Demo('cityscapes', 'quiet_streets', 192, 40, 'mIoU', 'always the most frequent class'),
    Demo('ade20k', 'ade20k', 240, 40, 'mIoU', 'always the most frequent class'),
    Demo('imagenet', 'imagenet', 1600, 200, 'accuracy/top1', 'always the most frequent class'),
    Demo('coco', 'coco', 240, 30, 'coco/AP', 'the mean pose in every box'))}
