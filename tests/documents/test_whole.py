"""The pages of each document together."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fakes.stand_ins import SPEC, image_of
from visionocr.documents.whole import MOST_PAGES, WholeDocuments
from visionocr.errors import DocumentError
from visionocr.types import PageImage, PageRef, RasterSpec


class Pages:
    """A source of these pages, whose second page has two parts."""

    concurrency = 3

    def __init__(self, *pages: PageRef) -> None:
        self.all = pages
        self.is_closed = False

    def pages(self) -> Iterator[PageRef]:
        """All of them."""
        yield from self.all

    def load(self, page: PageRef, spec: RasterSpec) -> tuple[PageImage, ...]:
        """One image, of the second page two."""
        if page.number == 0:
            raise DocumentError("it is broken")
        parts = 2 if page.number == 2 else 1
        return tuple(image_of(page, part, parts) for part in range(1, parts + 1))

    def close(self) -> None:
        """Remember that it was called."""
        self.is_closed = True


def pages_of(name: str, *numbers: int, digest: str = "d") -> list[PageRef]:
    """Some pages of a document."""
    return [PageRef(name, number, 9, digest) for number in numbers]


def test_each_document_is_one_page_with_the_images_of_all() -> None:
    """Documents are told apart by name and content; problems stay as they are."""
    broken = PageRef("c.pdf", 0)
    source = Pages(*pages_of("a.pdf", 1, 2, 3), *pages_of("a.pdf", 2, digest="e"), broken, PageRef("d.png", 1, 1, "f"))
    whole = WholeDocuments(source)
    found = list(whole.pages())
    assert found == [PageRef("a.pdf", 1, 1, "d"), PageRef("a.pdf", 1, 1, "e"), broken, PageRef("d.png", 1, 1, "f")]
    assert [(image.page.number, image.part) for image in whole.load(found[0], SPEC)] == [(1, 1), (2, 1), (2, 2), (3, 1)]
    assert [image.page.number for image in whole.load(found[1], SPEC)] == [2, 2]
    assert [image.page.number for image in whole.load(found[3], SPEC)] == [1]
    with pytest.raises(DocumentError, match="it is broken"):
        whole.load(broken, SPEC)
    assert whole.concurrency == 3
    whole.close()
    assert source.is_closed


def test_a_document_of_too_many_pages_is_refused() -> None:
    """Not one of its pages is loaded; the next document is found."""
    long = pages_of("a.pdf", *range(1, 5000))
    whole = WholeDocuments(Pages(*long, *pages_of("b.pdf", 1)))
    first, second = whole.pages()
    with pytest.raises(DocumentError, match=f"more than {MOST_PAGES} pages") as caught:
        whole.load(first, SPEC)
    assert "--per page" in caught.value.hint
    assert len(whole.load(second, SPEC)) == 1
