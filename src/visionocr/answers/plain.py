r"""Hides what is not text of the page in an answer: Markdown's marks, tags, formulas' commands, targets of links.

Everything hidden is replaced by as many other characters, so that offsets into the answer stay true.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass

JOINT = "\0"
"""Stands for a hidden character within a word. Cleaned answers hold no control characters."""

# Every pattern is linear on hostile text: what it repeats excludes its own beginning.
_FORMULA = (
    r"\$\$(?:(?!\$\$).)+\$\$|\\\[(?:(?!\\\[).)*?\\\]|\\\((?:(?!\\\().)*?\\\)"
    # As in Pandoc, no blank stands inside the dollars and no digit behind them: "$5 and $6" are amounts.
    r"|(?<![\\$\w])\$(?=[^\s$])[^$\n]*(?<=[^\s$\\])\$(?![\d$])"
)
_FORMULAS = re.compile(_FORMULA, re.DOTALL)
_COMMAND = re.compile(r"\\(?:begin|end)\s?\{\w{1,20}\*?\}|\\[A-Za-z]+|[$&~]")
_LATEX = re.compile(r"[\\^_={}]|[A-Za-z]")
_INLINE_TAG = r"</?(?i:a|b|code|del|em|font|i|ins|mark|s|small|span|strong|sub|sup|u)(?:\s[^<>]*)?>"
_MARKS = re.compile(
    r"(?P<escape>\\(?=[\\`*_{}\[\]()#+.!|<>~$-]))(?P<escaped>.)"
    r"|(?P<gone><!--(?:(?!<!--).)*?-->|<img(?:\s[^<>]*)?>[^<]*</img>"
    r"|!\[[^\[\]\n]*\]\([^()\n]*\)|^[ \t]*(?:`{3,}|~{3,})[^\n]*$)"
    r"|\[(?P<label>[^\[\]\n]*)\](?P<target>\([^()\s]*(?: {1,3}\"[^\"()\n]*\")?\))"
    r"|(?P<box>^[ \t]{0,12}(?:[-*+][ \t])?\[[ xX]\](?=\s))"
    rf"|(?P<inline>{_INLINE_TAG}|[*`]|~~|(?<![^\W_])_+|_+(?![^\W_]))"
    r"|(?P<tag></?[A-Za-z][\w-]*(?:\s[^<>]*)?/?>|\|)"
    r"|(?P<entity>&(?:\#\d{1,7}|\#[xX][\da-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,30});)",
    re.DOTALL | re.MULTILINE,
)
_ANY_MARK = re.compile(r"[\\<\[*`~_|&]")
"""What every match of ``_MARKS`` and of ``_PICTURE`` holds."""
_PICTURE = re.compile(r"!\[|<(?:img|figure|picture)\b", re.IGNORECASE)
_NUMBERING = re.compile(
    r"^[ \t>]*(?:[-*+•][ \t]+)?(?P<number>\(?(?:\d{1,3}|[A-Za-z]|[ivxIVX]{1,5})[.)])(?=[ \t])", re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class Plain:
    """An answer without its marks."""

    text: str
    """As long as the answer; ``JOINT`` stands for what was hidden within words, blanks for the rest."""
    formulas: tuple[tuple[int, int], ...]
    """Begin and end of each formula. Of their LaTeX only letters and digits are left."""
    numbering: frozenset[int]
    """Where the numbers and letters of list items begin."""
    has_pictures: bool = False


def hide_marks(text: str, *, markdown: bool) -> Plain:
    """Hide what is no text of the page in the answer *text*; of plain text only the commands of formulas."""
    formulas = []

    def hide_commands(found: re.Match[str]) -> str:
        formula = found[0]
        if formula.startswith("$") and not _LATEX.search(formula):
            return formula.replace("$", " ")  # a number between dollars
        formulas.append(found.span())
        if not formula.startswith("$"):
            formula = f"  {formula[2:-2]}  "
        return re.sub(r"[{}^_]", JOINT, _COMMAND.sub(_blank, formula))

    has_marks = markdown and _ANY_MARK.search(text) is not None  # most text has none, and that is soon seen
    plain = _FORMULAS.sub(hide_commands, text) if "$" in text or "\\" in text else text
    if has_marks:
        plain = _MARKS.sub(_hide, plain)
    numbering = frozenset(found.start("number") for found in _NUMBERING.finditer(plain))
    return Plain(plain, tuple(formulas), numbering, has_marks and _PICTURE.search(text) is not None)


def _blank(found: re.Match[str]) -> str:
    return " " * len(found[0])


def _hide(found: re.Match[str]) -> str:
    whole = found[0]
    match found.lastgroup:
        case "escaped":
            return JOINT + found["escaped"]
        case "target":
            return f"{JOINT}{found['label']}{JOINT}{JOINT * len(found['target'])}"
        case "inline":
            return JOINT * len(whole)
        case "entity":
            char = html.unescape(whole)
            return char + JOINT * (len(whole) - 1) if len(char) == 1 else _blank(found)
    return _blank(found)
