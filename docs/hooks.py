"""What mkdocs does besides: each record in benchmarks/results becomes a page below Results."""
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

RECORDS = sorted((Path(__file__).parents[1] / 'benchmarks' / 'results').glob('*.md'))


def on_config(config: MkDocsConfig) -> None:
    """Add the records to the navigation."""
    results, = (entry['Results'] for entry in config.nav if 'Results' in entry)
    results += [f'results/{path.name}' for path in RECORDS]


def on_files(files: Files, config: MkDocsConfig) -> None:
    """Add the records to the pages."""
    for path in RECORDS:
        files.append(File.generated(config, f'results/{path.name}', abs_src_path=str(path)))
