"""The text of a page from its lines, for tests and benchmarks of the layout."""

from __future__ import annotations

from collections.abc import Sequence

from visionocr.formats.markdown import write_markdown
from visionocr.formats.plain import write_plain
from visionocr.layout.lines import Line
from visionocr.layout.structure import read_page


def page_text(lines: Sequence[Line], markdown: bool = True) -> str:
    """Markdown or plain text; the page ends with its last line."""
    width = max((line.right for line in lines), default=0.0)
    height = max((line.bottom for line in lines), default=0.0)
    blocks = read_page(lines, width, height)
    return write_markdown(blocks) if markdown else write_plain(blocks)
