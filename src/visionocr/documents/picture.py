"""Picture files as documents: a page for each frame of a TIFF, one page for anything else."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import IO, Any, TypeVar

from visionocr.documents import images, tiff
from visionocr.documents.camera_raw import check_raw, develop, read_size
from visionocr.documents.content import Content
from visionocr.documents.conversion import convert, read_date, read_orientation
from visionocr.documents.figure_cutting import crop_box, make_figure
from visionocr.documents.figures import MOST, CutFigure, CutOrder
from visionocr.documents.fit import compute_scale, make_images
from visionocr.documents.page_evidence import find_evidence
from visionocr.errors import DocumentError
from visionocr.text import printable
from visionocr.types import Finding, FindingKind, PageImage, PageRef, RasterSpec, Severity

_MAX_FRAMES = 20_000
"""Of a TIFF. Finding a frame takes longer the more come before it."""
_HALF_COLOUR = frozenset({"JPEG", "WEBP", "HEIF", "AVIF"})
"""Formats that store colour at half the resolution, or may: sending it finer would only cost bytes."""
_LARGE = 16_000_000
"""Pixels of a decoded frame that is not kept."""
_DAMAGED = Finding(
    FindingKind.DAMAGED, "the picture is cut off or damaged; what can be read was read", Severity.SUSPECT
)
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class PictureFacts:
    """What a picture file says about one of its pages."""

    size: images.Size
    """Pixels, before the orientation is applied."""
    dpi: tuple[float, ...]
    """Pixels an inch across and down; 0 where the file does not say. Cameras and programs write 72 or 96 for that."""
    orientation: int
    """EXIF: 1 for upright."""
    is_lossy: bool
    """Compressed so that details were lost."""
    is_bilevel: bool
    """Black and white only."""


class PictureFile:
    """A picture file as a document."""

    def __init__(self, content: Content, kind: str) -> None:
        """*kind* is its format, as ``sniff`` names it. Raises ``DocumentError``."""
        self._content = content
        self._kind = kind
        self._stream: IO[bytes] | None = None
        self._image: Any = None
        self._frames, self._damaged = self._attempt(content.name, self._find_frames)
        self.pages = len(self._frames)
        """How many pages it has."""

    def load(self, page: PageRef, spec: RasterSpec) -> tuple[PageImage, ...]:
        """The images of one page; raises ``DocumentError`` when it cannot be decoded."""
        name = self._content.name
        if not 1 <= page.number <= self.pages:
            raise DocumentError(f"{printable(name)} has no page {page.number}")
        decode = partial(self._decode, self._frames[page.number - 1], lambda size: compute_scale(size, spec))
        label = name if self.pages == 1 else f"page {page.number} of {name}"
        (picture, taken), damaged = self._attempt(label, decode, tolerant=self._damaged)
        findings = (_DAMAGED,) if damaged else ()
        evidence = find_evidence(picture, turn=spec.turn, needs_small=spec.needs_print) if spec.find_evidence else None
        made = make_images(picture, page, spec, findings, full_colour=self._kind not in _HALF_COLOUR, evidence=evidence)
        return tuple(replace(image, taken=taken) for image in made) if taken else made

    def cut(self, page: PageRef, order: CutOrder) -> list[CutFigure]:
        """The figures of one page, at their full size; raises ``DocumentError`` when it cannot be decoded."""
        if not order.boxes:
            return []
        whole = self.load_whole(page.number)
        figures: list[CutFigure] = []
        for index, box in enumerate(order.boxes[:MOST]):
            part = whole.crop(crop_box(box, *whole.size))
            full_colour = self._kind not in _HALF_COLOUR
            figure = make_figure(part, box, order, page, index=index, full_colour=full_colour)
            figures += [] if figure is None else [figure]
        return figures

    def load_facts(self, number: int) -> PictureFacts:
        """What a page is, 1-based; nothing is decoded. Raises ``DocumentError``."""
        return self._attempt(self._content.name, partial(self._read_facts, self._frames[number - 1]))[0]

    def load_whole(self, number: int) -> images.Picture:
        """A page, 1-based, at its full size, upright, grey or RGB. Raises ``DocumentError``."""
        decode = partial(self._decode, self._frames[number - 1], lambda _: 1.0)
        return self._attempt(self._content.name, decode, tolerant=self._damaged)[0][0]

    def close(self) -> None:
        """Close the file."""
        if self._stream is not None:
            self._stream.close()
        self._stream = self._image = None

    def _attempt(self, label: str, action: Callable[[], _T], *, tolerant: bool = False) -> tuple[_T, bool]:
        """The result of *action*, and whether the file is damaged, so that it was done with what can be read of it."""
        try:
            with images.guarded(label, tolerant=tolerant):
                return action(), tolerant
        except DocumentError as error:
            self.close()  # the decoder may be in any state
            if tolerant or not isinstance(error.__cause__, images.BROKEN):
                raise
        return self._attempt(label, action, tolerant=True)

    def _open(self) -> Any:
        if self._image is None:
            self._stream = self._content.open()
            self._image = images.open_picture(self._stream, self._kind, self._content.name)
        return self._image

    def _is_camera_raw(self) -> bool:
        """Whether it is a raw photo. Most look like TIFFs, in whose first frame there is a thumbnail."""
        if self._kind == "TIFF":
            with self._content.open() as stream:
                if tiff.is_camera_raw(stream):
                    self._kind = "RAW"
        return self._kind == "RAW"

    def _find_frames(self) -> list[int]:
        """The frames that are pages."""
        if self._is_camera_raw():
            check_raw(self._content.name)
            return [0]
        image = self._open()
        frames: list[int] = []
        for frame in itertools.count() if self._kind == "TIFF" else ():
            if frame == _MAX_FRAMES:
                name = printable(self._content.name)
                raise DocumentError(f"{name} has more than {_MAX_FRAMES:,} frames", "split it into several files")
            try:
                image.seek(frame)
                is_page = tiff.is_page(image)
            except EOFError:
                break
            except images.BROKEN:
                # All further frames are found through this one: it stands for them, and loading it says what is wrong.
                frames.append(frame)
                break
            if is_page:
                frames.append(frame)
        return frames or [0]

    def _read_facts(self, frame: int) -> PictureFacts:
        if self._kind == "RAW":
            with self._content.open() as stream:
                size = read_size(stream, self._content.name)
            return PictureFacts(size, (0.0, 0.0), orientation=1, is_lossy=True, is_bilevel=False)
        image = self._open()
        image.seek(frame)
        dpi = tuple(float(side) for side in image.info.get("dpi", (0, 0)))
        is_lossy = self._kind in _HALF_COLOUR or "jpeg" in str(image.info.get("compression"))
        return PictureFacts(image.size, dpi[:2], read_orientation(image), is_lossy, image.mode == "1")

    def _decode(self, frame: int, compute_scale: Callable[[images.Size], float]) -> tuple[images.Picture, str]:
        """A frame, upright, grey or RGB, reduced towards the scale that *compute_scale* tells for its size.

        The second value is the day on which it was taken; see ``read_date``.
        """
        if self._kind == "RAW":
            with self._content.open() as stream:
                return develop(stream, self._content.name, compute_scale), ""
        image = self._open()
        image.seek(frame)
        if image.format == "PNG":
            images.check_size(image, in_memory=True)  # Pillow decodes a PNG to find its EXIF data
        taken = read_date(image)  # what converting leaves of the image may have no EXIF data
        picture = convert(image, compute_scale)
        # An open file keeps the frame that it decoded last. Between the pages of a TIFF it need not be found again.
        if self.pages == 1 or math.prod(image.size) >= _LARGE:
            self.close()
        return picture, taken
