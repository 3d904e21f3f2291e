"""Check digits and shapes of account and VAT numbers."""

from __future__ import annotations

import re

_IBAN_LENGTHS = {
    int(length): countries.split()
    for length, countries in (
        (15, "NO"),
        (16, "BE"),
        (18, "DK FI FO GL NL SD"),
        (19, "MK SI"),
        (20, "AT BA EE KZ LT LU MN XK"),
        (21, "CH HR LI LV"),
        (22, "BG BH CR DE GB GE IE ME RS VA"),
        (23, "AE GI IL IQ OM SO TL"),
        (24, "AD CZ ES MD PK RO SA SE SK TN VG"),
        (25, "LY PT ST"),
        (26, "IS TR"),
        (27, "BI DJ FR GR IT MC MR SM"),
        (28, "AL AZ BY CY DO GT HN HU LB NI PL SV"),
        (29, "BR EG PS QA UA"),
        (30, "JO KW MU"),
        (31, "MT SC"),
        (32, "LC"),
        (33, "RU"),
    )
}
"""Countries by the length of their numbers; from the IBAN registry of SWIFT."""
_VAT_SHAPES = {
    "AT": r"U\d{8}",
    "BE": r"[01]\d{9}",
    "BG": r"\d{9,10}",
    "CY": r"\d{8}[A-Z]",
    "CZ": r"\d{8,10}",
    "DE": r"\d{9}",
    "DK": r"\d{8}",
    "EE": r"\d{9}",
    "EL": r"\d{9}",
    "ES": r"[A-Z0-9]\d{7}[A-Z0-9]",
    "FI": r"\d{8}",
    "FR": r"[A-Z0-9]{2}\d{9}",
    "GB": r"(?:\d{9}|\d{12}|(?:GD|HA)\d{3})",
    "HR": r"\d{11}",
    "HU": r"\d{8}",
    "IE": r"\d[A-Z0-9+*]\d{5}[A-Z]{1,2}",
    "IT": r"\d{11}",
    "LT": r"(?:\d{9}|\d{12})",
    "LU": r"\d{8}",
    "LV": r"\d{11}",
    "MT": r"\d{8}",
    "NL": r"[A-Z0-9+*]{10}\d{2}",
    "PL": r"\d{10}",
    "PT": r"\d{9}",
    "RO": r"\d{2,10}",
    "SE": r"\d{12}",
    "SI": r"\d{8}",
    "SK": r"\d{10}",
    "XI": r"(?:\d{9}|\d{12}|(?:GD|HA)\d{3})",
}
"""From the questions and answers of the European Commission's VIES."""


def explain_iban(text: str) -> str:
    """What is wrong with an account number, in words that follow it; empty when nothing is."""
    number = re.sub(r"[\s.-]", "", text).upper()
    if not re.fullmatch(r"[A-Z]{2}\d{2}[A-Z0-9]{8,30}", number):
        return "is no IBAN"
    for length, countries in _IBAN_LENGTHS.items():
        if number[:2] in countries and len(number) != length:
            return f"has {len(number)} characters, an IBAN of {number[:2]} has {length}"
    digits = "".join(str(int(char, 36)) for char in number[4:] + number[:4])
    return "" if int(digits) % 97 == 1 else "has wrong check digits"


def explain_vat_number(text: str) -> str:
    """The same of a VAT number; those of countries whose shape is not known are not judged."""
    number = re.sub(r"[\s.\-/]", "", text).upper()
    shape = _VAT_SHAPES.get(number[:2])
    if shape is None or re.fullmatch(shape, number[2:]):
        return ""
    return f"is no VAT number of {number[:2]}"
