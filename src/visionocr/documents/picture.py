"""Picture files as documents: a page for each frame of a TIFF, one page for anything else."""

from __future__ import annotations

import math
from typing import IO, Any

from visionocr.documents import images
from visionocr.documents.content import Content
from visionocr.documents.finish import finish
from visionocr.documents.geometry import Size, useful_scale
from visionocr.errors import DocumentError
from visionocr.text import printable
from visionocr.types import Finding, FindingKind, PageImage, PageRef, RasterSpec, Severity

_HALF_COLOUR = frozenset({"JPEG", "WEBP", "HEIF", "AVIF"})
"""Formats that store colour at half the resolution, or may: sending it finer would only cost bytes."""
_LARGE = 16_000_000
"""Pixels from which on a decoded frame is not worth keeping."""
_LOST = Finding(FindingKind.DAMAGED, "the picture is cut off or damaged; what can be read was read", Severity.SUSPECT)


class PictureFile:
    """A picture file as a document."""

    def __init__(self, content: Content, kind: str) -> None:
        self._content = content
        self._kind = kind
        self._stream: IO[bytes] | None = None
        self._image: Any = None
        self._damaged = False
        try:
            self._frames = self._survey()
        except DocumentError as error:
            if not isinstance(error.__cause__, images.BROKEN):
                raise
            self._damaged = True
            self._frames = self._survey()
        self.pages = len(self._frames)
        """How many pages it has."""

    def load(self, page: PageRef, spec: RasterSpec) -> tuple[PageImage, ...]:
        """The images of one page; raises ``DocumentError`` when it cannot be decoded."""
        if not 1 <= page.number <= self.pages:
            raise DocumentError(f"{printable(self._content.name)} has no page {page.number}")

        def scale_for(size: Size) -> float:
            return useful_scale(size, spec)

        picture, lost = self._read(page, scale_for)
        return finish(picture, page, spec, (_LOST,) if lost else (), full_colour=self._kind not in _HALF_COLOUR)

    def close(self) -> None:
        """Close the file."""
        if self._stream is not None:
            self._stream.close()
        self._stream = self._image = None

    def _label(self, page: PageRef) -> str:
        return self._content.name if self.pages == 1 else f"page {page.number} of {self._content.name}"

    def _read(self, page: PageRef, scale_for: images.ScaleFor) -> tuple[images.Picture, bool]:
        """One page, upright, grey or RGB, and whether a part of it is lost."""
        frame = self._frames[page.number - 1]
        if not self._damaged:
            try:
                with images.guarded(self._label(page)):
                    return self._decode(frame, scale_for), False
            except DocumentError as error:
                if not isinstance(error.__cause__, images.BROKEN):
                    raise
            # The decoder may be in any state: begin again, and take what there is.
            self.close()
        with images.guarded(self._label(page), tolerant=True):
            return self._decode(frame, scale_for), True

    def _survey(self) -> list[int]:
        """Open the file; the frames that are pages."""
        with images.guarded(self._content.name, tolerant=self._damaged):
            self._open()
            try:
                return images.frames_of(self._image, self._content.name) if self._kind == "TIFF" else [0]
            except BaseException:
                self.close()
                raise

    def _open(self) -> None:
        self.close()
        self._stream = self._content.open()
        try:
            self._image = images.open_picture(self._stream, self._kind, self._content.name)
        except BaseException:
            self.close()
            raise

    def _decode(self, frame: int, scale_for: images.ScaleFor) -> images.Picture:
        if self._image is None:
            self._open()
        keep = False
        try:
            self._image.seek(frame)
            picture = images.convert(self._image, scale_for)
            keep = self.pages > 1 and math.prod(self._image.size) < _LARGE
        finally:
            # The object of an opened file holds on to the frame it decoded last. Between the pages of a TIFF it
            # saves finding the place again; else it is in the way.
            if not keep:
                self.close()
        return picture
