"""The frames in which a process that draws sends pages."""

from __future__ import annotations

import json

import msgspec
import pytest

from layer_pages import as_pdf, new_page, write_lines
from visionocr.boxes import Box
from visionocr.documents.content import Content
from visionocr.documents.document_cache import DocumentHandle
from visionocr.documents.figures import MOST, CutOrder
from visionocr.documents.raster_worker import decode_figures, decode_images, encode_question, serve
from visionocr.types import PageRef, RasterSpec
from visionocr.worker_main import Frame, Head

PAGE = PageRef("a.pdf", 1, 1)


def answer(spec: RasterSpec, monkeypatch: pytest.MonkeyPatch) -> Frame:
    """The frame that answers for a page of 320 words, as it comes out of the pipe."""
    monkeypatch.setattr("visionocr.documents.raster_worker._limit_memory", lambda _: None)
    monkeypatch.setattr("visionocr.documents.raster_worker._call_glibc", lambda *_: None)
    data = as_pdf(write_lines(new_page()))
    content = Content("a.pdf", data=data)
    question = encode_question(DocumentHandle(0, content, "PDF", content.state()), PAGE, spec)

    def ask(_: Head) -> Head:
        raise AssertionError("no password is needed")

    head, body = serve(warm=False)(json.loads(json.dumps(question)), data, ask)
    return json.loads(json.dumps(head)), body


def test_evidence_is_sent_only_when_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it a frame is its picture; with it, it has less than 200 bytes more for each word."""
    plain, full = (answer(RasterSpec(600, find_evidence=wanted), monkeypatch) for wanted in (False, True))
    assert decode_images(plain, PAGE)[0].evidence is None
    (image,) = decode_images(full, PAGE)
    assert image.evidence is not None
    assert sum(len(line.words) for line in image.evidence.text_layer) == 320
    assert len(plain[1]) < len(full[1]) < len(plain[1]) + 320 * 200


def test_strips_arrive_as_they_were_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts, places, and how much smaller an image is than it could be come through the frame."""
    images = decode_images(answer(RasterSpec(600, strips=2), monkeypatch), PAGE)
    assert [(image.part, image.parts, image.overlaps) for image in images] == [(1, 2, False), (2, 2, False)]
    assert images[0].region.bottom == images[1].region.top
    (image,) = decode_images(answer(RasterSpec(1600, fit_print=True, find_evidence=True), monkeypatch), PAGE)
    assert image.reduction == pytest.approx(max(image.width, image.height) / 1600, abs=0.001)


@pytest.mark.parametrize(
    "evidence",
    [
        b"\xc1",
        b"\x80",
        msgspec.msgpack.encode({"width": "wide", "height": 1.0}),
        msgspec.msgpack.encode({"width": 1.0, "height": 1.0, "text_layer": [{"text": 7}]}),
    ],
)
def test_evidence_that_makes_no_sense_is_refused(evidence: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a process sends that a document has taken over is no evidence unless it has its form."""
    head, body = answer(RasterSpec(600), monkeypatch)
    with pytest.raises(ValueError, match=r"\S"):
        decode_images((head | {"evidence": len(evidence)}, evidence + body), PAGE)


@pytest.mark.parametrize(
    "figure",
    [
        {"index": 1},
        {"index": "x"},
        {"box": [0.1, 0.1, 0.2]},
        {"box": [0.2, 0.1, 0.1, 0.2]},
        {"box": [float("nan"), 0.1, 0.2, 0.2]},
        {"box": [0.1, 0.1, 1.2, 0.2]},
        {"size": "x"},
        {"image": 7},
    ],
)
def test_figures_that_make_no_sense_are_refused(figure: dict[str, object]) -> None:
    """A process that a document has taken over can neither name places nor send more than there may be."""
    order = CutOrder((Box(0.1, 0.1, 0.2, 0.2),))
    good = {"index": None, "box": [0.1, 0.1, 0.2, 0.2], "identity": "", "size": 3, "image": None}
    (found,) = decode_figures(({"figures": [good]}, b"png"), PAGE, order)
    assert (found.png, found.box) == (b"png", order.boxes[0])
    for figures in ([good | figure], [good] * (MOST + 1)):
        with pytest.raises((ValueError, LookupError, TypeError, AttributeError)):
            decode_figures(({"figures": figures}, b"png"), PAGE, order)
