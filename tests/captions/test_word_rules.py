"""Banned and required words."""

from __future__ import annotations

import pytest

from visionocr.captions.word_rules import WordRules, parse_groups, parse_words


def test_lists_are_read() -> None:
    """Commas part words and groups, bars the words of a group; blanks around them and empty parts do not count."""
    assert parse_words(" photo of , image,, ") == ("photo of", "image")
    assert parse_groups("cat | kitten, dog,,|") == (("cat", "kitten"), ("dog",))


@pytest.mark.parametrize(
    ("word", "text", "is_found"),
    [
        ("cat", "A cat.", True),
        ("Cat", "a CAT sits", True),
        ("cat", "concatenate, cats", False),
        ("photo of", "A photo\nof a dog", True),
        ("photo of", "a photo often taken", False),
        ("straße", "Die STRASSE", True),
        ("café", "the cafe\u0301", True),
        ("ca", "the café", False),
        ("c++", "written in C++.", True),
        (".", "A sentence.", True),
        ("猫", "小猫在沙发上", True),
        ("고양이", "고양이가 있다", True),
        ("snow-covered", "a snow-covered hill", True),
    ],
)
def test_words_are_found_as_a_whole(word: str, text: str, is_found: bool) -> None:
    """Regardless of case and of how letters are encoded; within others only where scripts have no blanks."""
    assert WordRules((word,)).find_banned(text) == (word if is_found else "")
    assert WordRules(required=((word,),)).find_missing(text) == (() if is_found else (word,))


def test_one_word_of_each_group_is_enough() -> None:
    """The first group without a word is named."""
    rules = WordRules(required=(("cat", "kitten"), ("dog",), ("bird",)))
    assert rules.find_missing("A kitten and a dog and a bird") == ()
    assert rules.find_missing("A kitten") == ("dog",)
