"""Draws predictions of several tickets side by side; a task a file."""
from .classification import ClassificationView
from .column import Column, open_columns
from .key_points import KeyPointView
from .segmentation import SegmentationView
from .view import Subject, View, view_of

__all__ = ['ClassificationView', 'Column', 'KeyPointView', 'SegmentationView', 'Subject', 'View',
           'open_columns', 'view_of']
