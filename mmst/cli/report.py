"""Carries ``mmst report`` out."""
import argparse

from ..engine.run import timeline
from ..errors import config_error
from ..lab.report import write_report
from ..settings.checks import check_number


def run(args: argparse.Namespace) -> None:
    """Write the page and say where it is."""
    check_number('--samples', args.samples, low=0, whole=True, remedy='use 4')
    damage = timeline.find_damage(args.run_folder)
    if damage:
        raise config_error('work_dir', args.run_folder, f'its {timeline.FILE} is damaged: {damage}',
                           'remove that file: the events come from the last checkpoint then')
    print(f'written: {write_report(args.run_folder, args.out, args.samples)}')
