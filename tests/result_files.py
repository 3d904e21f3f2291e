"""Writes files of results as the commands do."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from visionocr.output.formats import Captions, Formatter, JsonLines, PagesText
from visionocr.types import Finding, FindingKind, PageRef, PageResult, Severity, Status


def result(
    number: int,
    text: str = "",
    status: Status = Status.OK,
    *,
    document: str = "a.pdf",
    pages: int = 9,
    digest: str = "",
) -> PageResult:
    """A page's result; of a page that is not good, with a reason."""
    severity = {Status.FAILED: Severity.FAILED, Status.SUSPECT: Severity.SUSPECT}.get(status)
    findings = (Finding(FindingKind.REPETITION, 'it says "--> again"', severity),) if severity else ()
    return PageResult(PageRef(document, number, pages, digest), text, status, findings)


def write_results(
    path: Path, results: Iterable[PageResult], breaks: str = "comment", *, captions: bool = False
) -> Path:
    """Write *results* to *path*, in the format that its ending names."""
    formatter: Formatter = JsonLines() if path.suffix == ".jsonl" else PagesText(path.suffix, breaks)
    if captions:
        formatter = Captions(path.suffix, several=True)
    path.write_bytes((formatter.head() + "".join(map(formatter.page, results)) + formatter.tail()).encode())
    return path
