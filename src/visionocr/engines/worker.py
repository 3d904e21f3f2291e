"""The embedded engine's native code, in a process of its own: it reads untrusted pictures, and may crash or hang.

Both ends: ``Worker`` is the handle that the engine holds, ``serve`` what runs in the process.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from visionocr.piped import Ask, Frame, Handler, Head, Lost, Piped

MODELS = ("tiny", "small")
"""The models whose weights are inside the package. Its third, ``medium``, would be downloaded."""

RawLine = tuple[float, float, float, float, str, float]
"""left, top, right, bottom (pixels), text, confidence (0 to 1)"""


class Worker(Piped):
    """A running worker."""

    def __init__(self, threads: int, command: Sequence[str] | None = None) -> None:
        """Start it; *threads* is the CPU budget of its engine. Raises ``OSError`` when it cannot be started."""
        super().__init__(__name__, {"threads": threads}, command=command)

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


def serve(threads: int) -> Handler:
    """Answers ``{"model": name}`` and a picture with ``{"lines": [...]}``."""
    import faster_paddle

    engines: dict[str, Any] = {}

    def read(head: Head, picture: bytes, _ask: Ask) -> Frame:
        model = head["model"]
        if model not in MODELS:
            return {"error": f"unknown model {model!r}", "setup": True}, b""
        if model not in engines:
            engines[model] = faster_paddle.OcrEngine(model_size=model, threads=threads)
        found = engines[model].ocr(picture)["bounds"].values()
        return {
            "lines": [
                (*line["topLeftCoord"], *line["bottomRightCoord"], line["text"], line["confidence"]) for line in found
            ]
        }, b""

    return read
