"""Carries ``mmst report`` out."""
import argparse
from pathlib import Path

from ..engine.run import timeline
from ..errors import config_error
from ..lab.report import write_report
from ..settings.checks import check_number
from ..settings.kept_inputs import keep_inputs


def run(args: argparse.Namespace) -> None:
    """Write the page and say where it is."""
    check_number('--samples', args.samples, low=0, whole=True, remedy='use 4')
    damage = timeline.find_damage(args.run_folder)
    if damage:
        raise config_error('work_dir', args.run_folder, f'its {timeline.FILE} is damaged: {damage}',
                           'remove that file: the events come from the last checkpoint then')
    if args.out and not str(args.out).endswith('.html'):
        keep_inputs('--out', args.out, *Path(args.run_folder).rglob('*'))
    print(f'written: {write_report(args.run_folder, args.out, args.samples)}')
