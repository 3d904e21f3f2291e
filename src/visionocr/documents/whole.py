"""The pages of each document together, for questions about a document as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby, islice

from visionocr.errors import DocumentError
from visionocr.text import printable
from visionocr.types import PageImage, PageRef, PageSource, RasterSpec

MOST_PAGES = 64
"""Of a document: the images of all of them are in memory at the same time, of a few documents."""


class WholeDocuments:
    """A source where each document is one page, whose images are those of all its pages: a ``PageSource``."""

    def __init__(self, source: PageSource) -> None:
        """*source* is closed with this."""
        self._source = source
        self._pages: dict[PageRef, list[PageRef]] = {}
        """Of the documents with more than one page, until they are loaded."""

    @property
    def concurrency(self) -> int:
        """See ``PageSource.concurrency``."""
        return self._source.concurrency

    def pages(self) -> Iterator[PageRef]:
        """Each document as page 1 of 1."""
        for (name, digest, is_page), found in groupby(
            self._source.pages(), lambda page: (page.document, page.digest, page.number > 0)
        ):
            if not is_page:
                yield from found
                continue
            pages = list(islice(found, MOST_PAGES + 1))
            whole = PageRef(name, 1, 1, digest)
            if pages != [whole]:
                self._pages[whole] = pages
            yield whole

    def load(self, page: PageRef, spec: RasterSpec) -> tuple[PageImage, ...]:
        """The images of all pages of a document. Raises ``DocumentError`` when one of them cannot be rendered."""
        pages = self._pages.pop(page, [page])
        if len(pages) > MOST_PAGES:
            raise DocumentError(
                f"{printable(page.document)} has more than {MOST_PAGES} pages, too many for one record",
                "Choose some of them with --pages, or make a record of each with --per page.",
            )
        return tuple(image for one in pages for image in self._source.load(one, spec))

    def close(self) -> None:
        """See ``PageSource.close``."""
        self._source.close()
