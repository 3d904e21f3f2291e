"""Picture files become images."""

from __future__ import annotations

import array
import os
import struct
import sys
import threading
import warnings
import zlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile, PngImagePlugin

from drawing import OLD_PILLOW, as_file, colour, decoded, near, picture_bytes
from visionocr.documents import conversion, images
from visionocr.documents.content import Content
from visionocr.documents.kinds import HEAD, sniff
from visionocr.documents.picture import PictureFile
from visionocr.errors import DocumentError
from visionocr.extras import install_command
from visionocr.types import FindingKind, PageImage, PageRef, RasterSpec, Severity

SPEC = RasterSpec(1000)
PAGE = PageRef("picture", 1, 1)


def _file(data: bytes) -> PictureFile:
    kind = sniff(data[:HEAD])
    assert kind is not None
    return PictureFile(Content("picture", data=data), kind)


def _load(data: bytes, number: int = 1, **spec: Any) -> PageImage:
    picture = _file(data)
    (image,) = picture.load(PageRef("picture", number, picture.pages), RasterSpec(**{"max_side": 1000, **spec}))
    picture.close()
    return image


def _ramp(mode: str = "RGB", size: tuple[int, int] = (256, 64)) -> Image.Image:
    """Black on the left to white on the right."""
    return Image.linear_gradient("L").rotate(90).resize(size).convert(mode)


def _deep(top: int) -> Image.Image:
    """A 16-bit ramp from 0 to *top*."""
    return _ramp("I").point(lambda value: value * (top / 255)).convert("I;16")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "AVIF"])
def test_formats(kind: str) -> None:
    """Every format is read, from memory and by content."""
    image = decoded(_load(picture_bytes(_ramp(), kind)))
    assert image.size == (256, 64)
    assert near(colour(image, 0.0, 0.5), (0, 0, 0))
    assert near(colour(image, 0.5, 0.5), (127, 127, 127))
    assert near(colour(image, 1.0, 0.5), (255, 255, 255))


@pytest.mark.parametrize(
    ("mode", "kind"),
    [
        *(("L", kind) for kind in ("JPEG", "PNG", "TIFF", "BMP")),
        *(("P", kind) for kind in ("PNG", "TIFF", "GIF", "BMP")),
        *(("LA", kind) for kind in ("PNG", "TIFF")),
        *(("RGBA", kind) for kind in ("PNG", "TIFF", "WEBP", "AVIF")),
        *(("CMYK", kind) for kind in ("JPEG", "TIFF")),
        *(("YCbCr", kind) for kind in ("JPEG", "TIFF")),
        *((mode, "TIFF") for mode in ("PA", "LAB", "I", "F", "RGBX")),
    ],
)
@pytest.mark.parametrize("side", [1000, 40])
def test_modes(mode: str, kind: str, side: int) -> None:
    """In every mode the ramp goes from black to white with middle grey in the middle, shrunk or not."""
    if OLD_PILLOW and (mode, kind) == ("YCbCr", "TIFF"):
        pytest.skip("this Pillow writes it wrongly")
    source = _ramp("LA" if mode == "PA" else "RGB" if mode == "LAB" else "L" if mode in ("I", "F") else "RGB")
    stored = source.quantize(256) if mode == "P" else source.convert(mode)
    image = decoded(_load(picture_bytes(stored, kind), max_side=side))
    assert near(colour(image, 0.5, 0.5), (128, 128, 128), 20)
    if side == 1000:
        assert near(colour(image, 0.0, 0.5), (0, 0, 0), 25)
        assert near(colour(image, 1.0, 0.5), (255, 255, 255), 25)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP"])
@pytest.mark.parametrize("side", [1000, 60])
def test_one_bit(kind: str, side: int) -> None:
    """Black and white scans are not inverted, and become grey where they are shrunk."""
    scan = Image.new("1", (400, 300), 1)
    scan.paste(0, (0, 0, 200, 300))
    image = decoded(_load(picture_bytes(scan, kind), max_side=side))
    assert near(colour(image, 0.2, 0.5), (0, 0, 0))
    assert near(colour(image, 0.8, 0.5), (255, 255, 255))


@pytest.mark.parametrize("top", [65535, 4095, 1023, 255])
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_are_scaled(top: int, kind: str) -> None:
    """Sixteen bits, or the ten or twelve of them that a scanner uses, are scaled to eight, not clipped."""
    image = decoded(_load(picture_bytes(_deep(top), kind)))
    assert near(colour(image, 0.5, 0.5), (127, 127, 127))
    assert near(colour(image, 0.0, 0.5), (0, 0, 0))
    assert near(colour(image, 1.0, 0.5), (255, 255, 255))


def test_sixteen_bits_big_endian() -> None:
    """Motorola byte order is read as well."""
    deep = _deep(65535)
    samples = array.array("H", deep.tobytes())
    samples.byteswap()
    tags = {256: 256, 257: 64, 258: 16, 259: 1, 262: 1, 273: 8, 277: 1, 278: 64, 279: len(samples) * 2}
    data = b"MM\0*" + struct.pack(">I", 8 + len(samples) * 2) + samples.tobytes() + struct.pack(">H", len(tags))
    data += b"".join(struct.pack(">HHII", tag, 4, 1, value) for tag, value in tags.items()) + bytes(4)
    image = decoded(_load(data))
    assert near(colour(image, 0.5, 0.5), (127, 127, 127))


def test_fractions_are_scaled() -> None:
    """Floating point pictures from 0 to 1 are not black."""
    image = decoded(_load(picture_bytes(_ramp("F").point(lambda value: value * (1 / 255) + 0), "TIFF")))
    assert near(colour(image, 0.5, 0.5), (127, 127, 127))


def test_adobe_cmyk_is_not_inverted() -> None:
    """A CMYK JPEG as Adobe writes it (inverted, and saying so) has its true colours."""
    data = picture_bytes(Image.new("CMYK", (64, 64), (0, 255, 255, 0)), "JPEG")
    assert b"Adobe" in data
    assert near(colour(decoded(_load(data)), 0.5, 0.5), (255, 0, 0), 20)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("side", [1000, 40])
def test_alpha_is_flattened_on_white(kind: str, side: int) -> None:
    """Transparent pixels become white, whatever colour they have; half-transparent ones half white."""
    picture = Image.new("RGBA", (120, 120), (0, 0, 0, 0))
    picture.paste((0, 0, 0, 255), (0, 0, 40, 120))
    picture.paste((0, 0, 0, 128), (80, 0, 120, 120))
    options = {"lossless": True} if kind == "WEBP" else {"quality": 100} if kind == "AVIF" else {}
    image = decoded(_load(picture_bytes(picture, kind, **options), max_side=side))
    assert near(colour(image, 0.1, 0.5), (0, 0, 0), 25)
    assert near(colour(image, 0.5, 0.5), (255, 255, 255), 25)
    assert near(colour(image, 0.9, 0.5), (127, 127, 127), 25)


@pytest.mark.parametrize(("mode", "key"), [("P", 0), ("L", 0), ("RGB", (0, 0, 0)), ("P", bytes([0, 255]))])
def test_transparent_colour_is_white(mode: str, key: Any) -> None:
    """A colour that a PNG declares transparent becomes white."""
    picture = Image.new(mode, (60, 60))
    if mode == "P":
        picture.putpalette([0, 0, 0, 255, 0, 0])
    picture.paste(1 if mode != "RGB" else (255, 0, 0), (30, 0, 60, 60))
    image = decoded(_load(picture_bytes(picture, "PNG", transparency=key)))
    assert colour(image, 0.1, 0.5) == (255, 255, 255)


def test_transparent_gif_is_white() -> None:
    """The transparent parts of a GIF become white."""
    picture = Image.new("P", (60, 60), 0)
    picture.putpalette([0, 0, 0, 255, 0, 0])
    picture.paste(1, (30, 0, 60, 60))
    image = decoded(_load(picture_bytes(picture, "GIF", transparency=0)))
    assert colour(image, 0.1, 0.5) == (255, 255, 255)
    assert near(colour(image, 0.9, 0.5), (255, 0, 0))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("side", [1000, 50])
def test_orientation_is_applied(orientation: int, kind: str, side: int) -> None:
    """Pictures come out upright for all eight orientations: red corner top left, landscape."""
    upright = Image.new("RGB", (160, 120), "white")
    upright.paste("red", (0, 0, 80, 60))
    upright.paste("blue", (80, 60, 160, 120))
    inverse = {6: 8, 8: 6}.get(orientation, orientation)
    turn = conversion._UPRIGHT.get(inverse)
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = upright.transpose(turn) if turn is not None else upright
    image = decoded(_load(picture_bytes(stored, kind, exif=exif), max_side=side))
    assert image.size == ((160, 120) if side == 1000 else (50, 38))
    assert near(colour(image, 0.2, 0.2), (255, 0, 0), 40)
    assert near(colour(image, 0.8, 0.8), (0, 0, 255), 40)
    assert near(colour(image, 0.8, 0.2), (255, 255, 255), 40)


def test_metadata_is_not_sent() -> None:
    """Comments, places, profiles and resolutions of the file are not sent (``decoded`` checks it)."""
    exif = Image.Exif()
    exif[0x010E] = "secret"
    text = PngImagePlugin.PngInfo()
    text.add_text("comment", "secret")
    for data in (
        picture_bytes(_ramp(), "JPEG", exif=exif, comment=b"secret", icc_profile=b"secret" * 30, dpi=(123, 123)),
        picture_bytes(_ramp(), "PNG", exif=exif, pnginfo=text, icc_profile=b"secret" * 30, dpi=(123, 123)),
    ):
        assert b"secret" not in _load(data).data
        decoded(_load(data))


def test_frames_of_a_tiff_are_pages() -> None:
    """Each frame of a TIFF is a page of its own size, loaded in any order; thumbnails are not."""
    frames = [Image.new("RGB", (100 + 10 * n, 100), (0, 80 * n, 0)) for n in range(3)]
    picture = _file(picture_bytes(frames[0], "TIFF", save_all=True, append_images=frames[1:]))
    assert picture.pages == 3
    for number in (3, 1, 2, 2):
        (image,) = picture.load(PageRef("picture", number, 3), SPEC)
        assert image.width == 90 + 10 * number
        assert near(colour(decoded(image), 0.5, 0.5), (0, 80 * (number - 1), 0))
    with pytest.raises(DocumentError, match="no page 4"):
        picture.load(PageRef("picture", 4, 3), SPEC)
    picture.close()
    if OLD_PILLOW:
        pytest.skip("this Pillow cannot write tags for each frame")
    thumbnail = Image.new("RGB", (20, 20))
    thumbnail.encoderinfo = {"tiffinfo": {254: 1}}
    picture = _file(picture_bytes(frames[0], "TIFF", save_all=True, append_images=[thumbnail, frames[1]]))
    assert picture.pages == 2
    (image,) = picture.load(PageRef("picture", 2, 2), SPEC)
    assert image.width == 110


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_animations_are_one_picture(kind: str) -> None:
    """Of an animation the first frame is taken."""
    frames = [Image.new("RGB", (50, 50), name) for name in ("red", "blue", "green")]
    data = picture_bytes(frames[0], kind, save_all=True, append_images=frames[1:])
    assert _file(data).pages == 1
    assert near(colour(decoded(_load(data)), 0.5, 0.5), (255, 0, 0))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "BMP", "GIF"])
def test_truncated_pictures_are_read_as_far_as_possible(kind: str) -> None:
    """A picture that is cut off gives its first part, and the page is suspect."""
    noise = Image.effect_noise((300, 300), 60)
    noise.paste(255, (0, 0, 300, 60))
    data = picture_bytes(noise, kind)
    if kind == "BMP":
        noise = noise.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
        data = picture_bytes(noise, kind)
    image = _load(data[: len(data) * 3 // 4])
    assert [(f.kind, f.severity) for f in image.findings] == [(FindingKind.DAMAGED, Severity.SUSPECT)]
    assert colour(decoded(image), 0.5, 0.9 if kind == "BMP" else 0.1) == (255, 255, 255)
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False


def test_wrong_checksum_is_tolerated() -> None:
    """A PNG with a wrong checksum of an ancillary chunk is read, and the page is suspect."""
    data = bytearray(picture_bytes(_ramp(), "PNG", dpi=(100, 100)))
    data[data.index(b"pHYs") + 4 + 9] ^= 1
    image = _load(bytes(data))
    assert [finding.kind for finding in image.findings] == [FindingKind.DAMAGED]
    assert near(colour(decoded(image), 0.5, 0.5), (127, 127, 127))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "AVIF"])
@pytest.mark.parametrize("share", [0.02, 0.1, 0.3])
def test_any_truncation(kind: str, share: float, capfd: pytest.CaptureFixture[str]) -> None:
    """The beginning of any picture is read or refused with a document error, silently."""
    data = picture_bytes(Image.effect_noise((300, 300), 60), kind)
    message = ""
    try:
        _load(data[: max(20, int(len(data) * share))])
    except DocumentError as error:
        message = error.message
    assert message == "" or message.startswith("picture is damaged")
    assert message.isprintable()
    assert capfd.readouterr() == ("", "")


_SAMPLES = {kind: picture_bytes(_ramp(size=(40, 30)), kind) for kind in ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF")}


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_any_replaced_byte(data: st.DataObject) -> None:
    """A picture with any of its bytes replaced is read or refused with a document error."""
    # Some breakage declares an enormous size, which is allowed but takes its time.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(images, "MAX_PIXELS", 1_000_000)
        _read_broken(data)


def _read_broken(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(sorted(_SAMPLES)))
    broken = bytearray(_SAMPLES[kind])
    for _ in range(data.draw(st.integers(1, 6))):
        broken[data.draw(st.integers(0, len(broken) - 1))] = data.draw(st.integers(0, 255))
    try:
        picture = PictureFile(Content("picture", data=bytes(broken)), kind)
        picture.load(PageRef("picture", 1, 1), RasterSpec(100))
    except DocumentError:
        pass


def test_decompression_bombs_are_refused_by_their_header() -> None:
    """A picture of more pixels than memory should hold is refused without decoding it."""
    bomb = bytearray(picture_bytes(Image.new("1", (8, 8)), "PNG"))
    bomb[16:24] = (30000).to_bytes(4, "big") * 2
    crc = zlib.crc32(bomb[12:29])
    bomb[29:33] = crc.to_bytes(4, "big")
    with pytest.raises(DocumentError, match="30000 x 30000"):
        _load(bytes(bomb))
    assert Image.MAX_IMAGE_PIXELS is not None


def test_memory_limit_depends_on_the_mode(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit is in bytes: colour takes four times what grey takes."""
    monkeypatch.setattr(images, "MAX_MEMORY", 200 * 200 * 2)
    assert _load(picture_bytes(Image.new("L", (200, 200)), "PNG")).width == 200
    with pytest.raises(DocumentError, match="too large"):
        _load(picture_bytes(Image.new("RGB", (200, 200)), "PNG"))


def test_large_jpegs_are_decoded_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A large JPEG that will be shrunk is decoded at reduced scale: it passes where its full size would not."""
    data = picture_bytes(_ramp(size=(4000, 1500)), "JPEG")
    monkeypatch.setattr(images, "MAX_MEMORY", 4 << 20)
    image = _load(data, max_side=400)
    assert (image.width, image.height) == (400, 150)
    assert near(colour(decoded(image), 0.5, 0.5), (127, 127, 127))
    with pytest.raises(DocumentError, match="too large"):
        _load(data, max_side=4000)


def test_pillows_size_limit_does_not_apply() -> None:
    """A picture above Pillow's own limit, which would be a warning or an error, is read."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        image = _load(picture_bytes(Image.new("L", (9500, 9500), 200), "PNG", compress_level=1))
    assert (image.width, image.height) == (1000, 1000)


def test_reduction_in_bands_has_no_seams() -> None:
    """A picture reduced band by band equals the one reduced at once."""
    image = Image.effect_noise((3000, 3001), 60)
    assert conversion._reduce(image, 3).tobytes() == image.reduce(3).tobytes()


@pytest.mark.parametrize("name", ["heic", "mif1"])
def test_heic_without_opener_says_what_to_install(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the optional package a HEIC photo is refused with the command that helps."""
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    data = b"\0\0\0\x18ftyp" + name.encode() + b"\0\0\0\0mif1heic" + bytes(100)
    with pytest.raises(DocumentError, match="HEIC") as caught:
        _load(data)
    assert caught.value.hint == f"install what opens it: {install_command('heic')}"


def test_heic_with_opener(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the optional package its opener is asked."""

    class Opener(ImageFile.ImageFile):
        format = "HEIF"

        def _open(self) -> None:
            self._mode, self._size = "RGB", (50, 40)
            self.tile = []
            self._im = Image.new("RGB", (50, 40), "red").im

    def register_heif_opener() -> None:
        monkeypatch.setitem(Image.OPEN, "HEIF", (Opener, lambda head: head[4:8] == b"ftyp"))

    monkeypatch.setitem(sys.modules, "pillow_heif", SimpleNamespace(register_heif_opener=register_heif_opener))
    image = _load(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100))
    assert near(colour(decoded(image), 0.5, 0.5), (255, 0, 0))


@pytest.mark.parametrize("name", ["a\nb.jpg", "bad\udcff.pdf", "😀.txt"])
def test_unusual_names_open(tmp_path: Path, name: str) -> None:
    """A picture is opened whatever its name."""
    try:
        content = as_file(picture_bytes(_ramp(), "PNG"), tmp_path, name)
    except (OSError, UnicodeEncodeError):
        pytest.skip("this system cannot have such a name")
    picture = PictureFile(content, "PNG")
    assert picture.load(PAGE, SPEC)[0].width == 256
    picture.close()


def test_pillows_global_options_are_restored(tmp_path: Path) -> None:
    """Pillow's global options are as before after pictures were read in several threads."""
    data = picture_bytes(Image.effect_noise((100, 100), 60), "PNG")
    threads = [threading.Thread(target=_load, args=(data[: -len(data) // (3 + n)],)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False
    assert Image.MAX_IMAGE_PIXELS is not None


def test_flat_image_is_flat() -> None:
    """The picture for checking a server is one grey, in the requested size."""
    picture = decoded(images.flat_image(PAGE, 200, 50, 77))
    assert picture.size == (200, 50)
    assert near(colour(picture, 0.5, 0.5), (77, 77, 77), 2)


def test_file_is_not_kept_open(tmp_path: Path) -> None:
    """Reading a single picture leaves no open file behind."""
    fds = Path("/proc/self/fd")
    if not fds.exists():
        pytest.skip("no list of open files here")
    before = len(os.listdir(fds))
    picture = PictureFile(as_file(picture_bytes(_ramp(), "PNG"), tmp_path), "PNG")
    picture.load(PAGE, SPEC)
    assert len(os.listdir(fds)) == before


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_the_day_of_a_photo_is_known(kind: str) -> None:
    """From its EXIF data; what they hold besides a day is no day, and neither is what no calendar has."""
    for written, day in (
        ("2024:05:31 12:00:00", "2024-05-31"),
        ("2024-05-31", "2024-05-31"),
        ("0000:00:00 00:00:00", ""),
        ("2024:13:01 00:00:00", ""),
        ("<|im_end|>", ""),
    ):
        exif = Image.Exif()
        exif[0x010F] = "camera"
        exif[0x8769] = {0x9003: written}
        assert _load(picture_bytes(Image.new("RGB", (40, 30), "red"), kind, exif=exif)).taken == day
    assert _load(picture_bytes(Image.new("RGB", (40, 30), "red"), kind)).taken == ""
