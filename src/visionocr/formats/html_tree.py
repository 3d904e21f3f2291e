"""A reader of HTML as models write it: damaged, cut, and with ``<`` in the text.

Not built on ``html.parser``, which takes unknown names for elements, nests the cells of a table whose ends are missing,
and needs quadratic time for unclosed marks (CPython issue 135462). Here a mark is a known name with known attributes;
everything else is text, and no text is ever dropped. Time is linear, and the depth of elements is limited.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from visionocr.formats.inline import unescape_entities

MAX_DEPTH = 60
"""Elements inside each other. The start of a deeper one is ignored; its text stays."""

_INLINE_NAMES = "a b big br chem code del em font i img input ins math s small span strike strong sub sup u label"
_VOID_NAMES = "br hr img input meta link col"
_BLOCK_NAMES = (
    "html head body title div p h1 h2 h3 h4 h5 h6 ul ol li dl dt dd table thead tbody tfoot tr td th caption colgroup"
    " pre blockquote figure figcaption center section article main header footer nav aside"
)
INLINE = frozenset(_INLINE_NAMES.split())
_VOID = frozenset(_VOID_NAMES.split())
_NAMES = "|".join(sorted({*INLINE, *_VOID, *_BLOCK_NAMES.split()}, key=len, reverse=True))
_ATTRIBUTES = (
    "data-[a-z-]+|class|colspan|rowspan|display|checked|type|border|value|style|href|alt|align|valign|id|src|width"
    "|height|title|start|scope|lang|name|rel|xmlns|cellpadding|cellspacing|bgcolor|color|size|face|charset|content|dir"
)
_VALUE = r"\"(?:[^\"<]|<(?![A-Za-z/!]))*+\"|'(?:[^'<]|<(?![A-Za-z/!]))*+'|[^\s\"'<>=`]++"
_ATTRIBUTE = re.compile(rf"({_ATTRIBUTES})(?:\s*+=\s*+({_VALUE}))?", re.IGNORECASE)
MARK = re.compile(
    rf"<(?P<end>/)?(?P<name>{_NAMES})(?P<attributes>(?:\s++(?:{_ATTRIBUTES})(?:\s*+=\s*+(?:{_VALUE}))?+)*+)\s*+/?>"
    r"|<!--(?:[^-<\n]|-(?!->))*+-->|<!doctype\s[^<>\n]*>",
    re.IGNORECASE,
)
_CUT_MARK = re.compile(
    rf"<!-{{0,2}}[^<>\n]*\Z|</?(?P<cut_name>[a-z]*\d?)\Z"
    rf"|</?(?:{_NAMES})(?:\s++(?:{_ATTRIBUTES})(?:\s*+=\s*+(?:{_VALUE}))?+)*+\s*+/?"
    rf"(?:(?P<cut_attribute>[a-z-]*)|(?:{_ATTRIBUTES})\s*=\s*(?:\"[^\"<]*|'[^'<]*)?)\Z",
    re.IGNORECASE,
)
_CUT_ALT = re.compile(r"\balt=(?P<quote>[\"'])(?P<words>[^\"'<]*)(?:(?P=quote)[^<>]*)?\Z", re.IGNORECASE)

_SAME = {"thead": "section", "tbody": "section", "tfoot": "section", "th": "cell", "td": "cell", "dt": "dd"}
_IMPLIED_ENDS = {
    "cell": ({"cell", "p"}, {"tr", "table"}),
    "tr": ({"tr", "cell", "caption", "colgroup", "p"}, {"section", "table"}),
    "section": ({"section", "tr", "cell", "caption", "colgroup", "p"}, {"table"}),
    "li": ({"li", "p"}, {"ul", "ol", "table"}),
    "dd": ({"dd", "p"}, {"dl", "table"}),
}
"""By the kind of a starting element, which open ones end before it, and which one bounds the search."""


@dataclass(slots=True)
class Element:
    """An element of the tree."""

    name: str
    attributes: dict[str, str] = field(default_factory=dict)
    children: list[Element | str] = field(default_factory=list)
    has_block: bool = False
    """An element that makes a block of its own is somewhere inside."""
    is_cut: bool = False
    """The text ended before the element did."""

    @property
    def text(self) -> str:
        """All text inside, as it stands."""
        return "".join(child if isinstance(child, str) else child.text for child in self.children)


def parse_tree(text: str) -> Element:
    """The elements of *text* below a root without a name."""
    text, cut_words, was_cut = _drop_cut_mark(text)
    builder = _Builder()
    end = 0
    for mark in MARK.finditer(text):
        builder.add_text(text[end : mark.start()])
        end = mark.end()
        if name := (mark["name"] or "").lower():
            builder.end(name) if mark["end"] else builder.start(name, _attributes(mark["attributes"]))
    builder.add_text(text[end:])
    if cut_words:
        builder.start("img", {"alt": unescape_entities(cut_words)})
    for element in builder.open[1:]:
        element.is_cut = True
    builder.root.is_cut = was_cut
    return builder.root


def _drop_cut_mark(text: str) -> tuple[str, str, bool]:
    """*text* without a mark that is cut at its end, the words of a picture that stood in it, and whether it was cut."""
    start = text.rfind("<")
    cut = _CUT_MARK.match(text, start) if start >= 0 else None
    if cut is None or not _begins(cut["cut_name"], _NAMES) or not _begins(cut["cut_attribute"], _ATTRIBUTES):
        return text, "", False
    words = _CUT_ALT.search(cut[0])
    return text[:start], words["words"] if words else "", True


def _begins(part: str | None, names: str) -> bool:
    """Whether one of *names* (parted by ``|``) may begin with *part*."""
    return not part or any(name.startswith(part.lower()) for name in names.split("|"))


def _attributes(text: str) -> dict[str, str]:
    return {
        found[1].lower(): unescape_entities((found[2] or "").strip("\"'")) for found in _ATTRIBUTE.finditer(text or "")
    }


class _Builder:
    """The tree while it grows: the root, and the elements that are open."""

    def __init__(self) -> None:
        self.root = Element("")
        self.open = [self.root]

    def add_text(self, text: str) -> None:
        if text:
            self.open[-1].children.append(unescape_entities(text))

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if self.open[-1].name == "math":
            self.open.pop()  # LaTeX has no elements inside: its end is missing
        if "data-label" in attributes:  # Chandra's blocks stand side by side, never inside each other
            del self.open[1:]
        elif name not in INLINE:
            self._end_implied(_SAME.get(name, name))
        element = Element(name, attributes)
        if len(self.open) > MAX_DEPTH and name not in _VOID:
            return
        if name not in INLINE or (name == "math" and attributes.get("display") == "block"):
            for parent in reversed(self.open):
                if parent.has_block:
                    break
                parent.has_block = True
        self.open[-1].children.append(element)
        if name not in _VOID:
            self.open.append(element)

    def _end_implied(self, kind: str) -> None:
        if kind not in _IMPLIED_ENDS:
            if self.open[-1].name == "p":
                self.open.pop()
            return
        ends, bounds = _IMPLIED_ENDS[kind]
        for depth in range(len(self.open) - 1, 0, -1):
            name = _SAME.get(self.open[depth].name, self.open[depth].name)
            if name in bounds:
                # everything above the row, list or table that is no part of it was left open
                if any(_SAME.get(above.name, above.name) in ends for above in self.open[depth + 1 :]):
                    del self.open[depth + 1 :]
                return

    def end(self, name: str) -> None:
        """Close the innermost open element of that name, and what is open inside it, never past a table."""
        for depth in range(len(self.open) - 1, 0, -1):
            if self.open[depth].name == name:
                del self.open[depth:]
                return
            if self.open[depth].name == "table":
                return
