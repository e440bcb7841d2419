"""Carries ``mmst visualize`` out."""
import argparse
from pathlib import Path

from mmengine.device import get_device
from mmengine.registry import DefaultScope

from ..engine.data import check_data
from ..engine.run.config_file import read_config
from ..errors import config_error
from ..lab.visualize import Subject, open_columns, view_of
from ..lab.visualize.boxes import Boxes
from ..lab.visualize.compare import compare_images, compare_video
from ..lab.visualize.sources import IMAGES, find_sources, read_image
from ..openmmlab.toolbox import check_toolbox
from ..settings.checks import check_number
from ..settings.kept_inputs import keep_inputs


def check(args) -> None:
    """Refuse options that cannot be meant."""
    if not args.images and args.indices is None:
        raise config_error('--images', None, 'there is nothing to look at',
                           'give --images PATH, or --indices N of the validation data')
    for name, low, high in (('threshold', 0, 1), ('opacity', 0, 1), ('width', 16, 8192),
                            ('rows', 1, 1000)):
        check_number(f'--{name}', getattr(args, name), low=low, high=high,
                     remedy='omit it for the default')


def run(args: argparse.Namespace) -> None:
    """Check all, then draw all."""
    check(args)
    cfg = read_config(args.config)
    check_toolbox(cfg)
    images, videos = find_sources(args.images or [])
    single = output_is_file(args, images, videos)
    for place in [args.out] if single else output_paths(args.out, videos):
        keep_inputs('--out', place, *videos)
    with DefaultScope.overwrite_default_scope(cfg.get('default_scope')):
        view = view_of(cfg, threshold=args.threshold, opacity=args.opacity)
        boxes = read_boxes(args, cfg)
        subjects = [Subject(str(path), read_image(path), boxes and boxes.of_image(path))
                    for path in images]
        if args.indices:
            check_data(cfg, ('val', ))
            subjects = view.subjects(args.indices) + subjects
        columns = open_columns(view, args.tickets, args.labels, args.device or get_device())
        if subjects:
            out = args.out if single else args.out / 'images.png'
            for path in compare_images(view, columns, subjects, out, args.width, args.rows):
                print(path)
        for i, source in enumerate(videos):
            out = args.out if single else output_paths(args.out, videos)[i]
            frames = compare_video(view, columns, source, out, args.width, boxes)
            print(f'\n{out}: {frames} frames')


def output_paths(folder, videos) -> list[Path]:
    """Return the file for each video's drawing; those of one name are numbered."""
    stems = [video.stem for video in videos]
    again = [stems[:i].count(stem) for i, stem in enumerate(stems)]
    return [folder / (f'{stem}_{count + 1}.mp4' if count else f'{stem}.mp4')
            for stem, count in zip(stems, again, strict=True)]


def read_boxes(args, cfg):
    """Return the file of boxes; only key points have a use for it."""
    if args.boxes is None:
        return None
    if cfg.get('default_scope') != 'mmpose':
        raise config_error('--boxes', args.boxes, 'only key points are looked for in boxes',
                           'omit it')
    return Boxes(args.boxes)


def output_is_file(args, images, videos) -> bool:
    """Return whether all goes into one file, which ``--out`` names; else it is a folder."""
    kind = args.out.suffix.lower()
    if not kind or args.out.is_dir():
        return False
    if kind not in (*IMAGES, '.mp4'):
        raise config_error('--out', str(args.out), 'is no kind of file that can be written here',
                           'end it in .png, .jpg or .mp4, or give a folder')
    pictures = bool(images or args.indices)
    if videos and (pictures or len(videos) > 1):
        raise config_error('--out', str(args.out), 'there is more than one file to write',
                           'give a folder')
    if (kind == '.mp4') != bool(videos):
        raise config_error('--out', str(args.out), 'is of another kind than the output',
                           'end it in .png for images and in .mp4 for a video')
    return True
