"""Reading results back from their files."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from visionocr.choices import Format, PageBreaks
from visionocr.errors import DocumentError
from visionocr.output.formats import formatter_for
from visionocr.output.saved import SavedPage, load_pages, split_pages
from visionocr.settings import Settings
from visionocr.types import Finding, FindingKind, PageRef, PageResult, Status

PAGES = (
    PageResult(PageRef('a "&".pdf', 1, 3, "d"), "# One\n\ntext", Status.OK),
    PageResult(PageRef('a "&".pdf', 2, 3, "d"), "two", Status.SUSPECT, (Finding(FindingKind.REPETITION, "loop -->"),)),
    PageResult(PageRef('a "&".pdf', 3, 3, "d"), "", Status.BLANK),
)


def write(settings: Settings) -> str:
    """The pages as a file."""
    formatter = formatter_for(settings, settings.formats[0])()
    return formatter.head() + "".join(map(formatter.page, PAGES)) + formatter.tail()


@pytest.mark.parametrize("kind", [Format.MD, Format.TXT, Format.JSON, Format.JSONL])
def test_what_was_written_is_read_back(kind: Format, tmp_path: Path) -> None:
    """Number, text, status, document and what is wrong, from each format that has them."""
    path = tmp_path / f"a.{kind}"
    path.write_text(write(Settings(format=str(kind), page_breaks=PageBreaks.COMMENT)), "utf-8")
    assert load_pages(path) == [
        SavedPage(1, "# One\n\ntext", "ok", 'a "&".pdf'),
        SavedPage(2, "two", "suspect", 'a "&".pdf', "loop -->"),
        SavedPage(3, "", "blank", 'a "&".pdf'),
    ]


def test_text_with_form_feeds() -> None:
    """Pages are told apart, but nothing is known of them."""
    assert split_pages("one\n\ftwo\n\f\n") == [SavedPage(None, "one"), SavedPage(None, "two"), SavedPage(None, "")]


def test_a_file_that_is_no_result(tmp_path: Path) -> None:
    """One line that says so."""
    for name, data in {
        "a.json": b'{"page": 1}',
        "b.jsonl": b"[1]\n",
        "c.md": b"\xff\xfe\xfa",
        "d.json": b"[" * 9999,
    }.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(DocumentError):
            load_pages(tmp_path / name)
    with pytest.raises(DocumentError, match="cannot read"):
        load_pages(tmp_path / "nowhere.md")


@given(st.text())
def test_any_text_has_pages(text: str) -> None:
    """Nothing is lost of a text without page comments but what parts pages."""
    pages = split_pages(text)
    if all(page.number is None for page in pages):
        assert "".join(page.text for page in pages).replace("\n", "") == text.replace("\f", "").replace("\n", "")
