"""What mkdocs does besides: pages that mkdocs.yml need not name.

Each record in benchmarks/results becomes a page below Results; pages of docs/ that the navigation does
not name are added at the end of Use.
"""
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

DOCS = Path(__file__).parent
RECORDS = sorted((DOCS.parent / 'benchmarks' / 'results').glob('*.md'))


def on_config(config: MkDocsConfig) -> None:
    """Complete the navigation."""
    named = re.findall(r'[\w/]+\.md', str(config.nav))
    _section(config, 'Use').extend(
        path.name for path in sorted(DOCS.glob('*.md')) if path.name not in named)
    _section(config, 'Results').extend(f'results/{path.name}' for path in RECORDS)


def on_files(files: Files, config: MkDocsConfig) -> None:
    """Add the records to the pages."""
    for path in RECORDS:
        files.append(File.generated(config, f'results/{path.name}', abs_src_path=str(path)))


def _section(config: MkDocsConfig, name: str) -> list:
    return next(entry[name] for entry in config.nav if name in entry)
