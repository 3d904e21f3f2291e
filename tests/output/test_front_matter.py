"""The YAML at the head of Markdown files."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st

from result_files import result
from visionocr.choices import Format, PageBreaks
from visionocr.output.formats import formatter_for
from visionocr.output.front_matter import WithFrontMatter
from visionocr.output.page_file import read_page_file
from visionocr.output.saved import split_pages
from visionocr.settings import Settings
from visionocr.text import printable
from visionocr.types import PageRef, PageResult, Status

PAGES = (result(1, "first"), result(2, "second\n\n---\n\nsource: x", Status.SUSPECT))


def write(*pages: PageResult, breaks: PageBreaks | None = None, captions: bool = False, front: bool = True) -> str:
    """A Markdown file with *pages*."""
    formatter = formatter_for(Settings(page_breaks=breaks), Format.MD, captions=captions, several=True)()
    formatter = WithFrontMatter(formatter) if front else formatter
    return formatter.head() + "".join(map(formatter.page, pages)) + formatter.tail()


def front_of(text: str) -> dict[str, Any]:
    """What a reader of YAML takes from the head of a file."""
    before, head, _ = text.split("---\n", 2)
    assert before == ""
    return dict(yaml.safe_load(head))


def test_the_head_tells_what_the_file_was_made_from() -> None:
    """The status is that of the worst page; a model that is not known is left out."""
    named = PageResult(PageRef("scans/a.pdf", 3, 3), "third", Status.OK, model="Qwen: 7B #4")
    front = front_of(write(*PAGES, named))
    assert front.pop("date") == date.today()
    assert front == {"source": ["a.pdf", "scans/a.pdf"], "pages": 3, "model": "Qwen: 7B #4", "status": "suspect"}
    assert front_of(write(result(1, "text"))) == {
        "source": "a.pdf",
        "pages": 1,
        "date": date.today(),
        "status": "ok",
    }


@pytest.mark.parametrize(
    ("statuses", "worst"),
    [
        ((Status.OK, Status.FAILED, Status.SUSPECT), "failed"),
        ((Status.BLANK, Status.CHECKED, Status.OK), "ok"),
        ((Status.CHECKED, Status.BLANK), "checked"),
        ((Status.BLANK,), "blank"),
    ],
)
def test_the_worst_page_gives_the_status(statuses: tuple[Status, ...], worst: str) -> None:
    """A blank page does not spoil what a person has checked."""
    assert front_of(write(*(result(at, "", status) for at, status in enumerate(statuses, 1))))["status"] == worst


@given(st.text(st.characters(), max_size=12) | st.sampled_from(["---\nx", '"', "*a", "'", "{{a}}", "no", "\\", "#"]))
def test_names_of_files_are_only_names(name: str) -> None:
    """Whatever an untrusted name holds, YAML gives it back, in its printable form, and nothing else."""
    page = PageResult(PageRef(name, 1, 1), "text", Status.OK, model=name)
    front = front_of(write(page))
    assert front["source"] == printable(name)
    assert front.get("model", "") == printable(name)
    assert len(front) == (5 if name else 4)


@pytest.mark.parametrize("breaks", list(PageBreaks))
def test_pages_are_read_back_as_without_it(breaks: PageBreaks) -> None:
    """``eval`` and others see the same pages; what stands behind the head is the file as it would be without."""
    text, plain = write(*PAGES, breaks=breaks), write(*PAGES, breaks=breaks, front=False)
    assert text.endswith(f"\n---\n\n{plain}")
    assert split_pages(text) == split_pages(plain)


@pytest.mark.parametrize("captions", [False, True])
def test_correcting_a_page_leaves_it_as_it_is(tmp_path: Path, captions: bool) -> None:
    """``review`` finds the same pages, and every byte before the page stays."""
    path = tmp_path / "a.md"
    path.write_text(text := write(*PAGES, captions=captions))
    file = read_page_file(path)
    assert len(file.pages) == 2
    file.replace(file.pages[0], "corrected")
    head = text[: text.index("first")].replace('status="ok"', 'status="checked"')
    assert path.read_text() == head + "corrected" + text[text.index("first") + len("first") :]
