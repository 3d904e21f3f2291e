"""The program part of a child process of the embedded engine: native code that reads untrusted pictures."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from visionocr.worker_main import Ask, Frame, Handler, Head

RawLine = tuple[float, float, float, float, str, float]
"""left, top, right, bottom (pixels), text, confidence (0 to 1)"""
MODELS = ("tiny", "small", "lite")
"""The models whose weights are inside a package: of faster-paddle, whose third, ``medium``, would be downloaded, and
of rapidocrlite."""
Reader = Callable[[bytes], list[RawLine]]


def serve(threads: int, warm: str = "", niceness: int = 0) -> Handler:
    """Answer ``{"model": name}`` and a picture with ``{"lines": [...]}``.

    *warm* is a model to load at once; *niceness*: how far the process gives way to others, where the system can do it.
    """
    if niceness and hasattr(os, "nice"):
        os.nice(niceness)
    readers: dict[str, Reader] = {}

    def load(model: str) -> Reader:
        if model not in readers:
            readers[model] = _load_lite(threads) if model == "lite" else _load_paddle(model, threads)
        return readers[model]

    def read(head: Head, picture: bytes, _ask: Ask) -> Frame:
        model = head["model"]
        if model not in MODELS:
            return {"error": f"unknown model {model!r}", "setup": True}, b""
        try:
            reader = load(model)
        except Exception as error:  # noqa: BLE001 - a wheel for another system can fail in any way
            return {"error": str(error) or type(error).__name__, "setup": True}, b""
        return {"lines": reader(picture)}, b""

    if warm:
        load(warm)
    return read


def _load_paddle(model: str, threads: int) -> Reader:
    import faster_paddle

    engine: Any = faster_paddle.OcrEngine(model_size=model, threads=threads)

    def read(picture: bytes) -> list[RawLine]:
        return [
            (*line["topLeftCoord"], *line["bottomRightCoord"], line["text"], line["confidence"])
            for line in engine.ocr(picture)["bounds"].values()
        ]

    return read


def _load_lite(threads: int) -> Reader:
    import rapidocr

    engine: Any = rapidocr.RapidOCR(
        params={
            "Det.model_type": "lite",  # it would download other types
            "Rec.model_type": "lite",
            "Global.log_level": "error",
            "EngineConfig.onnxruntime.intra_op_num_threads": threads,
        }
    )

    def read(picture: bytes) -> list[RawLine]:
        found = engine(picture)
        if found.txts is None:
            return []
        corners = [[(float(x), float(y)) for x, y in box] for box in found.boxes]
        boxes = [
            (min(x for x, _ in box), min(y for _, y in box), max(x for x, _ in box), max(y for _, y in box))
            for box in corners
        ]
        return [
            (*box, str(text), float(score)) for box, text, score in zip(boxes, found.txts, found.scores, strict=True)
        ]

    return read
