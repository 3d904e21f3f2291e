"""Keywords in answers of all kinds."""

from __future__ import annotations

import json
import random

import pytest

from gbnf import Grammar
from visionocr.captions.forms import KEYWORDS_SHAPE, KeywordsForm
from visionocr.captions.keywords import LONGEST, MOST, choose_keywords, parse_keywords
from visionocr.captions.word_rules import WordRules
from visionocr.types import FindingKind, Severity

DOG = ("dog", "beach at sunset", "Golden Retriever")


@pytest.mark.parametrize(
    "answer",
    [
        '{"keywords": ["dog", "beach at sunset", "Golden Retriever"]}',
        '["dog", "beach at sunset", "Golden Retriever"]',
        '```json\n{"tags": [\n  "dog",\n  "beach at sunset",\n  "Golden Retriever"\n]}\n```',
        '{"keywords": ["dog, beach at sunset, Golden Retriever"]}',
        "dog, beach at sunset, Golden Retriever",
        "Keywords: dog, beach at sunset, Golden Retriever.",
        "Here are the keywords:\n\n1. dog\n2. beach at sunset\n3. Golden Retriever",
        "- dog\n- **beach at sunset**\n- Golden Retriever\n",
        "#dog, #beach at sunset; “Golden Retriever”",
        "['dog', 'beach at sunset', 'Golden Retriever']".strip("[]"),
        "dog、beach at sunset，Golden Retriever",
    ],
)
def test_lists_of_all_kinds_are_understood(answer: str) -> None:
    """JSON, lists with commas or line breaks, with labels, numbers, quotes and marks around the words."""
    assert parse_keywords(answer) == DOG


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "...",
        '{"keywords": []}',
        '{"keywords": ["...", "..."]}',
        "This picture shows a dog that runs along the beach at sunset, and its owner, who throws a ball.",
        "A dog.",
        "A brown dog is running along a beach while the sun goes down behind the hills.",
        '{"keywords": ["a dog that is running along a beach", "' + "x" * 65 + '"]}',
        '{"name": "dog", "place": {"kind": "beach"}}',
    ],
)
def test_what_is_no_list_gives_no_keywords(answer: str) -> None:
    """Sentences, empty lists, the example of the prompt and other objects are never taken for keywords."""
    text, findings = KeywordsForm().judge(answer, is_cut=False)
    assert text == ""
    assert [(finding.kind, finding.severity) for finding in findings] == [(FindingKind.CAPTION, Severity.FAILED)]


@pytest.mark.parametrize("answer", ['{"keywords": ["dog", "bea', "dog, bea"])
def test_half_a_word_is_no_keyword(answer: str) -> None:
    """What an answer ends with that was cut off is left out, also where the form of answers cut a string off."""
    assert parse_keywords(answer, is_cut=True) == ("dog",)
    assert parse_keywords(json.dumps([f"dog, beach, {'x' * (LONGEST + 1 - len('dog, beach, '))}"])) == ("dog", "beach")


def test_each_keyword_comes_once_in_its_first_spelling() -> None:
    """Case makes no other keyword, and the order stays."""
    assert choose_keywords(("Straße", "dog", "STRASSE", "Dog", "cat")) == ("Straße", "dog", "cat")


def test_there_are_no_more_keywords_than_allowed_and_none_is_too_long() -> None:
    """Those that are too long in bytes are left out, not cut."""
    fits, too_long = "ä" * (LONGEST // 2), "ä" * (LONGEST // 2 + 1)
    assert choose_keywords((too_long, fits)) == (fits,)
    assert choose_keywords(f"word {number}" for number in range(100)) == tuple(f"word {n}" for n in range(MOST))


def test_control_characters_and_halves_of_characters_go() -> None:
    """Escapes of JSON smuggle none of them in."""
    assert parse_keywords(r'["do\u001b[31mg", "\ud83dcat", "bad \q escape", "a\nb"]') == ("dog", "cat", "a b")


def test_a_list_that_goes_round_in_circles_is_asked_for_again() -> None:
    """Its words are kept, once each."""
    text, findings = KeywordsForm().judge(json.dumps(["dog", "beach"] * 9), is_cut=False)
    assert text == "dog\nbeach"
    assert [finding.kind for finding in findings] == [FindingKind.REPETITION]
    assert not KeywordsForm().judge('["dog", "Dog", "beach"]', is_cut=False)[1]


def test_banned_keywords_are_left_out_and_required_ones_missed() -> None:
    """A keyword that has a banned word in it is none; that a required one is missing is said."""
    form = KeywordsForm(WordRules(("photo",), (("cat", "kitten"), ("dog",))))
    text, findings = form.judge('["dog", "black and white photo"]', is_cut=False)
    assert text == "dog"
    assert [finding.message for finding in findings] == [
        "the list of keywords lacks the required word “cat” or “kitten”"
    ]


def test_whatever_the_grammar_allows_is_understood() -> None:
    """Random answers under the grammar have all their keywords that hold a letter, within the limits."""
    grammar, chance = Grammar(KEYWORDS_SHAPE.grammar), random.Random(7)
    for _ in range(200):
        answer = grammar.random_text(chance)
        said = json.loads(answer)["keywords"]
        assert 1 <= len(said) <= MOST
        found = parse_keywords(answer)
        assert len(found) <= len(said)
        assert all(any(map(str.isalnum, keyword)) and keyword == " ".join(keyword.split()) for keyword in found)
        assert len(found) >= sum(word.strip(" .,-:;").isalnum() for word in said)


@pytest.mark.parametrize("piece", ['"', '["', '["a",', "\\", '["\\\n', "a,", "- ", "a: ", "[ "])
def test_hostile_answers_take_no_time(piece: str) -> None:
    """A hundred thousand characters of anything are read in linear time."""
    parse_keywords(piece * (100_000 // len(piece)))
    parse_keywords("[" + piece * (100_000 // len(piece)))
