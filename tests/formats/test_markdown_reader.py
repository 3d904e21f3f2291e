"""Markdown as blocks."""

from __future__ import annotations

import subprocess
import sys

import pytest

from visionocr.blocks import Block, BlockKind, Cell
from visionocr.formats.markdown import write_markdown
from visionocr.formats.markdown_reader import parse_markdown

PAGE = """\
# A *b*

One line,
another.

- x
  1. y
     more of y
- z

| a | b \\| c |
| --- | --- |
| 1 | `2` |

$$
a
+ b
$$

![Boats]()

```python
# c
```

<table>
<tr><td rowspan="2">d</td></tr>
</table>

The end."""


def test_blocks() -> None:
    """Every part of a page becomes a block; inline marks stay."""
    assert parse_markdown(PAGE) == (
        Block(BlockKind.HEADING, "A *b*", 1),
        Block(BlockKind.TEXT, "One line,\nanother."),
        Block(BlockKind.LIST_ITEM, "x", 0, marker="-"),
        Block(BlockKind.LIST_ITEM, "y\nmore of y", 1, marker="1."),
        Block(BlockKind.LIST_ITEM, "z", 0, marker="-"),
        Block(
            BlockKind.TABLE,
            rows=((Cell("a", is_header=True), Cell("b | c", is_header=True)), (Cell("1"), Cell("`2`"))),
        ),
        Block(BlockKind.FORMULA, "a\n+ b"),
        Block(BlockKind.PICTURE, "Boats"),
        Block(BlockKind.CODE, "# c", language="python"),
        Block(BlockKind.TABLE, rows=((Cell("d", rows=2),),)),
        Block(BlockKind.TEXT, "The end."),
    )


def test_writing_what_was_read() -> None:
    """Blocks of a page, written again, are the same page."""
    assert write_markdown(parse_markdown(PAGE)) == PAGE


@pytest.mark.parametrize(
    "text",
    [
        "    indented words",
        "[a]: http://x.example",
        "| a |\n|---|\n| 1 | more |",
        "> quoted\n\n* * *\n\nword",
        "a\n---",
    ],
)
def test_no_text_is_lost(text: str) -> None:
    """Indented lines, definitions of links, surplus cells and quotations are text of the page."""
    words = " ".join(
        " ".join([block.text, *(cell.text for row in block.rows for cell in row)]) for block in parse_markdown(text)
    )
    assert "".join(filter(str.isalnum, words)) == "".join(filter(str.isalnum, text))


def test_comments_are_left_out() -> None:
    """The comments that the Markdown output has between pages are no text."""
    assert parse_markdown("<!-- page 1 -->\n\nword\n\n<!-- a\n\nb -->") == (Block(BlockKind.TEXT, "word"),)


def test_the_parser_is_loaded_when_it_is_needed() -> None:
    """Commands that make no blocks start without it."""
    code = "import sys, visionocr.formats.answer; sys.exit('markdown_it' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
