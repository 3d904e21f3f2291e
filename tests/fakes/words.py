"""The texts of the fake model, deterministic, and its tokenizer."""

from __future__ import annotations

import random
import re
import zlib
from collections.abc import Iterator

_NOUNS = re.findall(
    r"\w+",
    "harbour lantern orchard ledger bridge winter carriage meadow letter compass river tailor window station barrel"
    " garden kettle market steeple anchor cottage vessel parish quarry saddle timber village cellar mirror copper",
)
_VERBS = re.findall(
    r"\w+",
    "carries follows repairs measures remembers borrows describes gathers returns crosses counts opens paints sells"
    " watches builds",
)
_ADJECTIVES = re.findall(
    r"\w+",
    "quiet narrow golden distant broken early patient hollow northern modest silver crooked faithful damp heavy"
    " curious pale wooden",
)
_PIECE = re.compile(r"<\|?[\w ]+\|?>|\s?\w+|\s?[^\w\s]|\s")


def page_text(number: int) -> str:
    """The text of a page: Markdown, different for every number, beginning with ``Text of page <number>:``."""
    chance = random.Random(number)
    lines = [f"Text of page {number}: {_noun_phrase(chance)}.", "", f"## {_noun_phrase(chance).title()}", ""]
    lines += [_sentence(chance) for _ in range(4)]
    lines += ["", *(f"- {_noun_phrase(chance)}: {chance.randrange(10, 10_000)}" for _ in range(3))]
    lines += ["", f"Here ends page {number}."]
    return "\n".join(lines)


def unrelated_text(seed: int) -> str:
    """Fluent text about no page: the answer of a model without a picture."""
    chance = random.Random(f"chatter {seed}")
    return " ".join(["The picture shows", f"{_noun_phrase(chance)}.", *(_sentence(chance) for _ in range(3))])


def endless_text(seed: int) -> Iterator[str]:
    """Endless pieces of text that never repeat."""
    chance = random.Random(f"rambling {seed}")
    while True:
        yield from tokens(f" {_sentence(chance)}")


def tokens(text: str) -> list[str]:
    """*text* as the model's tokens: a word or a sign with the blank before it; joined they are the text again."""
    return _PIECE.findall(text)


def token_ids(text: str) -> list[int]:
    """Numbers of the tokens of *text*, begin-of-text (1) included."""
    return [1, *(3 + zlib.crc32(piece.encode("utf-8", "replace")) % 32_000 for piece in tokens(text))]


def _noun_phrase(chance: random.Random) -> str:
    return f"the {chance.choice(_ADJECTIVES)} {chance.choice(_NOUNS)}"


def _sentence(chance: random.Random) -> str:
    subject, object_, place = (_noun_phrase(chance) for _ in range(3))
    return f"{subject.capitalize()} {chance.choice(_VERBS)} {object_} near {place}, {chance.randrange(1000)} times."
