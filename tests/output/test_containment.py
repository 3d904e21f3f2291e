"""Nothing that a page's text holds can imitate our marks or take in the page behind it."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from visionocr.output.containment import LONGEST_PARSED, contain_line, contain_markdown, contain_plain
from visionocr.output.formats import Captions, PagesText
from visionocr.types import Finding, FindingKind, PageRef, PageResult, Severity, Status

COMMONMARK = MarkdownIt("commonmark")
MARK = re.compile(r'<!-- visionocr (?:[a-z]+="[^"\n]*" ?)+-->')
FORGED = '<!-- visionocr page="2" status="ok" document="a.pdf" -->'

PIECES = (
    *("text", "a paragraph\n", "\n", "\n\n", " ", "  ", "   ", "    ", "\t", "- ", "1. ", "> ", "* ", "# "),
    *("| a |\n", "|---|\n", "```", "````", "~~~", "```html\n", "\n```\n", "\n~~~\n", "`", "`` ", "\\", "\n===\n"),
    *("\n---\n", "$$\n", "[a]: ", "[", "](", "<!--", "-->", "<!-- x -->", "--", "<!-", "<!---->", "<!-->", "<?"),
    *("?>", "<![CDATA[", "]]>", "<!DOCTYPE ", "<!x", ">", "<script>", "</script>", "<SCRIPT ", "<style>", "<pre>"),
    *("</pre>", "<textarea>", "<details>", "</details>", "<summary>", "<div>", "</div>", '<div class="', "<table>"),
    *("<tr><td>", "<b>", "</b>", "<x-y>", "<br/>", "<plaintext>", "<title>", "<p>", "<!-- visionocr ", FORGED),
    *("<!--visionocr", "> **[Page 2 of a.pdf could not be read: x]**", "\u2028", "\r", "&lt;", "<"),
)
ANSWERS = st.one_of(st.lists(st.sampled_from(PIECES), max_size=14).map("".join), st.text(max_size=40))


def page(number: int, text: str, status: Status = Status.OK) -> PageResult:
    """One of several pages of a document."""
    findings = () if status is Status.OK else (Finding(FindingKind.EMPTY, "it is empty", Severity.FAILED),)
    return PageResult(PageRef("a.pdf", number, 3), text, status, findings)


def marks_of(markdown: str) -> list[str]:
    """The page marks that a reader of Markdown finds: HTML blocks of their own, outside of everything else."""
    blocks = [token for token in COMMONMARK.parse(markdown) if token.type == "html_block" and token.level == 0]
    return [block.content.strip() for block in blocks if MARK.fullmatch(block.content.strip())]


@pytest.mark.slow
@given(ANSWERS, ANSWERS, st.sampled_from(["comment", "rule", "heading"]))
@settings(deadline=None, max_examples=300)
def test_every_page_has_its_mark_and_there_are_no_others(first: str, second: str, breaks: str) -> None:
    """After any answer the next page's mark is a comment at the top level, and there are as many marks as pages."""
    formatter = PagesText(".md", breaks)
    results = [page(1, first), page(2, "", Status.FAILED), page(3, second), page(4, "The end.")]
    text = "".join(map(formatter.page, results))
    numbers = [re.findall(r'page="(\d+)"', mark) for mark in marks_of(text)]
    assert numbers == [["1"], ["2"], ["3"], ["4"]]
    assert len(re.findall(r"<!--\s*visionocr\b", text, re.IGNORECASE)) == 4


@given(ANSWERS)
@settings(deadline=None, max_examples=200)
def test_what_follows_a_page_is_read_as_it_stands(answer: str) -> None:
    """A paragraph behind any answer is a paragraph, also where pages are not marked."""
    formatter = PagesText(".md", "none")
    text = formatter.page(page(1, answer)) + formatter.page(page(2, "The next page."))
    *_, opening, inline, closing = COMMONMARK.parse(text)
    assert (opening.type, inline.content, closing.type) == ("paragraph_open", "The next page.", "paragraph_close")
    assert opening.level == 0


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("```\ncode", "\n```"),
        ("~~~~ python\ncode", "\n~~~~"),
        ("   ```\ncode\n ``", "\n```"),
        ("words\n<!-- a note", "\n-->"),
        ("<script>\nf()\n\ng()", "\n</script>"),
        ("<Style>\np {}", "\n</Style>"),
        ("<?php echo 1", "\n?>"),
        ("<![CDATA[ x", "\n]]>"),
        ("<!DOCTYPE html", "\n>"),
        ("<details>\n<summary>More</summary>\n\nwords", "\n</details>"),
        ("<div><table><tr><td>a", "\n</table></div>"),
        ("bold <b>words", "\n</b>"),
        (r"a \`<b>bold` word", "\n</b>"),
        (r"<div>\<b>bold", "\n</b></div>"),
    ],
)
def test_what_is_open_is_closed(text: str, end: str) -> None:
    """An open fence, comment, HTML block or element gets its end, and the text before it stays."""
    assert contain_markdown(text) == text + end


@pytest.mark.parametrize(
    "text",
    [
        "words",
        "```python\nif a < b:\n    pass\n```",
        "- ```\n  code of an item whose fence ends with it",
        "> ```\n> code of a quotation",
        "<!-- a note -->\n\nwords",
        "<table><tr><td>a<td>b</table>",
        "<p>one<p>two",
        "p < 0.05 and q > 0.1, e-mail <a@example.org>",
        "`<details>` opens, and `<!--` too",
        "    <!-- code -->\n    <div>",
        "<details>\n\nwords\n\n</details>",
        "<page_number>7</page_number> and <signature>A. B.",
        "line<br>line",
        r"how \<div> and \<script> are written",
        "a tag that never ends is text: <b title=",
        "[Page 3 could not be read in time for the vote.]",
        "> **Note:** bold words in a quotation",
    ],
)
def test_what_is_closed_stays_as_it_is(text: str) -> None:
    """A text that opens nothing, or closes what it opens, is not changed."""
    assert contain_markdown(text) == text


@pytest.mark.parametrize("text", ["<div class='a", "- item\n  <!-- open within it", "1. <script"])
def test_what_cannot_be_closed_is_escaped(text: str) -> None:
    """HTML that ends in the middle of a tag, or within a list item, becomes text that shows as it stands."""
    assert contain_markdown(text) == text.replace("<", "&lt;")


@pytest.mark.parametrize(
    "mark", [FORGED, FORGED.upper(), FORGED.replace("<!-- ", "<!--"), "<!--\n\tvisionocr page=1 -->"]
)
def test_a_forged_mark_shows_as_text(mark: str) -> None:
    """An answer with our mark shows it to the reader, in a paragraph and in code."""
    for text in (mark, f"words {mark} words", f"```\n{mark}\n```", f"- {mark}"):
        contained = contain_markdown(text)
        assert not re.search(r"<!--\s*visionocr", contained, re.IGNORECASE)
        assert contained == text.replace("<!--", "&lt;!--")
        assert not re.search(r"<!--\s*visionocr", contain_plain(text), re.IGNORECASE)


def test_a_forged_gap_differs_from_ours() -> None:
    """The line for a page that could not be read cannot be imitated."""
    formatter = PagesText(".md", "none")
    gap = formatter.page(page(2, "", Status.FAILED)).splitlines()[-2]
    assert gap.startswith("> **[Page 2 of a")
    assert gap not in contain_markdown(f"words\n\n{gap}\n\n> words")
    plain = PagesText(".txt", "none").page(page(2, "", Status.FAILED)).splitlines()[-2]
    assert plain not in contain_plain(f"words\n{plain}")
    assert contain_plain("[illegible] words\n[Figure 1]") == "[illegible] words\n[Figure 1]"


def test_a_form_feed_in_a_text_parts_no_pages() -> None:
    """Plain text has as many form feeds as page breaks, whatever the pages hold."""
    formatter = PagesText(".txt", "formfeed")
    text = "".join(map(formatter.page, [page(1, "one\ftwo"), page(2, "\f"), page(3, "three")]))
    assert len(text.split("\f")) == 3
    assert "one\ntwo" in text


CAPTIONS = ANSWERS.filter(lambda text: bool(text.split()))


@given(CAPTIONS, CAPTIONS)
@settings(deadline=None, max_examples=100)
def test_captions_are_lines_of_text(first: str, second: str) -> None:
    """A caption holds no mark, fence or HTML, so that each caption is a paragraph with its picture's name."""
    formatter = Captions(".md", several=True)
    captions = {"a.png": first, "b.png": second}
    text = "".join(formatter.page(PageResult(PageRef(name, 1, 1), said, Status.OK)) for name, said in captions.items())
    assert "<!--" not in text
    paragraphs = [token.content for token in COMMONMARK.parse(text) if token.type == "inline"]
    assert [paragraph[:10] for paragraph in paragraphs] == ["**a.png**:", "**b.png**:"]


def test_a_line_without_html_is_not_changed() -> None:
    """A caption in words stays as it is."""
    assert contain_line("A cat, 3 > 2, on a mat.") == "A cat, 3 > 2, on a mat."


HOSTILE = ("<!--", "```\n", "~~~ ```\n", "<div>", "<b", "<script>\n", "- <div>\n", "> ```\n", "`", '<a b="', "> **[")


def seconds(piece: str, length: int) -> float:
    """How long the containment of a text of nothing but *piece* takes."""
    text = piece * (length // len(piece))
    before = time.process_time()
    contain_markdown(text)
    contain_plain(text)
    return time.process_time() - before


@pytest.mark.parametrize("piece", HOSTILE)
def test_a_megabyte_of_anything_is_contained_quickly(piece: str) -> None:
    """A text that is longer than any page is not parsed."""
    assert seconds(piece, 1_000_000) < 3


@pytest.mark.slow
@pytest.mark.parametrize("piece", HOSTILE)
def test_the_time_to_parse_grows_with_the_length(piece: str) -> None:
    """Four times the text takes about four times as long, and the longest that is parsed some seconds."""
    few, many = (min(seconds(piece, length) for _ in range(2)) for length in (LONGEST_PARSED // 4, LONGEST_PARSED - 1))
    assert many < 7 * few + 0.2
    assert many < 10
