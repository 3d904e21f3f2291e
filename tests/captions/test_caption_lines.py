"""Captions as lines of files for training."""

from __future__ import annotations

import random

import pytest

from visionocr.captions.lines import LineStyle, write_tags
from visionocr.choices import DataSet

KOHYA = LineStyle(DataSet.KOHYA)
WORDS = ["Dog", "dog", "beach_ball", "^_^", "Golden Retriever", " two  blanks ", "a{b|c}d", "", "_", "___"]
WORDS += ["ÄRGER", "ohwx", "Washington, D.C."]


def test_tags_are_as_the_trainer_wants_them() -> None:
    """Lower case, no underscores but in emoticons, none twice, braces doubled, the trigger word first as typed."""
    style = LineStyle(DataSet.KOHYA, "ohwX man")
    assert style.write_lines("Dog, dog, beach_ball, ^_^, OHWX MAN, a {b|c}") == [
        "ohwX man, dog, beach ball, ^_^, a {{b|c}}"
    ]


def test_random_tags_keep_the_rules() -> None:
    """Any words make one line of tags, each once; writing them again changes nothing."""
    chance = random.Random(3)
    for _ in range(300):
        words = chance.choices(WORDS, k=chance.randint(1, 12))
        line = write_tags(words, "ohwx")
        tags = line.split(", ") if line else []
        assert "\n" not in line
        assert len(set(tags)) == len(tags)
        assert "ohwx" not in tags
        assert all(tag == tag.lower().strip() and (len(tag) <= 3 or "_" not in tag) for tag in tags)
        assert write_tags(tags) == line


@pytest.mark.parametrize(
    ("caption", "line"),
    [
        ("A dog.\nIt sits.", "sks dog, A dog. It sits."),
        ("SKS dog on a beach", "SKS dog on a beach"),
        ("sks doghouse", "sks dog, sks doghouse"),
    ],
)
def test_the_trigger_word_stands_first_once(caption: str, line: str) -> None:
    """Sentences stay as they are; one that begins with the word gets no second one."""
    assert LineStyle(None, "sks dog").write_lines(caption) == [line]


def test_several_captions_are_several_lines() -> None:
    """Each has the trigger word. One caption is one line, whatever breaks it has."""
    assert LineStyle(None, "sks", has_several=True).write_lines("A dog.\nA hound.") == ["sks, A dog.", "sks, A hound."]
    assert LineStyle(None, "sks").write_lines("A dog.\nA hound.") == ["sks, A dog. A hound."]


def test_sentences_are_appended_once() -> None:
    """A caption that is there already, word for word, is not appended again."""
    style = LineStyle()
    assert style.append_lines(["A dog."], ["A  hound."]) == ["A dog.", "A  hound."]
    assert style.append_lines(["A dog.", "A hound."], ["A hound."]) == ["A dog.", "A hound."]


def test_tags_are_appended_to_their_line() -> None:
    """Old tags stay as somebody wrote them, new ones follow, the trigger word comes first; again changes nothing."""
    style = LineStyle(DataSet.KOHYA, "ohwx")
    once = style.append_lines(["My_Tag, {{x}}, Ohwx"], style.write_lines("my_tag, dog, {x}"))
    assert once == ["ohwx, My_Tag, {{x}}, my tag, dog"]
    assert style.append_lines(once, style.write_lines("my_tag, dog, {x}")) == once


def test_further_lines_of_tags_are_added() -> None:
    """With more captions than the file has lines."""
    assert KOHYA.append_lines(["dog"], ["cat", "bird"]) == ["dog, cat", "bird"]


def test_lines_without_new_tags_stay() -> None:
    """An empty line at the end gets no trigger word."""
    assert LineStyle(DataSet.KOHYA, "x").append_lines(["dog", "", "Old"], ["x, cat"]) == ["x, dog, cat", "", "Old"]
