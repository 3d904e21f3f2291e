"""Formats with one file a page."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from visionocr.boxes import PageSize
from visionocr.errors import OutputError
from visionocr.output.alto import render_alto
from visionocr.output.page_xml import render_page_xml
from visionocr.output.writer import PageFilesSink
from visionocr.placed import PlacedPage
from visionocr.types import PageRef, PageResult, Status

RENDERERS = pytest.mark.parametrize("render", [render_alto, render_page_xml])


def write(folder: Path, render: Callable[[PlacedPage, datetime], str]) -> None:
    """Write the second of three pages."""
    page = PageResult(PageRef("a.pdf", 2, 3), "text", Status.OK, size=PageSize(600, 800))
    PageFilesSink(folder / "a.xml", ".xml", render).write(page)


@RENDERERS
def test_a_file_of_somebody_else_is_not_overwritten(
    tmp_path: Path, render: Callable[[PlacedPage, datetime], str]
) -> None:
    """What does not name visionocr as its software stays."""
    other = tmp_path / "a.0002.xml"
    other.write_text("<alto><softwareName>another program</softwareName></alto>")
    with pytest.raises(OutputError, match=r"a\.0002\.xml is not a file of visionocr"):
        write(tmp_path, render)
    assert "another program" in other.read_text()


@RENDERERS
def test_a_file_of_ours_is_written_anew(tmp_path: Path, render: Callable[[PlacedPage, datetime], str]) -> None:
    """A repeated run replaces what an earlier one wrote."""
    for _ in range(2):
        write(tmp_path, render)
    assert [path.name for path in tmp_path.iterdir()] == ["a.0002.xml"]
