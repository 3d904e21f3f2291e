"""What the review page asks its server for: pages, pictures, places of words, answers, saving."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from visionocr.errors import DocumentError, UsageError
from visionocr.review.book import Book, Entry
from visionocr.review.pictures import PAGE_SIDE, THUMBNAIL_SIDE, Pictures, Wanted
from visionocr.review.places import Lines, find_places
from visionocr.review.questions import Ask, Questions, describe_answer
from visionocr.review.rendering import render
from visionocr.types import PageImage, PageRef


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a request."""

    body: bytes
    media_type: str
    is_lasting: bool = False
    """The browser may keep it for a while."""

    @classmethod
    def of(cls, values: Any) -> Answer:
        """JSON."""
        return cls(json.dumps(values).encode(), "application/json")


class Desk:
    """The pages under review with everything that helps. For any threads."""

    def __init__(
        self,
        book: Book,
        pictures: Pictures,
        questions: Questions,
        lines: Lines,
        *,
        end: Callable[[], object] = lambda: None,
    ) -> None:
        """*end* is called when the person is done. All but *book* are closed with this."""
        self.book = book
        self.end = end
        self._pictures = pictures
        self._questions = questions
        self._lines = lines
        self._asked: dict[int, int] = {}
        """By the number of a question: the page that it was about."""

    def list_pages(self) -> Answer:
        """Every page in the order of the files, without its text."""
        several = len({(entry.path, entry.document) for entry in self.book.entries}) > 1
        pages = [
            {
                "label": _label(entry, are_captions=self.book.are_captions),
                "document": _file_name(entry) if several and not self.book.are_captions else "",
                "status": entry.status,
                "rank": entry.rank,
                "doubts": len(entry.doubts),
            }
            for entry in self.book.entries
        ]
        return Answer.of({"pages": pages, "captions": self.book.are_captions})

    def list_choices(self) -> Answer:
        """What can be chosen to ask again with."""
        return Answer.of(self._questions.choices)

    def list_texts(self) -> Answer:
        """The text of every page, with its mark: for pages that are captions."""
        if not self.book.are_captions:
            raise UsageError("these pages are no captions")
        pages = [self.book.read(index) for index in range(len(self.book.entries))]
        return Answer.of([{"text": page.text, "mark": page.mark} for page in pages])

    def show_page(self, index: int) -> Answer:
        """One page as it stands in its file now."""
        entry, page = self.book.entries[index], self.book.read(index)
        return Answer.of(
            {
                "text": page.text,
                "mark": page.mark,
                "status": entry.status,
                "findings": entry.findings,
                "file": entry.path.name,
                "document": entry.document,
            }
        )

    def draw(self, index: int) -> Answer:
        """The picture of a page."""
        image = self._draw(self.book.entries[index])
        return Answer(image.data, image.media_type, is_lasting=True)

    def draw_thumbnail(self, index: int) -> Answer:
        """A small picture of a page."""
        image = self._draw(self.book.entries[index], THUMBNAIL_SIDE)
        return Answer(image.data, image.media_type, is_lasting=True)

    def find_places(self, index: int, text: str) -> Answer:
        """Where the words of *text* stand on a page, and what is doubtful. See ``places.find_places``."""
        entry = self.book.entries[index]
        image, reference, problem = None, None, ""
        try:
            image = self._draw(entry)
            reference = None if self.book.are_captions else self._lines.find(image)
        except DocumentError as error:
            problem = ". ".join(part.rstrip(".") for part in (error.message, error.hint) if part) + "."
        markdown = entry.path.suffix != ".txt"
        places = find_places(text, image, reference, entry.doubts, markdown=markdown)
        return Answer.of(places | {"problem": problem})

    def preview(self, text: str) -> Answer:
        """Markdown as HTML."""
        return Answer.of({"html": render(text)})

    def ask(self, index: int, values: dict[str, Any]) -> Answer:
        """Begin to ask a model for a page again."""
        entry = self.book.entries[index]
        wanted = self._wanted(entry)
        document = self._pictures.find(wanted)
        ask = Ask(
            *(_choice(values, name, str) for name in ("preset", "task")),
            *(_choice(values, name, int) for name in ("max_side", "seed")),
        )
        page = PageRef(entry.document, entry.number, document.pages, document.digest)
        number = self._questions.begin(page, ask, lambda spec: self._pictures.load(wanted, entry.number, spec))
        self._asked[number] = index
        return Answer.of({"answer": number})

    def fetch_answer(self, number: int) -> Answer:
        """The answer to a question, or that it takes longer."""
        result = self._questions.wait(number)
        if result is None:
            return Answer.of({"waiting": True})
        return Answer.of(describe_answer(result, self.book.read(self._asked[number]).text))

    def save(self, index: int, text: str, mark: str) -> Answer:
        """Put the text that a person has checked into the file. Raises as ``Book.save`` does."""
        digest, pages = self.book.entries[index].digest, None
        try:
            document = self._pictures.find(self._wanted(self.book.entries[index]))
            digest, pages = document.digest, document.pages
        except DocumentError:
            pass  # the file alone is corrected
        page = self.book.save(index, text, mark, digest, pages)
        entry = self.book.entries[index]
        return Answer.of({"text": page.text, "mark": page.mark, "status": entry.status})

    def close(self) -> None:
        """End everything that runs."""
        self._questions.close()
        self._lines.close()
        self._pictures.close()

    def draw_page(self, index: int, side: int) -> PageImage:
        """A page as a picture of at most *side* pixels. Raises ``DocumentError``."""
        return self._draw(self.book.entries[index], side)

    def _draw(self, entry: Entry, side: int = PAGE_SIDE) -> PageImage:
        return self._pictures.draw(self._wanted(entry), entry.number, side)

    def _wanted(self, entry: Entry) -> Wanted:
        return Wanted(entry.document, entry.digest, self.book.path_of(entry), entry.path)


def _choice(values: dict[str, Any], name: str, kind: type) -> Any:
    """What was chosen, ``None`` where nothing was. Raises ``UsageError`` for what is none."""
    value = values.get(name)
    if value in (None, ""):
        return None
    if not isinstance(value, kind) or isinstance(value, bool):
        raise UsageError(f"{name} is not of the right kind")
    return value


def _label(entry: Entry, *, are_captions: bool) -> str:
    """A page in the list."""
    return _file_name(entry) if are_captions or not entry.number else f"Page {entry.number}"


def _file_name(entry: Entry) -> str:
    return entry.document.replace("\\", "/").rsplit("/", 1)[-1] or entry.path.name
