"""Texts are told from ciphers by their letters."""

from __future__ import annotations

import random
import string
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from layer_pages import PROSE
from visionocr.documents.garbling import find_garbling

TEXT = " ".join(PROSE)


def exchange(seed: int) -> dict[int, int]:
    """A table that exchanges the letters of the alphabet."""
    letters = list(string.ascii_lowercase)
    random.Random(seed).shuffle(letters)
    return str.maketrans(string.ascii_lowercase, "".join(letters))


def test_exchanged_alphabets_are_found() -> None:
    """Of a hundred ciphers of an English text nine of ten are found."""
    found = sum(bool(find_garbling([TEXT.lower().translate(exchange(seed))])) for seed in range(100))
    assert found >= 85


@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        TEXT.upper(),
        "",
        "Total 12.50 Cash 20.00 Change 7.50 VAT 19 % 2.00",
        " ".join(f"{n:02x}{n * 7 % 256:02x}" for n in range(200)),
        "1. Introduction ............ 3 2. Method ............ 17 3. Results ............ 42 " * 10,
        "for (int i = 0; i < n; i++) { total += price[i] * count[i]; } return total > limit ? limit : total; " * 3,
        "x = {a: [1, 2], 'b': (c + d) ** 2} # comment about the values " * 5,
        "https://example.org/path?query=value&other=1 name@example.org +49 30 123456 " * 4,
        "Łódź, Gdańsk, Kraków i Wrocław są dużymi miastami w Polsce, a Wisła jest najdłuższą rzeką kraju. " * 2,
        "Türkiye'nin en kalabalık şehri İstanbul'dur ve ülkenin ekonomik merkezi olarak kabul edilir. " * 2,
        "Thành phố có lịch sử hàng nghìn năm và là trung tâm kinh tế lớn nhất của cả nước hiện nay. " * 2,
        "\uf0b7 Milk \uf0b7 Eggs \uf0b7 Bread \uf0fe Done \uf0fe Paid",
        "pending paid pending pending paid open " * 20,
        "ประวัติศาสตร์ของเมืองเริ่มต้นเมื่อหลายศตวรรษก่อน " * 5,
        "Ծովափին քաղաքի պատմությունը սկսվում է շատ դարեր առաջ " * 5,
    ],
    ids=range(16),
)
def test_writing_of_all_kinds_is_let_pass(text: str) -> None:
    """Prose, numbers, tables of contents, code, addresses, and languages with many accents are no cipher."""
    assert find_garbling([text]) == ""


def test_small_fonts_are_let_pass() -> None:
    """A font that shows a twentieth of the page may hold anything; one that shows a fifth may not."""
    icons = "\ue001\ue002\ue003" * 10
    assert find_garbling([TEXT * 2, icons]) == ""
    assert find_garbling([TEXT, icons * 5]) != ""


@settings(max_examples=25, deadline=None)
@given(st.lists(st.text(max_size=60), max_size=2))
def test_any_text_is_judged(texts: list[str]) -> None:
    """No letters make it fail, and the reason is one line or nothing."""
    assert find_garbling(texts).isprintable()


def test_long_texts_take_no_time() -> None:
    """A font of 200,000 letters is judged by some of them."""
    begun = time.process_time()
    find_garbling(["ab " * 70_000, "\ufffd" * 200_000])
    assert time.process_time() - begun < 0.1
