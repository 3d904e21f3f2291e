r"""LaTeX in answers: delimiters of formulas become dollar signs, and ``tabular`` becomes the rows of a table."""

from __future__ import annotations

import re

from visionocr.blocks import Cell
from visionocr.formats.code_regions import edit

_INSIDE = r"(?:[^\\\n]|\\[^\[\]()\n]|\\?\n(?![ \t]*\n))"
_ROUND = re.compile(rf"(?<!\\)\\\(({_INSIDE}*+)\\\)")
_SQUARE = re.compile(
    rf"(?P<before>^[ \t]*+)?(?<!\\)(?:\\\[){{1,2}}+({_INSIDE}*+)(?:\\\]){{1,2}}+(?P<after>[ \t]*$)?", re.M
)
_PADDED = re.compile(r"(?<![\\$\w])\$[ \t]++([^$\n]++)(?<=[ \t])\$(?![\d$])")
_LATEX = re.compile(r"[\\^_={]")
_NO_FORMULA = re.compile(r"[\s\d,;–-]*|\s*[^\W\d_]{2,}(?:\s+[^\W\d_]{2,})+\s*")
"""Numbers only, as of a citation, or nothing but words: the brackets were escaped, no formula."""


def to_dollars(text: str) -> str:
    r"""Markdown *text* with ``$`` and ``$$`` in place of ``\( \)`` and ``\[ \]``, and without blanks inside ``$ … $``.

    Code stays as it is, and so does what cannot be a formula: MinerU, too, takes ``\[3\]`` for a citation.
    """
    return edit(text, _to_dollars) if "\\" in text or "$ " in text else text


def _to_dollars(text: str) -> str:
    text = _ROUND.sub(lambda found: found[0] if _NO_FORMULA.fullmatch(found[1]) else f"${found[1].strip()}$", text)
    text = _SQUARE.sub(_display, text)
    return _PADDED.sub(lambda found: f"${found[1].strip()}$" if _LATEX.search(found[1]) else found[0], text)


def _display(found: re.Match[str]) -> str:
    if _NO_FORMULA.fullmatch(found[2]):
        return found[0]
    formula = found[2].strip()
    before, after = found["before"], found["after"]
    if before is not None and after is not None:
        return f"$$\n{formula}\n$$"
    return f"{before or ''}${' '.join(formula.split())}${after or ''}"


_DELIMITERS = (("$$", "$$"), ("\\[", "\\]"), ("\\(", "\\)"), ("$", "$"))


def unwrap(text: str) -> str:
    """A formula without the delimiters around it; two pairs may stand one in the other."""
    for _ in range(2):
        text = text.strip()
        for opening, closing in _DELIMITERS:
            inside = text[len(opening) : -len(closing)]
            if text == opening + inside + closing and opening not in inside:
                text = inside
                break
    return text.strip()


_ROW_END = re.compile(r"\\\\(?:\[[^\]\n]{0,20}\])?")
_RULES = re.compile(r"\\(?:hline|toprule|midrule|bottomrule)\b|\\c(?:line|midrule)(?:\([lr]*\))?\{[\d-]*\}")
_CELL_END = re.compile(r"(?<!\\)&")
_SPAN = re.compile(
    r"\s*\\multi(column|row)\{(\d{1,3})\}(?:\[[^\]]{0,9}\])?\{[^{}]{0,40}\}\{((?:[^{}]|\{[^{}]*\})*+)\}\s*"
)
_BOLD = re.compile(r"\\text(bf|it)\{([^{}]*)\}")
TABULAR = re.compile(
    r"\\begin\{(?P<name>tabular[x*]?)\}(?:\{(?:[^{}\n]|\{[^{}\n]*\})*+\})*+(?P<body>(?:[^\\]|\\(?!(?:begin|end)\{tabular))*+)"
    r"\\end\{(?P=name)\}"
)


def table_rows(body: str) -> tuple[tuple[Cell, ...], ...]:
    r"""The rows of a LaTeX table, given what stands between ``\begin{tabular}{…}`` and ``\end{tabular}``."""
    rows: list[tuple[Cell, ...]] = []
    covered: dict[int, int] = {}  # by column, the rows below for which a cell above has it
    for line in _ROW_END.split(_RULES.sub("", body)):
        if not line.strip():
            continue
        cells: list[Cell] = []
        column = 0
        for text in _CELL_END.split(line):
            cell = _cell(text)
            if covered.get(column, 0) > 0:
                covered[column] -= 1
                if not cell.text:
                    column += 1
                    continue
            if cell.rows > 1:
                covered[column] = cell.rows - 1
            cells.append(cell)
            column += cell.columns
        rows.append(tuple(cells))
    return tuple(rows)


def _cell(text: str) -> Cell:
    columns = rows = 1
    while span := _SPAN.fullmatch(text):
        if span[1] == "column":
            columns = max(1, int(span[2]))
        else:
            rows = max(1, int(span[2]))
        text = span[3]
    text = _BOLD.sub(lambda mark: f"**{mark[2]}**" if mark[1] == "bf" else f"*{mark[2]}*", text)
    return Cell(re.sub(r"\\([&%#_])", r"\1", " ".join(text.split())), columns, rows)
