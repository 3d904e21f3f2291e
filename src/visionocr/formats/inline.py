r"""The inside of a paragraph: words as Markdown, and Markdown's inline marks as HTML or as plain text."""

from __future__ import annotations

import html
import re

from visionocr.answers.clean import neutralise

_TAG_START = re.compile(r"(?<!\\)<(?=[A-Za-z/!?])")
CELL_TAGS = "br|sup|sub|u|b|i|ul|ol|li|table|tr|td|th"
"""The HTML elements that inline text, or the text of a cell, may have."""
_TOKENS = re.compile(
    r"\\(?P<escaped>[!-/:-@\[-`{-~])"
    r"|(?<!`)(?P<ticks>`++)(?P<code>[^`\n]*+)(?P=ticks)(?!`)"
    r"|(?P<math>\$\$?(?:[^$\n\\]|\\.)++\$\$?)"
    rf"|(?P<tag></?(?:{CELL_TAGS})(?: (?:col|row)span=\"\d+\")*>)"
    r"|(?P<entity>&(?:#?\w{1,32});)"
    r"|!?\[(?P<words>[^\[\]\n]*+)\]\((?P<target>[^()\s]*+)\)"
    r"|(?P<mark>\*\*\*|\*\*|\*|~~|(?<!\w)__?|__?(?!\w))"
)
_NAMES = {"**": "b", "__": "b", "*": "i", "_": "i", "~~": "del"}


def escape_tags(text: str) -> str:
    """Markdown *text* in which ``<`` begins no HTML."""
    return _TAG_START.sub(r"\\<", text)


def unescape_entities(text: str) -> str:
    """Resolve HTML's character references. What could steer a terminal is removed: ``&#8238;`` is a way to write it."""
    return neutralise(html.unescape(text)) if "&" in text else text


def wrap(text: str, mark: str, end: str = "") -> str:
    """*text* between marks of emphasis, which must touch its first and last letter."""
    inside = text.strip()
    if not inside:
        return text
    head, tail = text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :]
    return f"{head}{mark}{inside}{end or mark}{tail}"


def code(text: str) -> str:
    """*text* as a code span."""
    ticks = "`" * (max((len(run) for run in re.findall(r"`+", text)), default=0) + 1)
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{ticks}{pad}{text}{pad}{ticks}" if text.strip() else text


def to_html(text: str) -> str:
    """Inline Markdown as HTML; formulas stay between dollar signs."""
    return _render(text, as_html=True)


def to_plain(text: str) -> str:
    """Inline Markdown without its marks; formulas stay between dollar signs."""
    return _render(text, as_html=False)


def _render(text: str, as_html: bool) -> str:
    literal = (lambda words: html.escape(words, quote=False)) if as_html else str
    pieces: list[str] = []
    open_: dict[str, int] = {}
    end = 0
    for token in _TOKENS.finditer(text):
        pieces.append(literal(text[end : token.start()]))
        end = token.end()
        kind = token.lastgroup
        if kind == "escaped":
            pieces.append(literal(token["escaped"]))
        elif kind == "code":
            pieces.append(literal(token["code"].strip() if "``" in token["ticks"] else token["code"]))
        elif kind == "math":
            pieces.append(literal(token["math"]))
        elif kind == "tag":
            pieces.append(token["tag"] if as_html else _plain_tag(token["tag"]))
        elif kind == "entity":
            pieces.append(token["entity"] if as_html else unescape_entities(token["entity"]))
        elif kind == "target":
            pieces.append(literal(token["words"]))
        else:
            _emphasise(pieces, open_, token["mark"], as_html)
    pieces.append(literal(text[end:]))
    return "".join(pieces)


def _plain_tag(tag: str) -> str:
    name = tag.strip("</>").split()[0]
    if name in {"td", "th"}:
        return "\t" if tag.startswith("</") else ""
    return "\n" if name in {"br", "li", "tr"} and not tag.startswith("</") else ""


def _emphasise(pieces: list[str], open_: dict[str, int], mark: str, as_html: bool) -> None:
    """Add *mark* as text; when it closes an earlier one, both become tags, or nothing."""
    start = open_.pop(mark, None)
    if start is None:
        open_[mark] = len(pieces)
        pieces.append(mark)
        return
    names = ["b", "i"] if mark == "***" else [_NAMES[mark]]
    pieces[start] = "".join(f"<{name}>" for name in names) if as_html else ""
    pieces.append("".join(f"</{name}>" for name in reversed(names)) if as_html else "")
