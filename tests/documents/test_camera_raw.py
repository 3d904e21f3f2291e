"""Raw photos are developed, or refused with what to do; their previews are never taken for them."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from PIL import Image, ImageDraw

from drawing import colour, decoded
from tiff_files import LONG, SHORT, Tag, camera_tags, samples, thumbnail, tiff
from visionocr.documents import camera_raw
from visionocr.documents.content import Content
from visionocr.documents.kinds import HEAD, sniff
from visionocr.documents.picture import PictureFile
from visionocr.errors import DocumentError
from visionocr.extras import install_command
from visionocr.types import PageImage, PageRef, RasterSpec

SIZE = 640, 480
"""Pixels of the photo."""
SMALL = bytes(40 * 30)
"""A thumbnail."""


def photo() -> Image.Image:
    """A light sign on a dark wall."""
    picture = Image.new("L", SIZE, 30)
    ImageDraw.Draw(picture).rectangle((160, 120, 480, 360), fill=220)
    return picture


def dng(*more: Tag) -> bytes:
    """The photo as a sensor sees it."""
    return tiff(samples([level / 255 for level in photo().tobytes()], 16), camera_tags(SIZE, *more))


def with_preview(*more: Tag) -> bytes:
    """A thumbnail whose tags lead to a second directory behind it, as of NEF, ARW and most DNG."""
    return thumbnail(SMALL, (40, 30), [(330, LONG, [2000]), *more], bytes(3000))


RAW = {
    "DNG": dng(),
    "DNG with a preview": with_preview((50706, 1, [1, 4, 0, 0])),
    "NEF": with_preview(),
    "PEF": tiff(samples([0.5] * 40 * 30, 16), [tag for tag in camera_tags((40, 30)) if tag[0] < 40_000]),
    "linear": tiff(
        bytes(40 * 30 * 2), [*((n, t, v) for n, t, v in camera_tags((40, 30)) if n < 262), (262, SHORT, [34892])]
    ),
    "CR2": b"II*\0\x10\0\0\0CR\2\0" + bytes(100),
    "CR3": b"\0\0\0\x18ftypcrx \0\0\0\1crx isom" + bytes(100),
    "RAF": b"FUJIFILMCCD-RAW 0201" + bytes(100),
    "RW2": b"IIU\0\x18\0\0\0" + bytes(100),
    "ORF": b"IIRO\x08\0\0\0" + bytes(100),
    "X3F": b"FOVb" + bytes(100),
}


def file_of(data: bytes) -> PictureFile:
    """A picture file, opened as a command does it."""
    kind = sniff(data[:HEAD])
    assert kind is not None
    return PictureFile(Content("photo.raw", data=data), kind)


def load(data: bytes, side: int = 1000) -> PageImage:
    """The image of a raw photo, developed."""
    pytest.importorskip("rawpy")
    picture = file_of(data)
    assert picture.pages == 1
    (image,) = picture.load(PageRef("photo.raw", 1, 1), RasterSpec(side, split=False))
    return image


@pytest.mark.parametrize("data", RAW.values(), ids=RAW)
def test_raw_photos_are_refused_with_what_to_do(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing can develop them, they are refused when they are opened; no thumbnail is read."""
    monkeypatch.setitem(sys.modules, "rawpy", None)
    with pytest.raises(DocumentError, match=r"photo\.raw is a camera's raw photo") as caught:
        file_of(data)
    assert "export it as a JPEG" in caught.value.hint
    assert install_command("raw") in caught.value.hint


def test_a_tiff_with_a_thumbnail_is_no_raw_photo() -> None:
    """A frame that says what it is, and one with smaller versions below it, are pictures like others."""
    plain: list[Tag] = [(256, SHORT, [40]), (257, SHORT, [30]), (258, SHORT, [8]), (262, SHORT, [1]), (277, SHORT, [1])]
    for more in ([], [(330, LONG, [8])], [(254, LONG, [1])], [(254, LONG, [2]), (330, LONG, [8])]):
        picture = file_of(tiff(SMALL, [*plain, *more]))
        assert picture.load(PageRef("photo.raw", 1, 1), RasterSpec(100, split=False))[0].width == 40


@pytest.mark.parametrize(("side", "width"), [(1000, 640), (320, 320), (200, 200)])
def test_a_raw_photo_is_developed(side: int, width: int) -> None:
    """The whole photo is sent, in the size that was asked for, with what is light in it light."""
    image = load(dng(), side)
    assert (image.width, image.height) == (width, width * 3 // 4)
    picture = decoded(image)
    assert min(colour(picture, 0.5, 0.5)) > 200
    assert max(colour(picture, 0.05, 0.5)) < 120


@pytest.mark.parametrize(("orientation", "size"), [(1, (640, 480)), (3, (640, 480)), (6, (480, 640)), (8, (480, 640))])
def test_a_raw_photo_is_turned_upright(orientation: int, size: tuple[int, int]) -> None:
    """A photo taken with the camera on its side stands upright; its size is known without developing it."""
    data = dng((274, SHORT, [orientation]))
    image = load(data)
    assert (image.width, image.height) == size
    facts = file_of(data).load_facts(1)
    assert (facts.size, facts.orientation) == (size, 1)


def test_a_raw_photo_without_colour_filters_is_developed() -> None:
    """A sensor that sees only grey gives a grey photo."""
    tags = [tag for tag in camera_tags(SIZE) if tag[0] not in (33421, 33422, 262)]
    data = tiff(samples([level / 255 for level in photo().tobytes()], 16), [*tags, (262, SHORT, [34892])])
    assert min(colour(decoded(load(data)), 0.5, 0.5)) > 200


@pytest.mark.parametrize("kind", ["NEF", "CR2", "RAF", "X3F", "RW2"])
def test_a_broken_raw_photo_is_one_error(kind: str) -> None:
    """A raw photo that cannot be developed says so, in one line."""
    with pytest.raises(DocumentError, match=r"photo\.raw is a raw photo that cannot be developed") as caught:
        load(RAW[kind])
    assert caught.value.message.isprintable()
    assert caught.value.hint


def test_a_raw_photo_that_would_fill_the_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit counts what developing takes, which is a quarter at half the size."""
    limit: Any = 640 * 480 * 5
    monkeypatch.setattr(camera_raw, "MAX_MEMORY", limit)
    assert load(dng(), 300).width == 300
    with pytest.raises(DocumentError, match="640 x 480 pixels is too large"):
        load(dng())
