"""Searchable PDFs in one call."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from visionocr.documents.content import Content
from visionocr.documents.searchable import SearchablePdf, Written
from visionocr.placed import PlacedPage


def write_searchable(
    content: Content,
    kind: str,
    pages: Iterable[PlacedPage],
    path: Path,
    password: str | None = None,
    *,
    replaces_layer: bool = False,
) -> Written:
    """Write a searchable PDF of a document to *path*, where no file may be. See ``SearchablePdf``."""
    with SearchablePdf(content, kind, password, replaces_layer=replaces_layer) as searchable:
        for page in pages:
            searchable.add(page)
        return searchable.save(path)
