r"""Text that is no Markdown as Markdown."""

from __future__ import annotations

import re

_SPECIAL = re.compile(
    r"(?P<formula>(?<!\\)\$[^\s$](?:[^$\n]*[^\s$])?\$(?!\d))|"
    r"\\(?=[!-/:-@\[-`{-~])"  # would escape what follows
    r"|(?<!\s)\*|\*(?!\s)|(?<![^\W_])_(?!\s)|(?<!\s)_(?![^\W_])|`|~~"  # emphasis, code
    r"|<(?=[A-Za-z/!?])|&(?=#?\w{1,32};)"  # HTML
    r"|\[(?=[^\[\]\n]*\]\()"  # links
)
_START = re.compile(r"^[ \t]*+(?=#{1,6}(?:\s|$)|>|~{3})", re.MULTILINE)
"""What would make a heading, a quotation or a listing of a line. Bullets and numbers read the same either way."""


def escape(text: str) -> str:
    """*text* that is no Markdown as Markdown: what would be taken for a mark gets a backslash.

    Formulas between dollar signs stay: models write them in any format.
    """
    text = _SPECIAL.sub(lambda mark: mark[0] if mark["formula"] else "\\" + mark[0], text)
    return _START.sub(lambda start: start[0] + "\\", text)
