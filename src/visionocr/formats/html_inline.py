"""The inside of HTML paragraphs as inline Markdown."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from visionocr.escaping import escape
from visionocr.formats.html_tree import Element
from visionocr.formats.inline import code, wrap
from visionocr.formats.latex import unwrap

Words = Callable[[str], str]
"""How text between the marks becomes Markdown: ``escape``, or ``escape_tags`` where it is Markdown already."""

_MARKS = {"b": "**", "strong": "**", "i": "*", "em": "*", "del": "~~", "strike": "~~"}
_KEPT = {"sup", "sub", "u"}
_BLANKS = re.compile(r"[ \t\r\n\f]+")
_LINK = re.compile(r"https?://[^\s()<>]+|mailto:[^\s()<>]+")


def inline_text(children: Sequence[Element | str], words: Words = escape, line_end: str = "  \n") -> str:
    """Markdown of text and inline elements, blanks joined as HTML does; ``<br>`` becomes *line_end*.

    Blocks among them are joined to the text. A plain dollar sign is escaped where there is a formula beside it.
    """
    literal = (lambda text: words(text).replace("$", r"\$")) if _has_math(children) else words
    text = _inline(children, literal, line_end, frozenset())
    return re.sub(rf"[ \t]*{re.escape(line_end.strip(' '))}[ \t]*", line_end, text).strip()


def _has_math(children: Sequence[Element | str]) -> bool:
    return any(isinstance(child, Element) and (child.name == "math" or _has_math(child.children)) for child in children)


def _inline(children: Sequence[Element | str], words: Words, line_end: str, active: frozenset[str]) -> str:
    return "".join(
        words(_BLANKS.sub(" ", child)) if isinstance(child, str) else _element(child, words, line_end, active)
        for child in children
    )


def _element(element: Element, words: Words, line_end: str, active: frozenset[str]) -> str:
    name, attributes = element.name, element.attributes
    if name == "br":
        return line_end
    if name == "input":
        return _box_or_value(attributes)
    if name == "img":
        alt = " ".join(attributes.get("alt", "").split())
        return f"![{escape(alt)}]()" if alt else ""
    if name == "math":
        formula = " ".join(unwrap(element.text).split())
        return f"${formula}$" if formula else ""
    if name in {"code", "chem", "pre"}:
        return code(" ".join(element.text.split()))
    inside = _inline(element.children, words, line_end, active | {name})
    if name in _MARKS and not any(_MARKS[name] == _MARKS.get(other) for other in active):
        return wrap(inside, _MARKS[name])
    if name in _KEPT:
        return wrap(inside, f"<{name}>", f"</{name}>")
    if name == "a" and inside.strip() and _LINK.fullmatch(attributes.get("href", "")):
        return wrap(inside, "[", f"]({attributes['href']})")
    return inside


def _box_or_value(attributes: dict[str, str]) -> str:
    """A check box, or the words in a field of a form."""
    if attributes.get("type", "checkbox").lower() in {"checkbox", "radio"}:
        return "☑" if "checked" in attributes else "☐"
    return escape(attributes.get("value", ""))
