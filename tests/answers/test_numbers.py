"""Numbers are the same however they are written, and others when their digits or their decimal point are."""

from __future__ import annotations

import pytest

from visionocr.answers.numbers import differ_in_decimals, is_read_alike


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1,234.50", "1234.50"),
        ("1.234,50", "1,234.50"),
        ("1 234,50", "1234,50"),
        ("1’234.50", "1234.50"),
        ("$1,234", "1234"),
        ("1,234", "1.234"),
        ("1,234", "1234"),
        ("12.5%", "12,5 %"),
        ("1.234.567", "1,234,567"),
        ("12.05.2024", "12052024"),
        ("73.598.88", "73,598.88"),
        ("(149.00)", "149.00"),
        ("word", "words"),
    ],
)
def test_the_same_number(one: str, other: str) -> None:
    """Separators, currency and brackets make no difference; what is no plain number is not judged."""
    assert not differ_in_decimals(one, other)
    assert not differ_in_decimals(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [("149.00", "14900"), ("149.00", "1490.0"), ("1,234.50", "12,345.0"), ("12.5", "125"), ("€ 0,75", "€ 075")],
)
def test_another_number(one: str, other: str) -> None:
    """The decimal point was lost, or stands elsewhere."""
    assert differ_in_decimals(one, other)
    assert differ_in_decimals(other, one)


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("1O0", "100", True),
        ("l.", "1.", True),
        ("INV-1I", "INV-11", True),
        ("być", "byc", True),
        ("wydział", "wydzial", True),
        ("FU-144667。", "FU-14466 70", True),
        ("149", "194", False),
        ("8", "3", False),
    ],
)
def test_what_engines_take_for_each_other(one: str, other: str, alike: bool) -> None:
    """O and 0, l, I and 1, letters with and without a stroke, the Chinese full stop and 0; but no digits."""
    assert is_read_alike(one, other) is alike
