"""Writes SVG and HTML elements; everything that comes from a run is escaped here."""
from html import escape
from typing import Any


def text(value: Any) -> str:
    """Return a value for the inside of an element or an attribute in double quotes."""
    return escape(str(value), quote=True)


def tag(name: str, *content: str, **attributes: Any) -> str:
    """Return an element; ``content`` is markup, attributes are values.

    ``_`` at the end of an attribute's name is dropped (``class_``), others become ``-``. Attributes
    that are None are left out; numbers are written with two digits at most.
    """
    named = ''.join(f' {key.rstrip("_").replace("_", "-")}="{_value(value)}"'
                    for key, value in attributes.items() if value is not None)
    return f'<{name}{named}>{"".join(content)}</{name}>'


def words(value: Any, x: float, y: float, **attributes: Any) -> str:
    """Return the text in a drawing."""
    return tag('text', text(value), x=x, y=y, **attributes)


def picture(width: float, height: float, label: str, *content: str, **attributes: Any) -> str:
    """Return a drawing that scales with the page; ``label`` describes it to screen readers."""
    return tag('svg', *content, viewBox=f'0 0 {_value(width)} {_value(height)}', role='group',
               aria_label=label, **attributes)


def spot(tip: str, *content: str, **attributes: Any) -> str:
    """Return a part of a drawing that shows ``tip`` when pointed at, or reached by the Tab key."""
    return tag('g', tag('title', text(tip)), *content, class_='spot', tabindex='0', role='img',
               aria_label=tip, **attributes)


def _value(value: Any) -> str:
    if isinstance(value, float):
        return f'{value:.2f}'.rstrip('0').rstrip('.')
    return text(value)
