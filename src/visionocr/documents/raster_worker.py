"""What crosses the pipe between us and a process that draws: documents, pages and images as frames, and back.

``serve`` is the end that draws.
"""

from __future__ import annotations

import importlib
import itertools
from collections.abc import Iterable
from dataclasses import asdict

from visionocr.documents.content import Content
from visionocr.documents.document_cache import DocumentCache, DocumentHandle
from visionocr.errors import DocumentError
from visionocr.processes import memory
from visionocr.processes.piped import Ask, Frame, Handler, Head
from visionocr.types import Finding, FindingKind, PageImage, PageRef, RasterSpec, Severity

MEMORY = 1 << 30
"""Bytes of memory that a drawing process may take, where the system can enforce it (Linux)."""


_TRIMMED = 64
"""Answers between two clearings of the memory."""


def question(known: DocumentHandle, page: PageRef | None = None, spec: RasterSpec | None = None) -> Head:
    """The frame that asks for a page's images; without a page, for the number of pages."""
    content = known.content
    head: Head = {
        "document": known.number,
        "name": content.name,
        "path": content.path,
        "kind": known.kind,
        "state": known.state,
        "password": known.password,
    }
    if page is not None and spec is not None:
        head |= {"page": page.number, "pages": page.pages, "spec": asdict(spec)}
    return head


def images_in(frame: Frame, page: PageRef) -> tuple[PageImage, ...]:
    """The images of *page* that a frame holds. Raises one of Python's errors for a frame that makes no sense."""
    head, body = frame
    images, start = [], 0
    for image in head["images"]:
        size = int(image.pop("size"))
        findings = tuple(
            Finding(FindingKind(kind), str(message), Severity(severity))
            for kind, message, severity in image.pop("findings")
        )
        images.append(PageImage(page, data=body[start : start + size], findings=findings, **image))
        start += size
    return tuple(images)


def _images_out(images: Iterable[PageImage]) -> Frame:
    head = [
        {
            "media_type": image.media_type,
            "width": image.width,
            "height": image.height,
            "part": image.part,
            "parts": image.parts,
            "blank": image.blank,
            "findings": [(finding.kind, finding.message, finding.severity) for finding in image.findings],
            "size": len(image.data),
        }
        for image in images
    ]
    return {"images": head}, b"".join(image.data for image in images)


def serve(warm: bool) -> Handler:
    """Answers ``question`` frames. Where a document came through a pipe, the frame's body holds its bytes.

    *warm*: load what PDFs need before the first question.

    The answer holds ``images``, or ``pages`` and the ``password`` that opened the document, or ``refused`` (message
    and hint of a ``DocumentError``), or ``send``: the question again, please, with the document's bytes.
    """
    memory.limit(MEMORY)
    memory.reuse()
    if warm:  # a PDF is to be expected, and its library takes the longest to load
        importlib.import_module("visionocr.documents.pdf")
    opened = DocumentCache()
    drawn = itertools.count(1)

    def draw(head: Head, body: bytes, ask: Ask) -> Frame:
        if next(drawn) % _TRIMMED == 0:
            memory.trim()
        if not head["path"] and not body and head["document"] not in opened:
            return {"send": True}, b""
        content = Content(head["name"], head["path"], body)
        known = DocumentHandle(head["document"], content, head["kind"], tuple(head["state"]), head["password"])
        try:
            if "page" not in head:
                pages = opened.pages(known, lambda name: ask({"password": name})["password"])
                return {"pages": pages, "password": known.password}, b""
            spec = RasterSpec(**head["spec"])
            return _images_out(opened.load(known, PageRef(content.name, head["page"], head["pages"]), spec))
        except DocumentError as error:
            return {"refused": [error.message, error.hint]}, b""

    return draw
