"""Signs that are no words, such as ``&`` and ``—``, get their place among the words around them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

from visionocr.answers.align import Alignment, AnswerWord, Role
from visionocr.answers.plain import hide_marks


def place_signs(text: str, alignment: Alignment) -> Alignment:
    """Add to the *alignment* of the Markdown *text* what stands there between words and has no letters.

    A sign goes where its line has it, behind the word before it or in front of the word after it. Between two words of
    a line it gets the gap where the line does not have it: whoever read the line may have missed it.
    """
    plain = hide_marks(text, markdown=True).text
    edges = (AnswerWord(at, at, "", "", Role.TEXT) for at in (0, len(plain)))
    words = [next(edges), *alignment.words, next(edges)]
    signs = [sign for before, after in pairwise(words) for sign in _place_between(before, after, plain, alignment)]
    return replace(alignment, words=(*alignment.words, *signs))


def _place_between(before: AnswerWord, after: AnswerWord, plain: str, alignment: Alignment) -> Iterator[AnswerWord]:
    start, begin = before.end, before.close
    for text in plain[before.end : after.start].split():
        start = plain.index(text, start)
        sign = AnswerWord(start, start + len(text), text, "", Role.TEXT, is_same=True)
        start += len(text)
        if before.line is not None:
            line = alignment.lines[before.line].text
            found = line.find(text, begin, after.begin if after.line == before.line else None)
            if found >= 0:
                begin = found + len(text)
                yield replace(sign, line=before.line, begin=found, close=begin)
                continue
        if after.line is None:
            continue
        if after.line == before.line:
            if begin < after.begin:
                yield replace(sign, line=after.line, begin=begin, close=after.begin)
        elif (found := alignment.lines[after.line].text.find(text, 0, after.begin)) >= 0:
            yield replace(sign, line=after.line, begin=found, close=found + len(text))
