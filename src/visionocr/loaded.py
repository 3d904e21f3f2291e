"""A page on its way to the engine: its images, or what makes asking unnecessary."""

from __future__ import annotations

from dataclasses import dataclass

from visionocr.boxes import PageSize
from visionocr.errors import DocumentError
from visionocr.types import Finding, FindingKind, PageImage, PageRef, PageResult, Severity, Status


@dataclass(frozen=True, slots=True)
class Loaded:
    """A page to be asked for: its images, or the error or earlier result that makes asking unnecessary."""

    page: PageRef
    images: tuple[PageImage, ...] = ()
    error: DocumentError | None = None
    known: PageResult | None = None
    """Its result from an earlier run."""


def size_of(image: PageImage) -> PageSize:
    """The size of the page that an image shows."""
    evidence = image.evidence
    return PageSize(evidence.width, evidence.height, evidence.dpi) if evidence else PageSize(image.width, image.height)


def unreadable(page: PageRef, error: DocumentError) -> PageResult:
    """The result of a page, or of a whole document, that could not be opened or rendered."""
    return PageResult(page, "", Status.FAILED, (Finding(FindingKind.UNREADABLE, error.message, Severity.FAILED),))
