"""Formats names, messages and hints for people as single printable lines."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from itertools import groupby

from visionocr.types import Finding, PageRef, Severity

PROJECTOR_REMEDY = "Start it with --mmproj PROJECTOR.gguf, the projector that belongs to its model."
"""What to do where a server of llama.cpp's family cannot see pictures."""


def printable(name: str) -> str:
    """*name* as one printable line: bytes that are no UTF-8, and control characters, become escapes."""
    if name.isprintable():  # nearly always, and this is asked for every page
        return name
    text = name.encode("utf-8", "backslashreplace").decode("utf-8")
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def write_count(number: int, noun: str) -> str:
    """How many there are of what the *noun* names: ``1 page``, ``3 pages``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def did_you_mean(word: str, known: Iterable[str], shape: str = "{}") -> str:
    """The hint for a *word* that is not *known*: the nearest that is, in *shape*, else all of them in their order."""
    words = tuple(known)
    near = difflib.get_close_matches(word, words, n=1)
    return f"Did you mean {shape.format(near[0])}?" if near else f"Known: {', '.join(words)}."


def page_label(page: PageRef) -> str:
    """A page for a sentence: ``page 3 of a.pdf``; the document alone where it has one page or is meant as a whole."""
    name = printable(page.document)
    return f"page {page.number} of {name}" if page.number and page.pages != 1 else name


def page_labels(pages: Sequence[PageRef]) -> str:
    """Several pages, sorted by document, for a sentence: ``pages 3, 7 of a.pdf, page 1 of b.pdf``."""
    labels = []
    for _, group in groupby(pages, key=lambda page: page.document):
        first, *others = group
        label = page_label(first)
        if others:
            numbers = ", ".join(str(page.number) for page in (first, *others))
            label = label.replace(f"page {first.number} ", f"pages {numbers} ", 1)
        labels.append(label)
    return ", ".join(labels)


def reasons(findings: Iterable[Finding]) -> str:
    """What is wrong with a page, on one line; remarks that are only information are left out."""
    messages = [printable(finding.message) for finding in findings if finding.severity is not Severity.INFO]
    return "; ".join(dict.fromkeys(messages)) or "no reason known"
