"""The embedded engine's native code, in a process of its own: it reads untrusted pictures, and may crash or hang.

Both ends: ``Worker`` is the handle that the engine holds, ``serve`` what runs in the process.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from visionocr.processes.piped import Ask, Frame, Handler, Head, Lost, Piped

RawLine = tuple[float, float, float, float, str, float]
"""left, top, right, bottom (pixels), text, confidence (0 to 1)"""
MODELS = ("tiny", "small", "lite")
"""The models whose weights are inside a package: of faster-paddle, whose third, ``medium``, would be downloaded, and
of rapidocrlite."""
Reader = Callable[[bytes], list[RawLine]]


class Worker(Piped):
    """A running worker."""

    def __init__(self, threads: int, command: Sequence[str] | None = None, *, warm: str = "") -> None:
        """Start it; *threads* is the CPU budget of its engine, *warm* the model to load at once.

        Raises ``OSError`` when it cannot be started.
        """
        super().__init__(__name__, {"threads": threads, "warm": warm}, command=command)

    def ask(self, model: str, picture: bytes, timeout: float) -> list[RawLine]:
        """The lines that *model* finds in an encoded picture; *timeout* in seconds.

        Raises ``Failed`` or ``Lost``.
        """
        head, _ = self.call({"model": model}, picture, timeout=timeout)
        try:
            return [_raw(line) for line in head["lines"]]
        except (KeyError, ValueError, TypeError) as error:
            self.end()
            raise Lost("it answered nonsense") from error


def _raw(line: Any) -> RawLine:
    left, top, right, bottom, text, confidence = line
    return float(left), float(top), float(right), float(bottom), str(text), float(confidence)


def serve(threads: int, warm: str = "") -> Handler:
    """Answers ``{"model": name}`` and a picture with ``{"lines": [...]}``. *warm* is loaded at once."""
    readers: dict[str, Reader] = {}

    def reader(model: str) -> Reader:
        if model not in readers:
            readers[model] = _lite(threads) if model == "lite" else _paddle(model, threads)
        return readers[model]

    def read(head: Head, picture: bytes, _ask: Ask) -> Frame:
        model = head["model"]
        if model not in MODELS:
            return {"error": f"unknown model {model!r}", "setup": True}, b""
        try:
            found = reader(model)
        except Exception as error:  # noqa: BLE001 - a wheel for another system can fail in any way
            return {"error": str(error) or type(error).__name__, "setup": True}, b""
        return {"lines": found(picture)}, b""

    if warm:
        reader(warm)
    return read


def _paddle(model: str, threads: int) -> Reader:
    import faster_paddle

    engine: Any = faster_paddle.OcrEngine(model_size=model, threads=threads)

    def read(picture: bytes) -> list[RawLine]:
        return [
            (*line["topLeftCoord"], *line["bottomRightCoord"], line["text"], line["confidence"])
            for line in engine.ocr(picture)["bounds"].values()
        ]

    return read


def _lite(threads: int) -> Reader:
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
