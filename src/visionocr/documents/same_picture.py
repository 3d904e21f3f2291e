"""Whether two files hold the same picture: every frame, pixel for pixel."""

from __future__ import annotations

import hashlib
import math
from io import BytesIO
from typing import Any

from visionocr.documents import images, tiff
from visionocr.documents.kinds import HEAD, sniff
from visionocr.errors import DocumentError

_MOST_PIXELS = 2_000_000_000
"""Of all frames together: some twenty seconds."""


def find_kind(data: bytes) -> str:
    """The format of a picture, as ``sniff`` names it, ``RAW`` for a camera's raw photo; empty when it is none."""
    kind = sniff(data[:HEAD])
    return "RAW" if kind == "TIFF" and tiff.is_camera_raw(BytesIO(data)) else kind or ""


def is_same_picture(name: str, before: bytes, after: bytes) -> bool:
    """Whether two files have the same format, frames and pixels. Raises ``DocumentError`` where one cannot be decoded.

    *name* is for messages. One frame at a time is in memory.
    """
    kind = find_kind(before)
    if find_kind(after) != kind:
        return False
    with images.guarded(name):
        return _digest(name, before, kind) == _digest(name, after, kind)


def _digest(name: str, data: bytes, kind: str) -> bytes:
    digest = hashlib.blake2b()
    with images.open_picture(BytesIO(data), kind, name) as image:
        frames = getattr(image, "n_frames", 1)
        if frames * math.prod(image.size) > _MOST_PIXELS:
            raise DocumentError("it has too many pixels to be compared", "")
        for frame in range(frames):
            image.seek(frame)
            images.check_size(image, in_memory=True)
            image.load()
            digest.update(repr(_describe(image)).encode())
            digest.update(image.tobytes())
    return digest.digest()


def _describe(image: Any) -> tuple[object, ...]:
    """What the pixels of the current frame mean."""
    info = [image.info.get(key) for key in ("transparency", "gamma", "icc_profile", "duration", "loop")]
    return image.mode, image.size, image.getpalette(), info
