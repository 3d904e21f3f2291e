"""An answer is empty when a reader would see nothing of it."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from visionocr.answers.visible import is_visible

NOTHING = (
    *("", " \n\t\n", "\u200b", "\u00ad\u00ad", "\u3164", "\u115f\u1160", "\uffa0", "\u2800\u2800", "\ufeff", "\u2060"),
    *("\u200e\u200f", "\u00a0", "\u3000", "\u180e", "\ufe0f", "\u0301", "\ufffd", "\ufffc", "\U000e0020", "\u2063"),
    *("&nbsp;", "&nbsp;&nbsp;\n&#160;", "&#x200B;", "&shy;", "&ZeroWidthSpace;", "&nbsp", "&zwnj;"),
    *("<br>", "<br/>\n<br />", "<p></p>", "<p>&nbsp;</p>", "<div class='a'><span></span></div>", "<hr>", "<pad>"),
    *("</s>", "<unk><unk>", "<|endoftext|>", "<｜end▁of▁sentence｜>", "<|pad|><|pad|>", "<html><body></body></html>"),
    *("<!-- -->", "<!-- no text on this page -->", "<!-- never ended", "<!-- a\n\nb -->\n<!-- c -->"),
    *("<script>f()</script>", "<style>p {color: red}</style>", "<title>Page</title>", "<script>never ended"),
    *("| | |\n|---|---|\n| | |", "| |\n|:-:|\n", "<table><tr><td></td></tr></table>", "||||"),
    *("+--+--+\n|  |  |\n+--+--+", "┌──┬──┐\n│  │  │\n└──┴──┘", "█████", "□□□", "────────"),
    *("null", "NULL", "None", "nil", "undefined", "NaN", "'null'", "`null`", "**null**", '""', "[PAD]", "null."),
    *(".", "…", "-", "---", "***", "* * *", "_____", ". . . . .", "·", "•", "—", "?", "!", "[]", "{}", "()", '"', "«»"),
    *("![](image.png)", "![](a.png)\n\n![](b.png)", "![ ](x)", "[](https://example.org)", "<img src='a.png'>"),
    *('<img src="a.png" alt="">', "<img>", "<figure><img src=a></figure>"),
    *("```\n```", "```markdown\n\n```", "~~~\n~~~", "``", "````text\n````", "$$", "$$\n$$"),
    *(r"$\quad$", r"\hspace{2cm}", "#", "##\n\n##", ">", "> \n>", "- \n- \n-"),
    *("\\", "**", "****", "~~ ~~", "==", "^^", "$", "|", "`"),
)  # fmt: skip
SOMETHING = (
    *("a", "7", "I", "1.", "é", "ß", "中", "あ", "한", "ע", "ا", "ก", "अ", "Ω", "½", "²", "Ⅳ", "ª"),
    *("☑", "€", "→", "©", "♪", "😀", "≤", "∞", "♠", "☐"),
    *("N/A", "no", "nullify", "Nonesuch", "null hypothesis", "none of these", "[illegible]", "nada"),
    *("&amp;c", "&eacute;", "&euro;", "x<br>", "<b>a</b>", "<td>4</td>", "| a |\n|---|", "![a boat](x.png)"),
    *("[Contents](#c)", '<img src="a.png" alt="A boat">', "<img alt='7'>", "```\nx\n```", "`x`", "$x$", "$\\alpha$"),
    *("<!-- a --> b", "a <!-- b", "<script>f()</script> after", "- a", "> quoted", "# H", "\u200bword\u200b", "3 < 4"),
)  # fmt: skip


@pytest.mark.parametrize("text", NOTHING)
def test_nothing_is_seen(text: str) -> None:
    """Invisible characters, markup without words, lone punctuation and words for nothing show a reader nothing."""
    assert not is_visible(text)


@pytest.mark.parametrize("text", SOMETHING)
def test_something_is_seen(text: str) -> None:
    """One letter, digit or symbol is text, in any script and in any markup."""
    assert is_visible(text)


WORDLESS = [text for text in NOTHING if not any(map(str.isalpha, text)) and "```" not in text]


@given(st.lists(st.sampled_from(WORDLESS), max_size=6))
def test_nothing_and_nothing_is_nothing(texts: list[str]) -> None:
    """Several empty paragraphs show nothing either."""
    assert not is_visible("\n\n".join(texts))


@pytest.mark.slow
@pytest.mark.parametrize(
    "piece",
    [
        "<",
        "<!--",
        "<script>",
        "<img alt='",
        '<img alt="a ',
        "![",
        "[](",
        "&#",
        "```\n",
        "\\hspace{",
        "| ",
        "<b ",
        "&nbsp;",
    ],
)
def test_a_megabyte_is_judged_quickly(piece: str) -> None:
    """Four times the length takes about four times the time, whatever is repeated."""

    def seconds(length: int) -> float:
        text = piece * (length // len(piece))
        before = time.process_time()
        is_visible(text)
        return time.process_time() - before

    assert seconds(1_000_000) < 5 * seconds(250_000) + 0.3
