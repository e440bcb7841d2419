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
        shown (tuple[int, ...]): Validation images of the picture.
        width (int): Pixels of a column of a picture without label maps.
    """
    name: str
    data: str
    train: int
    val: int
    metric: str
    answer: str
    shown: tuple[int, ...] = (2, 11, 23, 34)
    width: int = 320

    @property
    def folder(self) -> Path:
        """Return the folder of the generated data."""
        return Path('data/demo') / self.data

    def config(self, kind: str = 'p90') -> str:
        """Return the path of the config within ``configs``: ``'p90'`` or ``'dense'``."""
        return f'demo/st_hrnas_{self.name}_{kind}_demo.py'


DEMOS = {demo.name: demo for demo in (
    Demo('cityscapes', 'quiet_streets', 192, 40, 'mIoU', 'always the most frequent class'),
    Demo('ade20k', 'quiet_places', 240, 40, 'mIoU', 'always the most frequent class'),
    Demo('imagenet', 'few_objects', 1200, 240, 'accuracy/top1', 'always the most frequent class',
         shown=(3, 43, 83, 123, 163, 203), width=260),
    Demo('coco', 'quiet_people', 240, 30, 'coco/AP', 'the mean pose in every box',
         shown=(1, 4, 9, 14), width=400))}
