"""Takes invisible text out of the drawing instructions of a PDF, while every other byte stays as it is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

INVISIBLE = 3
"""The text rendering mode without fill, stroke and clip (ISO 32000-2, 9.3.6)."""
_TOKEN = re.compile(
    rb"%[^\r\n]*|<<|>>|<[0-9A-Fa-f\0\s]*>?|/[^\0\t\n\f\r ()<>\[\]{}/%]*|[()\[\]{}>]|[^\0\t\n\f\r ()<>\[\]{}/%]+"
)
_IN_STRING = re.compile(rb"\\.|[()]", re.DOTALL)
_END_OF_IMAGE = re.compile(rb"[\0\t\n\f\r ]EI(?=[\0\t\n\f\r ]|$)")
_MOVES = frozenset({b"Td", b"TD", b"Tm", b"T*", b"BT", b"ET"})
"""Where the next text stands does not depend on the text before these."""


@dataclass(frozen=True, slots=True)
class Stripped:
    """Instructions without invisible text."""

    content: bytes
    drawn: tuple[tuple[bytes, int], ...]
    """The names of the forms and pictures that they draw, each with the text rendering mode in which that begins."""


def strip_invisible_text(content: bytes, mode: int = 0) -> Stripped:
    """Take out what shows text in mode 3. *mode*: the one in which the instructions begin.

    Text that visible text is placed behind stays: taking it out would move the other. What sets fonts, modes and
    places stays, too, because it may count for what comes later.
    """
    pieces: list[bytes] = []
    copied = 0
    removals: list[tuple[int, int, bytes]] = []
    waiting: list[tuple[int, int, bytes]] = []
    drawn: list[tuple[bytes, int]] = []
    modes: list[int] = []
    for start, end, operator, operands in _operations(content):
        if operator == b"q":
            modes.append(mode)
        elif operator == b"Q":
            mode = modes.pop() if modes else mode
        elif operator == b"Tr":
            # Three digits are enough: Python refuses to read thousands, and no mode has more than one.
            mode = int(operands[-1][:3]) if operands and operands[-1].isdigit() else mode
        elif operator == b"Do" and operands:
            drawn.append((operands[-1][1:], mode))
        elif operator in {b"Tj", b"TJ"} and mode != INVISIBLE:
            waiting.clear()
        elif operator in _MOVES or operator in {b"'", b'"'}:
            removals += waiting
            waiting.clear()
        if operator in {b"Tj", b"TJ", b"'", b'"'} and mode == INVISIBLE:
            waiting.append((start, end, _replace(operator, operands)))
    for start, end, instead in removals + waiting:
        pieces += (content[copied:start], instead)
        copied = end
    return Stripped(b"".join((*pieces, content[copied:])), tuple(drawn))


def _replace(operator: bytes, operands: list[bytes]) -> bytes:
    """What has the effects of an instruction that shows text, but for the text."""
    if operator == b'"' and len(operands) > 2:
        return b"%b Tw %b Tc T*" % (operands[-3], operands[-2])
    return b"T*" if operator in {b"'", b'"'} else b""


def _operations(content: bytes) -> Iterator[tuple[int, int, bytes, list[bytes]]]:
    """Each instruction: where it begins, with its operands, where it ends, its operator, and the operands.

    Of strings, arrays and dictionaries among the operands no more than their marks are given.
    """
    start: int | None = None
    operands: list[bytes] = []
    at = 0
    while (found := _TOKEN.search(content, at)) is not None:
        token, at = found[0], found.end()
        if token.startswith(b"%"):
            continue
        start = found.start() if start is None else start
        if token == b"(":
            at = _find_end_of_string(content, at)
        if _is_operand(token):
            operands.append(token)
            continue
        yield start, at, token, operands
        if token == b"ID":
            image = _END_OF_IMAGE.search(content, at)
            at = image.end() if image is not None else len(content)
        start, operands = None, []


def _is_operand(token: bytes) -> bool:
    return token[0] in b"(<>[]{}/+-.0123456789" or token in {b"true", b"false", b"null", b")"}


def _find_end_of_string(content: bytes, at: int) -> int:
    """Where a string ends whose first character stands at *at*; parentheses may stand in it in pairs."""
    depth = 1
    for found in _IN_STRING.finditer(content, at):
        depth += {b"(": 1, b")": -1}.get(found[0], 0)
        if not depth:
            return found.end()
    return len(content)
