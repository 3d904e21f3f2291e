"""Invisible text is taken out of drawing instructions; nothing else changes."""

from __future__ import annotations

import random
import time

import pytest

from visionocr.documents.content_stream import strip_invisible_text


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"BT 3 Tr (a) Tj ET", b"BT 3 Tr  ET"),
        (b"3 Tr BT /F 9 Tf [(a) -2 <62>] TJ ET", b"3 Tr BT /F 9 Tf  ET"),
        (b"BT 3 Tr (a (nested) \\) one) Tj T* (b) Tj ET", b"BT 3 Tr  T*  ET"),
        (b"BT 3 Tr (a) ' 1 2 (b) \" ET", b"BT 3 Tr T* 1 Tw 2 Tc T* ET"),
        (b"BT 3 Tr/F 9 Tf(a)Tj<62>Tj ET", b"BT 3 Tr/F 9 Tf ET"),
        (b"BT 3 Tr (a) Tj", b"BT 3 Tr "),
        # Modes: of the graphics state, and no others.
        (b"q 3 Tr Q BT (seen) Tj ET", b"q 3 Tr Q BT (seen) Tj ET"),
        (b"q 3 Tr q 0 Tr Q BT (a) Tj ET Q", b"q 3 Tr q 0 Tr Q BT  ET Q"),
        (b"Q Q 3 Tr BT (a) Tj ET", b"Q Q 3 Tr BT  ET"),
        (b"BT 7 Tr (clip) Tj 2 Tr (seen) Tj 33 Tr (odd) Tj ET", b"BT 7 Tr (clip) Tj 2 Tr (seen) Tj 33 Tr (odd) Tj ET"),
        (b"BT 3 Tr (a) Tj 0 Tr 9 9 Td (seen) Tj ET", b"BT 3 Tr  0 Tr 9 9 Td (seen) Tj ET"),
        (b"BT 3 Tr " + b"3" * 5000 + b" Tr (seen) Tj ET", b"BT 3 Tr " + b"3" * 5000 + b" Tr (seen) Tj ET"),
        # Visible text stands behind it: taking it out would move that.
        (b"BT 3 Tr (a) Tj 0 Tr (seen) Tj ET", b"BT 3 Tr (a) Tj 0 Tr (seen) Tj ET"),
        (
            b"BT 3 Tr (a) Tj 1 0 0 1 5 5 Tm (b) Tj 0 Tr [(seen)] TJ ET",
            b"BT 3 Tr  1 0 0 1 5 5 Tm (b) Tj 0 Tr [(seen)] TJ ET",
        ),
        (b"BT 3 Tr (a) Tj 0 Tr (seen) ' ET", b"BT 3 Tr  0 Tr (seen) ' ET"),
        # What only looks like instructions.
        (b"% 3 Tr BT (a) Tj ET\nBT (seen) Tj ET", b"% 3 Tr BT (a) Tj ET\nBT (seen) Tj ET"),
        (b"BT (3 Tr (a) Tj) Tj <33> Tj ET", b"BT (3 Tr (a) Tj) Tj <33> Tj ET"),
        (b"BI /W 1 ID 3 Tr (a) Tj EI BT (seen) Tj ET", b"BI /W 1 ID 3 Tr (a) Tj EI BT (seen) Tj ET"),
        (
            b"/Span <</ActualText (3 Tr)>> BDC BT (seen) Tj ET EMC",
            b"/Span <</ActualText (3 Tr)>> BDC BT (seen) Tj ET EMC",
        ),
        (b"", b""),
    ],
)
def test_only_invisible_text_goes(before: bytes, after: bytes) -> None:
    """Show operators in mode 3, with their operands; every other byte stays."""
    assert strip_invisible_text(before).content == after
    assert strip_invisible_text(after).content == after


def test_forms_begin_in_the_mode_of_whoever_draws_them() -> None:
    """Their names come with it."""
    found = strip_invisible_text(b"/A Do q 3 Tr /B#20x Do Q /C Do")
    assert found.drawn == ((b"A", 0), (b"B#20x", 3), (b"C", 0))
    assert strip_invisible_text(b"BT (a) Tj ET", 3).content == b"BT  ET"


@pytest.mark.parametrize(
    "content",
    [
        *(b"(" * 300_000, b"q " * 150_000, b"1 " * 150_000, b"BI ID " * 50_000, b"\\" * 300_000, b"< " * 150_000),
        *(
            b"<" * 300_000,
            b"% " * 150_000,
            b"BT 3 Tr (a) Tj ET " * 15_000,
            b"3 Tr " + b"(a) Tj " * 40_000 + b"0 Tr (b) Tj",
        ),
        random.Random(1).randbytes(300_000),
    ],
    ids=lambda content: repr(content[:8]),
)
def test_hostile_instructions_take_no_time(content: bytes) -> None:
    """300,000 bytes of anything; slow machines have room."""
    begun = time.process_time()
    strip_invisible_text(content)
    assert time.process_time() - begun < 2
