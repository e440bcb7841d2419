"""Turns a work directory into the file."""
from pathlib import Path

from ... import files
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
    data = collect(work_dir)
    path = Path(out or Path(work_dir, 'report.html'))
    files.write_bytes(path, page(data, draw_samples(data, samples)).encode())
    return path
