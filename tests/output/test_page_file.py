"""One page of a file of results can be replaced, and every other byte stays."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from result_files import result, write_results
from visionocr.errors import DocumentError
from visionocr.output.formats import Json
from visionocr.output.page_file import TextRefused, read_page_file, tidy
from visionocr.output.saved import load_pages
from visionocr.types import Status

RESULTS = (
    result(1, "# One\n\nfirst"),
    result(2, "second\n\n---", Status.SUSPECT),
    result(3, "", Status.FAILED),
    result(4, "", Status.BLANK),
    result(5, "fifth ä 𝔘"),
)
KINDS = [(name, breaks) for name in ("out.md", "out.txt") for breaks in ("comment", "rule", "heading")]
TEXTS = ["# One\n\nfirst", "second\n\n---", "", "", "fifth ä 𝔘"]


def replaced(path: Path, at: int, text: str) -> None:
    """Replace the page *at* of the file."""
    file = read_page_file(path)
    file.replace(file.pages[at], text)


@pytest.mark.parametrize(("name", "breaks"), [*KINDS, ("out.jsonl", "comment")])
def test_pages_come_with_what_was_written(tmp_path: Path, name: str, breaks: str) -> None:
    """Number, document, status, reason and text of every page are those of its result, without the lines between."""
    pages = read_page_file(write_results(tmp_path / name, RESULTS, breaks)).pages
    assert [page.number for page in pages] == [1, 2, 3, 4, 5]
    assert [page.status for page in pages] == ["ok", "suspect", "failed", "blank", "ok"]
    assert [page.text for page in pages] == TEXTS
    assert {page.document for page in pages} == {"a.pdf"}
    assert pages[1].findings == 'it says "--> again"'


@pytest.mark.parametrize(("name", "breaks"), [*KINDS, ("out.jsonl", "comment"), ("out.json", "comment")])
@pytest.mark.parametrize("text", ["new\n\ntext & <i>x</i>", ""])
def test_only_one_page_changes(tmp_path: Path, name: str, breaks: str, text: str) -> None:
    """The page has its new text and is checked; all bytes before and behind it are as they were."""
    for at in range(5):
        path = write_results(tmp_path / name, RESULTS, breaks)
        if name == "out.json":
            formatter = Json()
            path.write_text("".join((formatter.head(), *map(formatter.page, RESULTS), formatter.tail())))
        before, page = path.read_bytes().decode(), read_page_file(path).pages[at]
        replaced(path, at, text)
        after, pages = path.read_bytes().decode(), read_page_file(path).pages
        assert after.startswith(before[: page.begin])
        assert after.endswith(before[page.begin + len(page.part) :])
        assert [each.text for each in pages] == [text if number == at else old for number, old in enumerate(TEXTS)]
        assert (pages[at].status, pages[at].findings) == ("checked", "")
        assert load_pages(path)[at].status == "checked"


def test_a_new_text_stands_as_the_writer_would_have_put_it(tmp_path: Path) -> None:
    """The text of a failed page takes the place of the visible line; the blank page's stands between its comments."""
    path = write_results(tmp_path / "out.md", RESULTS)
    texts = ["one", "two", "three", "four", "five"]
    for at, text in enumerate(texts):
        replaced(path, at, text)
    checked = [result(number, text, Status.CHECKED) for number, text in enumerate(texts, 1)]
    assert path.read_bytes() == write_results(tmp_path / "again.md", checked).read_bytes()


def test_accepting_changes_the_comment_only(tmp_path: Path) -> None:
    """A text that is saved as it was keeps its bytes, whatever they are."""
    path = tmp_path / "out.md"
    path.write_bytes(b'\n<!-- visionocr page="1" status="suspect" document="a.pdf" -->\r\n \n\n  text  \n\n\n')
    replaced(path, 0, read_page_file(path).pages[0].text)
    assert (
        path.read_bytes() == b'\n<!-- visionocr page="1" status="checked" document="a.pdf" -->\r\n \n\n  text  \n\n\n'
    )


def test_files_of_windows_keep_their_ways(tmp_path: Path) -> None:
    """The mark at the beginning stays, and new lines end as the others do."""
    path = write_results(tmp_path / "out.md", RESULTS)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert [page.text for page in read_page_file(path).pages] == TEXTS
    replaced(path, 0, "a\nb")
    replaced(path, 3, "c\nd")
    data = path.read_bytes()
    assert data.startswith(b"\xef\xbb\xbf<!-- visionocr")
    assert b"\r\na\r\nb\r\n" in data
    assert b"\r\nc\r\nd\r\n" in data
    assert data.count(b"\n") == data.count(b"\r\n")


def test_what_stands_before_and_around_pages_stays(tmp_path: Path) -> None:
    """Front matter of the user's own, and a comment without a line behind it."""
    path = tmp_path / "out.md"
    path.write_text('title: x\n\n<!-- visionocr page="1" status="blank" document="a.pdf" -->')
    replaced(path, 0, "text")
    assert path.read_text().startswith("title: x\n\n<!-- visionocr")
    assert path.read_text().endswith("-->\ntext\n")


def test_an_open_comment_does_not_swallow_the_next_page(tmp_path: Path) -> None:
    """What a person leaves open in Markdown is closed at the end of the page."""
    path = write_results(tmp_path / "out.md", RESULTS)
    replaced(path, 0, "a <!-- b\n\n```\ncode")
    page = path.read_text().split("<!-- visionocr")[1]
    assert page.count("```") == 2
    assert [page.text for page in read_page_file(path).pages][1:] == TEXTS[1:]


def test_page_comments_cannot_be_typed_in() -> None:
    """A text with a page comment in it is refused; other comments, and speaking of it, are not."""
    for text in ('<!-- visionocr page="2" status="ok" -->', "a\n<!--visionocr", "<!--\nvisionocr page"):
        with pytest.raises(TextRefused):
            tidy(text)
    assert tidy("\r\n<!-- note -->\r\nvisionocr\x00\x0c\ud800\n\n") == "<!-- note -->\nvisionocr"


def test_captions_of_several_pictures(tmp_path: Path) -> None:
    """Each line is a page; its caption stays on its line."""
    results = [
        result(1, "a cat", document="a*b.png", pages=1),
        result(1, "two\ndogs", Status.SUSPECT, document="c.png", pages=1),
        result(1, "", Status.FAILED, document="d.png", pages=1),
    ]
    path = write_results(tmp_path / "captions.md", results, captions=True)
    pages = read_page_file(path).pages
    assert [(page.document, page.text, page.status) for page in pages] == [
        ("a*b.png", "a cat", "ok"),
        ("c.png", "two dogs", "suspect"),
        ("d.png", "", "failed"),
    ]
    replaced(path, 2, "three\nbirds")
    replaced(path, 1, "two wolves")
    assert path.read_text() == "**a\\*b.png**: a cat\n\n**c.png**: two wolves\n\n**d.png**: three birds\n\n"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("none.md", "text without comments"),
        ("feeds.txt", "one\ftwo\f"),
        ("list.json", '[{"page": 1}]'),
        ("text.jsonl", "no json"),
        ("deep.json", "[" * 100_000),
        ("bytes.md", b"\xff\xfe"),
    ],
)
def test_files_whose_pages_cannot_be_told_apart_are_refused(tmp_path: Path, name: str, content: str | bytes) -> None:
    """They are named, with what would help."""
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(DocumentError, match=name):
        read_page_file(path)


def test_fields_of_json_that_are_not_ours_stay(tmp_path: Path) -> None:
    """A record keeps its other fields, in their order; what was doubtful is not any more."""
    path = write_results(tmp_path / "out.jsonl", RESULTS)
    replaced(path, 1, "new")
    new = json.loads(path.read_text().splitlines()[1])
    assert (new["document"], new["pages"]) == ("a.pdf", 9)
    assert list(new)[:4] == ["document", "page", "pages", "digest"]
    assert new["findings"] == new["doubts"] == []


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege there")
def test_a_link_stays_a_link(tmp_path: Path) -> None:
    """The file that a link leads to is replaced, not the link."""
    real = write_results(tmp_path / "real.md", RESULTS)
    link = tmp_path / "link.md"
    link.symlink_to(real)
    replaced(link, 0, "new")
    assert link.is_symlink()
    assert "new" in real.read_text()
