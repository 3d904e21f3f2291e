"""Results as text: what stands in a file for each page, and that machines can read it back."""

from __future__ import annotations

import html
import json
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from visionocr.boxes import Box
from visionocr.evidence import Doubt, DoubtKind
from visionocr.output.formats import Captions, Formatter, Json, JsonLines, PagesText, page_comment, record
from visionocr.types import Figure, Finding, FindingKind, PageRef, PageResult, Severity, Status

COMMENT = re.compile(r'<!-- visionocr (?P<attributes>(?:[a-z]+="[^"\n]*" ?)+)-->')
"""How a reader of our files finds a page: one line, no ``--`` and no ``>`` inside."""
KEYS = {
    *("document", "page", "pages", "digest", "status", "text", "findings", "blocks", "doubts", "checked_with"),
    *(
        "keywords",
        "alt_text",
        "asks",
        "retries",
        "server",
        "model",
        "seconds",
        "prompt_tokens",
        "completion_tokens",
        "width",
        "height",
        "turned",
        "figures",
    ),
}
BREAKS = ("comment", "rule", "heading", "formfeed", "none")


def page(number: int = 1, text: str = "text", document: str = "a.pdf", pages: int | None = 3) -> PageResult:
    """A good page."""
    return PageResult(PageRef(document, number, pages, "d1"), text, Status.OK)


def failed(
    number: int = 2, message: str = "the model's answer is empty", document: str = "a.pdf", pages: int | None = 3
) -> PageResult:
    """A page without text."""
    finding = Finding(FindingKind.EMPTY, message, Severity.FAILED)
    return replace(page(number, "", document, pages), status=Status.FAILED, findings=(finding,))


def suspect(number: int = 2, message: str = "it was cut off") -> PageResult:
    """A page whose text is doubted."""
    return replace(page(number), status=Status.SUSPECT, findings=(Finding(FindingKind.TRUNCATED, message),))


def written(formatter: Formatter, *results: PageResult) -> str:
    """The whole output."""
    return formatter.head() + "".join(formatter.page(result) for result in results) + formatter.tail()


def comments(text: str) -> list[dict[str, str]]:
    """The page comments of a text, their values as they were."""
    return [
        {key: html.unescape(value) for key, value in re.findall(r'([a-z]+)="([^"]*)"', match["attributes"])}
        for match in COMMENT.finditer(text)
    ]


# --- Markdown and plain text -------------------------------------------------------------------------------


def test_markdown_puts_a_comment_before_each_page() -> None:
    """The default for Markdown: comment, text, empty line."""
    text = written(PagesText(".md", "comment"), page(1, "one"), page(2, "two"))
    assert text == (
        '<!-- visionocr page="1" status="ok" document="a.pdf" -->\none\n\n'
        '<!-- visionocr page="2" status="ok" document="a.pdf" -->\ntwo\n\n'
    )


def test_rules_stand_between_pages_only() -> None:
    """There is one rule fewer than pages, and none before the first."""
    text = written(PagesText(".md", "rule"), page(1), page(2), page(3))
    assert text.count("\n---\n") == 2
    assert text.startswith("<!--")


def test_headings_name_page_and_document() -> None:
    """A heading says what a person looks for; a document of one page is called by its name."""
    text = written(PagesText(".md", "heading"), page(2), page(1, document="photo.jpg", pages=1))
    assert "\n## Page 2 of a.pdf\n" in text
    assert "\n## photo.jpg\n" in text


def test_form_feeds_part_plain_pages() -> None:
    """The default for plain text: nothing but text and form feeds, as ``pdftotext`` does."""
    text = written(PagesText(".txt", "formfeed"), page(1, "one"), page(2, "two"))
    assert text == "one\n\ftwo\n"
    assert text.split("\f") == ["one\n", "two\n"]


def test_no_breaks_means_text_alone() -> None:
    """``none`` adds nothing to good pages."""
    assert written(PagesText(".md", "none"), page(1, "one"), page(2, "two")) == "one\n\ntwo\n\n"


@pytest.mark.parametrize("suffix", [".md", ".txt"])
@pytest.mark.parametrize("breaks", BREAKS)
def test_a_gap_is_always_marked_and_visible(breaks: str, suffix: str) -> None:
    """A page without text has its comment and a line that a reader sees, however pages are told apart."""
    text = written(PagesText(suffix, breaks), page(1, "one"), failed(2), page(3, "three"))
    (gap,) = [found for found in comments(text) if found["page"] == "2"]
    assert gap["status"] == "failed"
    assert gap["findings"] == "the model's answer is empty"
    shown = [line for line in text.splitlines() if "could not be read" in line and not line.startswith("<!--")]
    assert len(shown) == 1
    assert "Page 2 of a.pdf" in shown[0]
    assert text.index("one") < text.index(shown[0]) < text.index("three")


@pytest.mark.parametrize("breaks", BREAKS)
def test_a_suspect_page_keeps_its_text_and_is_marked(breaks: str) -> None:
    """Doubt never removes text, and always shows in the comment."""
    text = written(PagesText(".md", breaks), suspect(2))
    assert "text\n" in text
    (found,) = comments(text)
    assert found == {"page": "2", "status": "suspect", "findings": "it was cut off", "document": "a.pdf"}


def test_a_gap_does_not_say_its_name_twice() -> None:
    """Errors of documents begin with the document's name already."""
    result = failed(0, "a.pdf is encrypted")
    assert "> **[a.pdf is encrypted]**" in written(PagesText(".md", "comment"), result)


def test_a_gap_shows_markdown_as_it_stands() -> None:
    """A name with stars and brackets does not become emphasis or a link."""
    text = written(PagesText(".md", "none"), failed(2, "no", "*[x](y)*.pdf"))
    assert "Page 2 of \\*\\[x\\](y)\\*.pdf" in text


def test_a_blank_page_is_no_gap() -> None:
    """An empty sheet has a comment and no visible line."""
    text = written(PagesText(".md", "comment"), replace(page(2, ""), status=Status.BLANK))
    assert text == '<!-- visionocr page="2" status="blank" document="a.pdf" -->\n\n'


def test_information_is_not_in_the_comment() -> None:
    """Remarks that doubt nothing stay out of the page's comment."""
    note = Finding(FindingKind.ADJUSTED, "made smaller", Severity.INFO)
    assert "made smaller" not in page_comment(replace(page(), findings=(note,)))


NAMES = st.text(st.one_of(st.characters(), st.sampled_from('-<>"&\n\r!-')), min_size=1, max_size=30)


@given(NAMES, NAMES, st.integers(0, 10**6), st.sampled_from(Status))
def test_a_comment_says_what_was_put_in(document: str, message: str, number: int, status: Status) -> None:
    """Whatever names and messages hold, the comment is one line, is valid HTML and gives everything back."""
    finding = Finding(FindingKind.SERVER, message, Severity.FAILED)
    result = PageResult(PageRef(document, number, 5), "", status, (finding,))
    comment = page_comment(result)
    inner = comment.removeprefix("<!--").removesuffix("-->")
    assert "--" not in inner
    assert ">" not in inner
    assert comment.isprintable()
    (found,) = comments(f"text before\n{comment}\ntext after")
    assert (found["page"], found["status"]) == (str(number), status.value)
    assert found["document"] == _escaped(document)
    assert found["findings"] == _escaped(message)


def _escaped(text: str) -> str:
    """Names on one line: what cannot be printed is an escape."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


# --- JSON --------------------------------------------------------------------------------------------------


def test_the_keys_of_a_record_are_stable() -> None:
    """Programs rely on exactly these names."""
    assert set(record(page())) == KEYS
    assert set(record(failed())["findings"][0]) == {"kind", "severity", "message"}


def test_a_record_holds_the_result() -> None:
    """Every field arrives, with its unit and its own type."""
    ref = PageRef("a.pdf", 2, 3, "d1")
    result = PageResult(
        ref, "tëxt", Status.SUSPECT, (Finding(FindingKind.REPETITION, "again"),), 2, 1, "http://h", "m", 1.23456, 9, 8
    )
    doubt = Doubt(DoubtKind.NUMBER, "17.10", "17.70", Box(0.1, 0.25, 0.3, 0.28123))
    figure = Figure(Box(0.1, 0.2, 0.3, 0.4), "A boat.", "figures/a-p0002-1.png")
    result = replace(result, width=10, height=20, doubts=(doubt,), checked_with="text-layer", figures=(figure,))
    result = replace(result, keywords=("dog", "beach"), alt_text="A dog.")
    assert record(result) == {
        "document": "a.pdf",
        "page": 2,
        "pages": 3,
        "digest": "d1",
        "status": "suspect",
        "text": "tëxt",
        "keywords": ["dog", "beach"],
        "alt_text": "A dog.",
        "findings": [{"kind": "repetition", "severity": "suspect", "message": "again"}],
        "blocks": [{"kind": "text", "text": "tëxt", "box": None}],
        "figures": [{"path": "figures/a-p0002-1.png", "box": [0.1, 0.2, 0.3, 0.4], "text": "A boat."}],
        "doubts": [{"kind": "number", "text": "17.10", "instead": "17.70", "box": [0.1, 0.25, 0.3, 0.2812]}],
        "checked_with": "text-layer",
        "asks": 2,
        "retries": 1,
        "server": "http://h",
        "model": "m",
        "seconds": 1.235,
        "prompt_tokens": 9,
        "completion_tokens": 8,
        "width": 10,
        "height": 20,
        "turned": 0,
    }


def test_how_a_page_was_turned_is_told() -> None:
    """Records and page comments say by how many degrees; the comment of a page that stood upright says nothing."""
    turned = replace(page(), turn=270)
    assert record(turned)["turned"] == 270
    assert ' turned="270" ' in page_comment(turned)
    assert "turned" not in page_comment(page())


def test_what_is_unknown_is_null() -> None:
    """A document that could not be opened has no page number, digest or server."""
    data = record(PageResult(PageRef("a.pdf", 0), "", Status.FAILED))
    unknown = {
        "alt_text",
        "checked_with",
        "page",
        "pages",
        "digest",
        "server",
        "model",
        "prompt_tokens",
        "completion_tokens",
        "width",
        "height",
    }
    assert {key for key, value in data.items() if value is None} == unknown


def test_json_names_documents_as_they_are_called() -> None:
    """A program finds the file again: a newline stays one; only bytes that are no text become escapes."""
    assert record(page(document="new\nline.pdf"))["document"] == "new\nline.pdf"
    assert record(page(document="bad\udcff.pdf"))["document"] == "bad\\udcff.pdf"


@given(st.lists(st.text(), min_size=1, max_size=4))
def test_json_lines_are_one_line_a_page(texts: list[str]) -> None:
    """Each line is an object of its own, whatever a page says, and gives the text back."""
    results = [page(number, text) for number, text in enumerate(texts, 1)]
    lines = written(JsonLines(), *results).splitlines()
    assert [json.loads(line)["text"] for line in lines] == texts


@pytest.mark.parametrize("count", [0, 1, 3])
def test_json_is_one_array(count: int) -> None:
    """The array is valid for any number of pages, none too, and holds them in order."""
    data = json.loads(written(Json(), *(page(number) for number in range(1, count + 1))))
    assert [entry["page"] for entry in data] == list(range(1, count + 1))
    assert all(set(entry) == KEYS for entry in data)


def test_json_needs_only_ascii() -> None:
    """No console can spoil it."""
    assert written(Json(), page(1, "日本 é \u2028 \x9b")).isascii()


# --- captions ----------------------------------------------------------------------------------------------


def test_a_single_caption_stands_alone() -> None:
    """One picture gives one line, the caption, whatever lines the model made."""
    caption = page(1, "A dog.\n\nIt  sits.", "dog.jpg", 1)
    assert written(Captions(".md", several=False), caption) == "A dog. It sits.\n"
    assert written(Captions(".txt", several=False), caption) == "A dog. It sits.\n"


def test_several_captions_have_names() -> None:
    """Several pictures are told apart by their names: plain in text, bold in Markdown."""
    results = page(1, "A dog.", "a_dog.jpg", 1), page(2, "Then.", "film.gif", 2)
    assert written(Captions(".txt", several=True), *results) == "a_dog.jpg: A dog.\nfilm.gif (2): Then.\n"
    assert written(Captions(".md", several=True), *results) == "**a\\_dog.jpg**: A dog.\n\n**film.gif (2)**: Then.\n\n"


@pytest.mark.parametrize("suffix", [".md", ".txt"])
def test_a_missing_caption_is_marked(suffix: str) -> None:
    """A picture that could not be described has a line that says so."""
    text = written(Captions(suffix, several=True), failed(1, "refused", "a.jpg", 1))
    assert "could not be described: refused" in text
    assert text.startswith(("a.jpg", "**a.jpg**"))


def test_a_doubtful_caption_is_marked_in_markdown() -> None:
    """The comment stands before the caption."""
    text = written(Captions(".md", several=False), suspect(1, "cut off"))
    assert comments(text)[0]["status"] == "suspect"
    assert text.endswith(" text\n")
