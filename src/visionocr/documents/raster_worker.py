"""The program part of a child process that renders pages, and the frames exchanged with it."""

from __future__ import annotations

import importlib
import itertools
import sys
from collections.abc import Sequence
from dataclasses import asdict, astuple
from typing import Any

import msgspec

from visionocr.boxes import Box
from visionocr.documents.content import Content
from visionocr.documents.document_cache import DocumentCache, DocumentHandle
from visionocr.documents.figures import MOST, CutFigure, CutOrder
from visionocr.errors import DocumentError
from visionocr.evidence import Evidence
from visionocr.types import Finding, FindingKind, PageImage, PageRef, RasterSpec, Severity
from visionocr.worker_main import Ask, Frame, Handler, Head

MEMORY = 1 << 30
"""Bytes of memory that the process may take, where the system can enforce it (Linux)."""
_TRIM_EVERY = 64
"""Answers after which freed memory is given back to the system."""
_KEEP_AT_TOP = 64 << 20
"""Bytes at the end of the heap that are kept for the next picture: about what a large scan needs."""
_LARGEST_IN_HEAP = 32 << 20
"""Bytes up to which a block lies in the heap: the most that glibc takes."""
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # names of glibc's malloc.h


def encode_question(
    document: DocumentHandle,
    page: PageRef | None = None,
    spec: RasterSpec | None = None,
    figures: CutOrder | None = None,
) -> Head:
    """The frame that asks for a page's images, or its figures; without a page, for the number of pages."""
    content = document.content
    head: Head = {
        "document": document.number,
        "name": content.name,
        "path": content.path,
        "kind": document.kind,
        "state": document.state,
        "password": document.password,
    }
    if page is not None:
        head |= {"page": page.number, "pages": page.pages}
        head |= {"spec": asdict(spec)} if spec is not None else {}
        head |= {"figures": asdict(figures)} if figures is not None else {}
    return head


def decode_images(frame: Frame, page: PageRef) -> tuple[PageImage, ...]:
    """The images of *page* that a frame holds. Raises one of Python's errors for a frame that makes no sense."""
    head, body = frame
    start = int(head["evidence"])
    try:
        evidence = msgspec.msgpack.decode(body[:start], type=Evidence) if start else None
    except msgspec.DecodeError as error:
        raise ValueError(str(error)) from error
    images = []
    for image in head["images"]:
        images.append(_decode_image(image, page, body, start, evidence))
        start += len(images[-1].data)
    return tuple(images)


def decode_figures(frame: Frame, page: PageRef, order: CutOrder) -> list[CutFigure]:
    """The figures of *page* that a frame holds. Raises one of Python's errors for a frame that makes no sense."""
    head, body = frame
    figures: list[CutFigure] = []
    start = 0
    for one in head["figures"]:
        end = start + int(one["size"])
        image = _decode_image(one["image"], page, body, end) if one["image"] is not None else None
        index = int(one["index"]) if one["index"] is not None else None
        box = Box(*map(float, one["box"])) if index is None else order.boxes[index]
        is_inside = 0 <= box.left < box.right <= 1 and 0 <= box.top < box.bottom <= 1
        if len(figures) == MOST or (index is None and not is_inside):
            raise ValueError("not the figures of a page")
        figures.append(CutFigure(box, body[start:end], index, str(one["identity"]), image))
        start = end + (len(image.data) if image is not None else 0)
    return figures


def _decode_image(
    head: dict[str, Any], page: PageRef, body: bytes, start: int, evidence: Evidence | None = None
) -> PageImage:
    size = int(head.pop("size"))
    region = Box(*map(float, head.pop("region")))
    findings = tuple(
        Finding(FindingKind(kind), str(message), Severity(severity)) for kind, message, severity in head.pop("findings")
    )
    data = body[start : start + size]
    return PageImage(page, data=data, findings=findings, region=region, evidence=evidence, **head)


def _encode_image(image: PageImage) -> dict[str, Any]:
    return {
        "media_type": image.media_type,
        "width": image.width,
        "height": image.height,
        "part": image.part,
        "parts": image.parts,
        "blank": image.blank,
        "findings": [(finding.kind, finding.message, finding.severity) for finding in image.findings],
        "region": astuple(image.region),
        "overlaps": image.overlaps,
        "reduction": image.reduction,
        "turn": image.turn,
        "taken": image.taken,
        "size": len(image.data),
    }


def _encode_figures(figures: Sequence[CutFigure]) -> Frame:
    head = [
        {
            "box": astuple(figure.box),
            "index": figure.index,
            "identity": figure.identity,
            "size": len(figure.png),
            "image": None if figure.image is None else _encode_image(figure.image),
        }
        for figure in figures
    ]
    parts = [(figure.png, b"" if figure.image is None else figure.image.data) for figure in figures]
    return {"figures": head}, b"".join(itertools.chain.from_iterable(parts))


def _encode_images(images: Sequence[PageImage]) -> Frame:
    head = [_encode_image(image) for image in images]
    # All images have the same. MessagePack, because a page may have thousands of words.
    evidence = images[0].evidence
    packed = b"" if evidence is None else msgspec.msgpack.encode(evidence)
    return {"images": head, "evidence": len(packed)}, b"".join([packed, *(image.data for image in images)])


def serve(warm: bool) -> Handler:
    """Answer ``encode_question`` frames. Where a document came through a pipe, the frame's body holds its bytes.

    *warm*: load what PDFs need before the first question.

    The answer holds ``images``, or ``figures``, or ``pages`` and the ``password`` that opened the document, or
    ``refused`` (message and hint of a ``DocumentError``), or ``send``: the question again, please, with the
    document's bytes.
    """
    _limit_memory(MEMORY)
    _call_glibc("mallopt", _MMAP_THRESHOLD, _LARGEST_IN_HEAP)
    _call_glibc("mallopt", _TRIM_THRESHOLD, _KEEP_AT_TOP)  # fresh memory for each picture costs as much as shrinking it
    if warm:  # a PDF is to be expected, and its library takes the longest to load
        importlib.import_module("visionocr.documents.pdf")
    documents = DocumentCache()
    answers = itertools.count(1)

    def render(head: Head, body: bytes, ask: Ask) -> Frame:
        if next(answers) % _TRIM_EVERY == 0:
            _call_glibc("malloc_trim", 0)
        if not head["path"] and not body and head["document"] not in documents:
            return {"send": True}, b""
        content = Content(head["name"], head["path"], body)
        document = DocumentHandle(head["document"], content, head["kind"], tuple(head["state"]), head["password"])
        try:
            if "page" not in head:
                pages = documents.count_pages(document, lambda name: ask({"password": name})["password"])
                return {"pages": pages, "password": document.password}, b""
            page = PageRef(content.name, head["page"], head["pages"])
            if "figures" in head:
                return _encode_figures(documents.cut(document, page, msgspec.convert(head["figures"], CutOrder)))
            return _encode_images(documents.load(document, page, RasterSpec(**head["spec"])))
        except DocumentError as error:
            return {"refused": [error.message, error.hint]}, b""

    return render


def _limit_memory(most: int) -> None:
    """Refuse what is asked for beyond *most* bytes, instead of driving the machine into its swap (Linux)."""
    try:
        import resource
    except ImportError:  # Windows
        return
    kind: Any = getattr(resource, "RLIMIT_DATA", None)
    if kind is None:
        return
    soft, hard = resource.getrlimit(kind)
    if soft == resource.RLIM_INFINITY or soft > most:
        resource.setrlimit(kind, (most, hard))


def _call_glibc(name: str, *arguments: int) -> None:
    """Call a function of the C library, where it is glibc or has that function too."""
    if sys.platform == "linux":
        import ctypes

        function: Any = getattr(ctypes.CDLL(None), name, None)
        if function is not None:
            function(*arguments)
