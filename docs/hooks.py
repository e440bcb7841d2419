"""Adds pages that mkdocs.yml need not name.

Each record below benchmarks/results becomes a page below Results, with its figures; pages of
docs/ that the navigation does not name are added at the end of Use.
"""
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

DOCS = Path(__file__).parent
RESULTS = DOCS.parent / 'benchmarks' / 'results'


def _below_results(pattern: str) -> dict[str, Path]:
    """Return the path on the site of each record that the pattern matches, to its file."""
    return {f'results/{path.relative_to(RESULTS).as_posix()}': path
            for path in sorted(RESULTS.rglob(pattern))}


RECORDS = _below_results('*.md')
FIGURES = _below_results('*.png')


def on_config(config: MkDocsConfig) -> None:
    """Complete the navigation."""
    named = re.findall(r'[\w/]+\.md', str(config.nav))
    _section(config, 'Use').extend(
        path.name for path in sorted(DOCS.glob('*.md')) if path.name not in named)
    _section(config, 'Results').extend(RECORDS)


def on_files(files: Files, config: MkDocsConfig) -> None:
    """Add the records and the figures that they show."""
    for page, path in {**RECORDS, **FIGURES}.items():
        files.append(File.generated(config, page, abs_src_path=str(path)))


def _section(config: MkDocsConfig, name: str) -> list:
    return next(entry[name] for entry in config.nav if name in entry)
