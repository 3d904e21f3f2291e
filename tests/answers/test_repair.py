"""Numbers are set right only where the text layer leaves no choice, and everything else stays as it is."""

from __future__ import annotations

import pytest

from visionocr.answers.repair import repair_numbers
from visionocr.boxes import Box, TextLine
from visionocr.evidence import Reference, Source
from visionocr.types import Finding, FindingKind, Severity

WHOLE = Box(0.0, 0.0, 1.0, 1.0)
PAGE = [
    "The account shows a balance of 1,234.50 dollars",
    "and was examined on 12.05.2024 by Dr. Miller.",
    "Order AB-48213 was sent",
]
CELLS = ["Article", "Pieces", "Price", "Chairs", "12", "149.00", "Tables", "5", "210.40"]


def repair(text: str, lines: list[str], source: Source = Source.TEXT_LAYER) -> tuple[str, Finding | None]:
    """Repair against lines that stand below each other."""
    boxes = (Box(0.1, at / 20, 0.9, at / 20 + 0.03) for at in range(20))
    found = tuple(TextLine(line, box) for line, box in zip(lines, boxes, strict=False))
    return repair_numbers(text, Reference(source, found), markdown=True, region=WHOLE)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("1,234.50", "1,324.50"),
        ("1,234.50", "12345.0"),
        ("12.05.2024", "12.06.2024"),
        ("AB-48213", "AB-48218"),
    ],
)
@pytest.mark.parametrize("marks", ["{}", "**{}**", "`{}`", "({})"])
def test_another_number_is_set_right(right: str, wrong: str, marks: str) -> None:
    """It becomes the page's, with the answer's marks around it, and a remark says so."""
    text = "# Report\n\n" + " ".join(PAGE)
    repaired, finding = repair(text.replace(right, marks.format(wrong)), PAGE)
    assert repaired == text.replace(right, marks.format(right))
    assert finding
    assert (finding.kind, finding.severity) == (FindingKind.NUMBERS_DIFFER, Severity.INFO)
    assert finding.message.startswith("1 number was set right by the page's text layer, first: “")


def test_cells() -> None:
    """Of a table each of whose cells is a line."""
    table = "| Article | Pieces | Price |\n|---|---|---|\n| Chairs | 12 | {} |\n| Tables | 5 | {} |"
    repaired, finding = repair(table.format("194.00", "201.40"), CELLS)
    assert repaired == table.format("149.00", "210.40")
    assert finding
    assert finding.message == ("2 numbers were set right by the page's text layer, first: “194.00” became “149.00”.")


@pytest.mark.parametrize(
    ("answer", "page"),
    [
        (" ".join(PAGE), PAGE),  # nothing differs
        (" ".join(PAGE).replace("1,234.50", "1 234,50"), PAGE),  # only written otherwise
        (" ".join(PAGE).replace("balance", "surplus").replace("1,234.50 dollars", "99 euros"), PAGE),  # more differs
        (" ".join(PAGE).replace("AB-48213", "XY-48218"), PAGE),  # its letters, too
        (" ".join(PAGE).replace("1,234.50", "48213"), [*PAGE[:2], "48213", "Order was sent"]),  # stands elsewhere
        ("Unrelated words about the weather of 1999 and 2001", PAGE),
        ("3. The account", ["4. The account"]),  # lists are numbered anew
        ("", PAGE),
        ("1,324.50", []),
    ],
)
def test_anything_else_stays(answer: str, page: list[str]) -> None:
    """Where there is a choice, or nothing to set right."""
    assert repair(answer, page) == (answer, None)


def test_a_second_reader_repairs_nothing() -> None:
    """It may be wrong itself."""
    text = " ".join(PAGE).replace("1,234.50", "1,324.50")
    assert repair(text, PAGE, Source.SECOND_READER) == (text, None)
