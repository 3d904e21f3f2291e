"""A review server on loopback, and requests to it as a browser makes them."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from visionocr.boxes import TextLine
from visionocr.evidence import Reference, Source
from visionocr.prompting.library import Library
from visionocr.review.book import Book
from visionocr.review.desk import Desk
from visionocr.review.pictures import Pictures
from visionocr.review.places import Lines
from visionocr.review.questions import Questions
from visionocr.review.server import ReviewServer
from visionocr.settings import Settings
from visionocr.types import PageImage


@dataclass(frozen=True)
class Reply:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Client:
    """Asks a server, with the right names and secret unless told otherwise."""

    server: ReviewServer

    def ask(
        self,
        path: str,
        method: str = "GET",
        body: Any = None,
        *,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """One request. *body*: bytes as they are, everything else as JSON."""
        connection = http.client.HTTPConnection("127.0.0.1", self.server.server_port, timeout=30)
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        kind = {} if body is None else {"Content-Type": "application/json"}
        token = self.server.token if token is None else token
        target = path if path.startswith("/") else f"/{token}/{path}"
        try:
            connection.request(method, target, data, {**kind, **(headers or {})})
            reply = connection.getresponse()
            return Reply(reply.status, dict(reply.getheaders()), reply.read())
        finally:
            connection.close()


class _Known(Lines):
    """Lines that need not be read."""

    def __init__(self, lines: Sequence[TextLine] | None) -> None:
        super().__init__()
        self._reference = None if lines is None else Reference(Source.TEXT_LAYER, tuple(lines))

    def find(self, image: PageImage) -> Reference | None:
        """The same for every page."""
        return self._reference


@contextmanager
def serving(
    outputs: Sequence[Path], *, settings: Settings | None = None, lines: Sequence[TextLine] | None = None
) -> Iterator[Client]:
    """Serve *outputs* in this process. *lines*: what every page is said to hold."""
    book = Book(outputs)
    questions = Questions(settings or Settings(), Library(), task=book.task)
    desk = Desk(book, Pictures(workers=0), questions, _Known(lines))
    with ReviewServer(desk) as server:
        desk.end = server.shutdown
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield Client(server)
        finally:
            server.shutdown()
            thread.join()
            desk.close()
