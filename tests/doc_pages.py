"""README and docs/ as data: pages, fenced blocks, links, code in the text."""
import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
#: docs/hooks.py makes pages of them.
RECORDS = sorted((ROOT / 'benchmarks' / 'results').rglob('*.md'))
PAGES = [ROOT / 'README.md', *sorted((ROOT / 'docs').rglob('*.md')), *RECORDS]
_FENCE = re.compile(r'^```(\w*)[^\n]*\n(.*?)^```$', re.DOTALL | re.MULTILINE)
_SNIPPET = re.compile(r'^--8<-- "(.+)"$', re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Attributes:
        page (str): Path in the repository.
        line (int): Where it begins.
        language (str): E.g. ``'python'``.
        text (str): What is in it.
    """
    page: str
    line: int
    language: str
    text: str

    @property
    def included(self):
        """The file that the block shows, or None."""
        found = _SNIPPET.match(self.text)
        return found.group(1) if found else None

    def __str__(self):
        return f'{self.page}:{self.line}'


def name_of(page):
    """Path in the repository."""
    return page.relative_to(ROOT).as_posix()


def blocks(*languages):
    """All fenced blocks of some languages."""
    found = []
    for page in PAGES:
        text = page.read_text()
        for match in _FENCE.finditer(text):
            line = text[:match.start()].count('\n') + 1
            found.append(Block(name_of(page), line, match.group(1), match.group(2)))
    return [block for block in found if block.language in languages]


def prose(page):
    """The page without fenced blocks."""
    return _FENCE.sub('', page.read_text())


def links(page):
    """Targets of links and images that lie in the repository."""
    found = re.findall(r'!?\[[^\]]*\]\(([^)\s]+)\)', prose(page))
    return [target for target in found if not re.match(r'\w+://|mailto:', target)]


def file_of(page, target):
    """The file that a link on a page leads to."""
    file = (page.parent / target).resolve() if target else page
    results = ROOT / 'docs' / 'results'
    if results in file.parents and not file.exists():  # pages that docs/hooks.py adds
        return ROOT / 'benchmarks' / 'results' / file.relative_to(results)
    return file


def headings(page):
    """Headings as anchors, the way Markdown's table of contents forms them."""
    titles = re.findall(r'^#+ (.+)$', prose(page), re.MULTILINE)
    return [re.sub(r'[-\s]+', '-', re.sub(r'[^\w\s-]', '', title).strip().lower())
            for title in titles]


def code_spans(page):
    """Code within the text."""
    return re.findall(r'`([^`\n]+)`', prose(page))
