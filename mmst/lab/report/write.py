"""Turns a work directory into the file."""
from pathlib import Path

from ... import files
from ...engine.run import timeline
from ...errors import MMSTError, TicketError, one_line
from .collect import collect
from .page import page
from .samples import draw_samples


def write_report(work_dir: str | Path, out: str | Path | None = None,
                 samples: int = 4) -> Path:
    """Write the page; the run's own files are not touched.

    Args:
        work_dir (str | Path): Of a run that has begun; it may be at work, killed or finished.
        out (str | Path, optional): Defaults to ``report.html`` in the work directory.
        samples (int): Predictions to draw.

    Returns:
        Path: The page's.

    Raises:
        MMSTError: There is no run, or a file of it is damaged.
    """
    path = Path(out or Path(work_dir, 'report.html'))
    try:
        data = collect(work_dir)
        content = page(data, draw_samples(data, samples)).encode(errors='replace')
    except MMSTError:
        raise
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise TicketError(
            f'{work_dir}: {timeline.FILE} or ticket.json holds what no run writes '
            f'({type(error).__name__}: {one_line(error, 150)}). Remedy: remove it; events come '
            'from the last checkpoint then, and a finished run that is resumed writes both '
            'again.') from error
    files.write_bytes(path, content)
    return path
