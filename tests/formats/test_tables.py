"""Tables from HTML, OTSL and LaTeX become pipe tables where those can hold them, else clean HTML."""

from __future__ import annotations

import pytest

from visionocr.blocks import Cell
from visionocr.formats.html import parse_html
from visionocr.formats.latex import TABULAR, table_rows
from visionocr.formats.otsl import parse_otsl
from visionocr.formats.table import table_html, table_markdown

CASES = {
    "spans stay HTML": (
        "<table border=1><tr><th colspan='2'>a<th>b<tr><td rowspan=2>1<td>2<td>3<tr><td>4<td>5</table>",
        (
            '<table>\n<tr><th colspan="2">a</th><th>b</th></tr>\n'
            '<tr><td rowspan="2">1</td><td>2</td><td>3</td></tr>\n<tr><td>4</td><td>5</td></tr>\n</table>'
        ),
    ),
    "a pipe is escaped, a line end stays": (
        "<table><tr><td>a|b</td><td>x<br/>y</td></tr></table>",
        "| a\\|b | x<br>y |\n| --- | --- |",
    ),
    "cells without ends": ("<table><tr><td>a<td>b<tr><td>c<td>d", "| a | b |\n| --- | --- |\n| c | d |"),
    "missing last cells are filled": (
        "<table><tr><td>a<td>b<td>c<tr><td>1<td>2<tr><td>3</table>",
        "| a | b | c |\n| --- | --- | --- |\n| 1 | 2 |  |\n| 3 |  |  |",
    ),
    "a list in a cell": (
        "<table><tr><td>a<ul><li>x<li><b>y</b></ul></td><td>5 &lt; 6 &amp; more</td></tr></table>",
        "<table>\n<tr><td>a<ul><li>x</li><li><b>y</b></li></ul></td><td>5 &lt; 6 &amp; more</td></tr>\n</table>",
    ),
    "a table in a cell": (
        "<table><tr><td><table><tr><td>in</td></tr></table></td><td>out</td></tr></table>",
        "<table>\n<tr><td><table><tr><td>in</td></tr></table></td><td>out</td></tr>\n</table>",
    ),
    "formulas and check boxes": (
        "<table><tr><td><math>a_1 | b</math></td><td><input type=checkbox checked> yes</td></tr></table>",
        "| $a_1 \\| b$ | ☑ yes |\n| --- | --- |",
    ),
    "a second row of headers": (
        "<table><tr><th>a</th></tr><tr><th>b</th></tr></table>",
        "<table>\n<tr><th>a</th></tr>\n<tr><th>b</th></tr>\n</table>",
    ),
    "nothing in it": ("<table><tr></tr></table>", ""),
}


@pytest.mark.parametrize("name", CASES)
def test_html(name: str) -> None:
    """Each case comes out as Markdown readers show it."""
    html, expected = CASES[name]
    assert "\n\n".join(table_markdown(block.rows) for block in parse_html(html)) == expected


def test_a_caption_stands_above() -> None:
    """The caption inside a table becomes a block in front of it."""
    caption, table = parse_html("<table><caption>Tides</caption><tr><td>a</td></tr></table>")
    assert (caption.kind, caption.text, table.rows) == ("caption", "Tides", ((Cell("a"),),))


def test_otsl_spans() -> None:
    """Spans to the right, below, and both."""
    (table,) = parse_otsl("<ched>Day<ched>Height<lcel><nl><rhed>Mon<fcel>1.2<fcel>3.4<nl><ucel><ecel><fcel>3.5<nl>")
    assert table.rows == (
        (Cell("Day", is_header=True), Cell("Height", columns=2, is_header=True)),
        (Cell("Mon", rows=2, is_header=True), Cell("1.2"), Cell("3.4")),
        (Cell(""), Cell("3.5")),
    )
    (block,) = parse_otsl("<fcel>big<lcel><fcel>a<nl><ucel><xcel><fcel>b<nl>")
    assert block.rows == ((Cell("big", columns=2, rows=2), Cell("a")), (Cell("b"),))


@pytest.mark.parametrize(
    ("otsl", "texts"),
    [
        ("<fcel><fcel>b<nl>", [["", "b"]]),
        ("<fcel>a<nl><fcel>", [["a"], [""]]),
        ("<fcel>x < 3<fcel>b<nl><fcel>n > 2<nl>", [["x < 3", "b"], ["n > 2"]]),
        ("<lcel>lost<ucel>above<nl>", [["lost", "above"]]),
        ("<fcel>a<fcel>b<nl><fcel>c<fc", [["a", "b"], ["c"]]),
    ],
)
def test_damaged_otsl(otsl: str, texts: list[list[str]]) -> None:
    """Empty cells, signs of comparison, text where none should be, and a cut mark."""
    (table,) = parse_otsl(otsl)
    assert [[cell.text for cell in row] for row in table.rows] == texts


def test_latex() -> None:
    """Spans, rules and escapes of LaTeX."""
    table = TABULAR.match(
        r"\begin{tabular}{|l|l|} \hline \multicolumn{2}{|c|}{Day \& \textbf{night}} \\ \multirow{2}{*}{Mon} & 1 \\"
        r" & 2 \\ \hline \end{tabular}"
    )
    assert table is not None
    assert table_rows(table["body"]) == (
        (Cell("Day & **night**", columns=2),),
        (Cell("Mon", rows=2), Cell("1")),
        (Cell("2"),),
    )


def test_rows_of_html_stand_on_lines_of_their_own() -> None:
    """So that two readings of a page can be compared line by line, and no empty line ends the HTML."""
    lines = table_html([[Cell("a\n\nb", columns=2)], [Cell("**c**"), Cell("x < y")]]).split("\n")
    assert lines == [
        "<table>",
        '<tr><td colspan="2">a b</td></tr>',
        "<tr><td><b>c</b></td><td>x &lt; y</td></tr>",
        "</table>",
    ]
