"""What mkdocs does besides: pages that mkdocs.yml need not name.

Each record below benchmarks/results becomes a page below Results; pages of docs/ that the navigation does
not name are added at the end of Use.
"""
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

DOCS = Path(__file__).parent
RESULTS = DOCS.parent / 'benchmarks' / 'results'
#: Path of a page to its file.
RECORDS = {f'results/{path.relative_to(RESULTS).as_posix()}': path
           for path in sorted(RESULTS.rglob('*.md'))}


def on_config(config: MkDocsConfig) -> None:
    """Complete the navigation."""
    named = re.findall(r'[\w/]+\.md', str(config.nav))
    _section(config, 'Use').extend(
        path.name for path in sorted(DOCS.glob('*.md')) if path.name not in named)
    _section(config, 'Results').extend(RECORDS)


def on_files(files: Files, config: MkDocsConfig) -> None:
    """Add the records to the pages."""
    for page, path in RECORDS.items():
        files.append(File.generated(config, page, abs_src_path=str(path)))


def _section(config: MkDocsConfig, name: str) -> list:
    return next(entry[name] for entry in config.nav if name in entry)
