"""Writes tables and lists of the page."""
from collections.abc import Iterable, Sequence
from typing import Any

from .svg import tag, text


def table(header: Sequence[Any], rows: Iterable[Sequence[Any]]) -> str:
    """Return a table that scrolls in itself where it is too wide; numbers to the right."""
    head = tag('tr', *(tag('th', text(name), scope='col') for name in header))
    body = [tag('tr', *(tag('td', text(cell), class_='number' if _is_number(cell) else None)
                        for cell in row)) for row in rows]
    return tag('div', tag('table', tag('thead', head), tag('tbody', *body)), class_='scroll',
               tabindex='0', role='region', aria_label='table')


def pairs(items: Iterable[tuple[str, Any]]) -> str:
    """Return a table of names and values."""
    return tag('dl', *(tag('dt', text(name)) + tag('dd', text(value)) for name, value in items))


def fold(title: str, content: str) -> str:
    """Return the content that is shown when asked for."""
    return tag('details', tag('summary', text(title)), content)


def _is_number(cell: Any) -> bool:
    """Return whether a cell is a number, or one as text with its unit or sign."""
    return str(cell).replace(',', '').replace('.', '').strip('%- ').isdigit()
