"""Keeps the text of a page within its page: it can neither imitate our own marks nor swallow what follows it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markdown_it.token import Token

LONGEST_PARSED = 100_000
"""Characters. The parser needs up to 20 s for a megabyte (of list items); longer texts are only escaped."""
_MARK = re.compile(r"<(?=!--\s*visionocr\b)", re.IGNORECASE)
_QUOTED_GAP = re.compile(r"^( {0,3}>[ \t]*)(?=\*\*\[[^\n]*\]\*\*[ \t]*$)", re.MULTILINE)
_PLAIN_GAP = re.compile(r"^\[(?=[^\n]* could not be (?:read|described)\b)", re.MULTILINE)
_PLAINTEXT = re.compile(r"<(?=plaintext\b)", re.IGNORECASE)
"""The beginning of the one element that nothing closes."""
_OPENER = re.compile(r"```|~~~|<[a-z!?]", re.IGNORECASE)
_FENCE = re.compile(r"(?=`{3}|~{3})(?<![`~])")
_PROBE = "<!-- end -->"
_RAW_ENDS = (
    (re.compile(r"<(script|pre|style|textarea)(?=[\s>]|\Z)", re.IGNORECASE), r"</\1>"),
    (re.compile(r"<!--"), "-->"),
    (re.compile(r"<\?"), "?>"),
    (re.compile(r"<!\[CDATA\["), "]]>"),
    (re.compile(r"<![a-z]", re.IGNORECASE), ">"),
)
"""How an HTML block that goes on over empty lines begins, and what ends it (CommonMark 0.31, section 4.6)."""
_COMMENT_OR_CODE = re.compile(r"<!--.*?(?:-->|\Z)|`[^`\n]+`", re.DOTALL)
_COMMENT_OR_CODE_OR_ESCAPE = re.compile(_COMMENT_OR_CODE.pattern + r"|\\[<`\\]", re.DOTALL)
_TAG = re.compile(r"<(/?)([a-z][a-z0-9]*)(?=[\s/>])[^<>]*>", re.IGNORECASE)
_UNFINISHED_TAG = re.compile(r"<[a-z/][^<>]*\Z", re.IGNORECASE)
_ELEMENTS = frozenset(
    re.findall(
        r"\w+",
        """
        a abbr address article aside audio b bdi bdo big blockquote button canvas center cite code del details dfn
        dialog dir div dl em fieldset figcaption figure font footer form h1 h2 h3 h4 h5 h6 header i iframe ins kbd
        label legend main map mark marquee math menu nav noembed noframes noscript object ol pre q ruby s samp script
        section select small span strike strong style sub summary sup svg table template textarea time title tt u ul
        var video xmp
        """,
    )
)
"""The elements of HTML that go on until they are closed."""


def contain_markdown(text: str) -> str:
    """Return a page's *text* so that what follows it in a Markdown file is read as if the text were not there.

    Our page marks and the lines for pages without text are escaped. Comments, code fences and elements that the text
    leaves open are closed at its end; where that cannot be done, all that could open one is escaped.
    """
    text = _PLAINTEXT.sub("&lt;", _QUOTED_GAP.sub(r"\1\\", _MARK.sub("&lt;", text)))
    if not _OPENER.search(text):
        return text
    return (_close(text) if len(text) <= LONGEST_PARSED else None) or _escape(text)


def contain_line(text: str) -> str:
    """Return *text*, a part of a line of a Markdown file, without page marks, code fences and HTML."""
    return _escape(text) if _OPENER.search(text) else text


def contain_plain(text: str) -> str:
    """Return a page's *text* so that it holds no page break, no page mark and no line for a page without text."""
    return _PLAIN_GAP.sub("[ ", _MARK.sub(r"<\\", text.replace("\f", "\n")))


def _close(text: str) -> str | None:
    """*text* with ends of all that it leaves open; ``None`` where no end helps."""
    tokens = _parse(text)
    if not _is_contained(tokens):
        text += f"\n{_end_of(tokens[-1])}"
        tokens = _parse(text)
    if any(token.type == "html_block" and _is_unfinished(token.content) for token in tokens):
        return None
    open_elements = "".join(f"</{name}>" for name in _find_open_elements(tokens))
    if open_elements:
        text += f"\n{open_elements}"
        tokens = _parse(text)
    return text if _is_contained(tokens) else None


def _escape(text: str) -> str:
    """*text* without anything that Markdown takes for a code fence or HTML."""
    return _FENCE.sub(r"\\", text).replace("<", "&lt;")


def _parse(text: str) -> list[Token]:
    """The blocks of *text* and of a comment that follows it."""
    from markdown_it import MarkdownIt  # at most pages there is nothing to parse

    parser = MarkdownIt("commonmark")
    parser.core.ruler.enableOnly(["normalize", "block"])
    return parser.parse(f"{text}\n\n{_PROBE}\n")


def _is_contained(tokens: list[Token]) -> bool:
    """Whether the comment behind the text is a block of its own."""
    last = tokens[-1]
    return last.type == "html_block" and last.level == 0 and last.content.strip() == _PROBE


def _end_of(block: Token) -> str:
    """What closes the block that took in the comment behind it."""
    if block.type == "fence":
        return block.markup
    begins = ((pattern.match(block.content.lstrip()), end) for pattern, end in _RAW_ENDS)
    return next((found.expand(end) for found, end in begins if found), "")


def _is_unfinished(source: str) -> bool:
    """Whether a piece of HTML ends inside a tag or a comment: that of a list item ends with the item."""
    comment = source.rfind("<!--")
    return (comment >= 0 and source.find("-->", comment) < 0) or bool(_UNFINISHED_TAG.search(source.rstrip()))


def _find_open_elements(tokens: Iterable[Token]) -> list[str]:
    """The names of elements that are opened and not closed, the innermost first."""
    ignored = {"html_block": _COMMENT_OR_CODE, "inline": _COMMENT_OR_CODE_OR_ESCAPE}
    source = "\n".join(ignored[token.type].sub("", token.content) for token in tokens if token.type in ignored)
    tags = _TAG.findall(source)
    closed: dict[str, int] = {}
    still_open = []
    for slash, name in ((slash, name.lower()) for slash, name in reversed(tags)):
        if slash:
            closed[name] = closed.get(name, 0) + 1
        elif closed.get(name):
            closed[name] -= 1
        elif name in _ELEMENTS:
            still_open.append(name)
    return still_open
