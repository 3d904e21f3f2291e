"""Picture files become images, and any picture is made to fit."""

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
from PIL import Image, ImageDraw, ImageFile, PngImagePlugin

from drawing import OLD_PILLOW, as_file, colour, decoded, ink_rows, lines_strip, near, picture_bytes
from visionocr.documents import images
from visionocr.documents.content import Content
from visionocr.documents.fit import compute_layout, find_emptiest, fit_size, make_images
from visionocr.documents.kinds import HEAD, sniff
from visionocr.documents.picture import PictureFile
from visionocr.errors import DocumentError
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
    """Whatever the mode, the ramp goes from black to white and is middle grey in the middle, shrunk or not."""
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
    """Black and white scans keep their sense, and become grey where they are shrunk."""
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
    """What is transparent becomes white, whatever colour lies beneath; half of it half."""
    picture = Image.new("RGBA", (120, 120), (0, 0, 0, 0))
    picture.paste((0, 0, 0, 255), (0, 0, 40, 120))
    picture.paste((0, 0, 0, 128), (80, 0, 120, 120))
    options = {"lossless": True} if kind == "WEBP" else {"quality": 100} if kind == "AVIF" else {}
    image = decoded(_load(picture_bytes(picture, kind, **options), max_side=side))
    assert near(colour(image, 0.1, 0.5), (0, 0, 0), 25)
    assert near(colour(image, 0.5, 0.5), (255, 255, 255), 25)
    assert near(colour(image, 0.9, 0.5), (127, 127, 127), 25)


@pytest.mark.parametrize(("mode", "key"), [("P", 0), ("L", 0), ("RGB", (0, 0, 0)), ("1", 0), ("P", bytes([0, 255]))])
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
    turn = images._UPRIGHT.get(inverse)
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = upright.transpose(turn) if turn is not None else upright
    image = decoded(_load(picture_bytes(stored, kind, exif=exif), max_side=side))
    assert image.size == ((160, 120) if side == 1000 else (50, 38))
    assert near(colour(image, 0.2, 0.2), (255, 0, 0), 40)
    assert near(colour(image, 0.8, 0.8), (0, 0, 255), 40)
    assert near(colour(image, 0.8, 0.2), (255, 255, 255), 40)


def test_nothing_is_betrayed() -> None:
    """Comments, places, profiles and resolutions of the file do not leave the house (``decoded`` looks)."""
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
    """Each frame of a TIFF is a page of its own size, loaded in any order; smaller versions are none."""
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


def test_wrong_checksum_is_forgiven() -> None:
    """A PNG that cannot be opened strictly, for a wrong checksum of a side note, is read, and the page is suspect."""
    data = bytearray(picture_bytes(_ramp(), "PNG", dpi=(100, 100)))
    data[data.index(b"pHYs") + 4 + 9] ^= 1
    image = _load(bytes(data))
    assert [finding.kind for finding in image.findings] == [FindingKind.DAMAGED]
    assert near(colour(decoded(image), 0.5, 0.5), (127, 127, 127))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "AVIF"])
@pytest.mark.parametrize("share", [0.02, 0.1, 0.3])
def test_stumps_never_escape(kind: str, share: float, capfd: pytest.CaptureFixture[str]) -> None:
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
def test_broken_bytes_never_escape(data: st.DataObject) -> None:
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


def test_bombs_are_refused_before_they_go_off() -> None:
    """A picture of more pixels than memory should hold is refused from its header."""
    bomb = bytearray(picture_bytes(Image.new("1", (8, 8)), "PNG"))
    bomb[16:24] = (30000).to_bytes(4, "big") * 2
    crc = zlib.crc32(bomb[12:29])
    bomb[29:33] = crc.to_bytes(4, "big")
    with pytest.raises(DocumentError, match="30000 x 30000"):
        _load(bytes(bomb))
    assert Image.MAX_IMAGE_PIXELS is not None


def test_memory_limit_counts_modes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit is of memory: colour takes four times what grey takes."""
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


def test_pillow_large_picture_warning_is_not_ours() -> None:
    """A picture above Pillow's own limit, which would be a warning or an error, is simply read."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        image = _load(picture_bytes(Image.new("L", (9500, 9500), 200), "PNG", compress_level=1))
    assert (image.width, image.height) == (1000, 1000)


def test_reduced_in_bands_is_whole() -> None:
    """A picture reduced band by band has no seams: it equals the one reduced at once."""
    image = Image.effect_noise((3000, 3001), 60)
    assert images._reduce(image, 3).tobytes() == image.reduce(3).tobytes()


@pytest.mark.parametrize("name", ["heic", "mif1"])
def test_heic_without_opener_says_what_to_install(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the optional package a HEIC photo is refused with the command that helps."""
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    data = b"\0\0\0\x18ftyp" + name.encode() + b"\0\0\0\0mif1heic" + bytes(100)
    with pytest.raises(DocumentError, match="HEIC") as caught:
        _load(data)
    assert caught.value.hint == 'pip install "visionocr[heic]"'


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
def test_odd_names_open(tmp_path: Path, name: str) -> None:
    """A picture is opened whatever its name says."""
    try:
        content = as_file(picture_bytes(_ramp(), "PNG"), tmp_path, name)
    except (OSError, UnicodeEncodeError):
        pytest.skip("this system cannot have such a name")
    picture = PictureFile(content, "PNG")
    assert picture.load(PAGE, SPEC)[0].width == 256
    picture.close()


# --- making pictures fit ----------------------------------------------------------------------------------


def test_pictures_are_never_enlarged() -> None:
    """A picture within the limits is sent as it is, pixel for pixel, without a remark."""
    (image,) = make_images(_ramp(size=(300, 200)), PAGE, SPEC)
    assert (image.width, image.height, image.part, image.parts, image.findings) == (300, 200, 1, 1, ())


@pytest.mark.parametrize(
    ("size", "spec", "expected"),
    [
        ((3000, 2000), RasterSpec(1024), (1024, 683)),
        ((2000, 3000), RasterSpec(1024), (683, 1024)),
        ((3000, 2000), RasterSpec(1024, max_pixels=262144), (627, 418)),
        ((4000, 1000), RasterSpec(1000), (1000, 250)),
        ((1000, 100), RasterSpec(1000), (1000, 250)),
        ((100, 1000), RasterSpec(1000), (250, 1000)),
        ((2000, 200), RasterSpec(1000, split=False), (1000, 250)),
        ((1, 1), RasterSpec(1000), (28, 28)),
        ((3, 90), RasterSpec(1000), (28, 90)),
        ((500, 400), RasterSpec(1), (28, 28)),
    ],
)
def test_sizes(size: tuple[int, int], spec: RasterSpec, expected: tuple[int, int]) -> None:
    """Pictures are shrunk to the limits and padded to a shape that encoders take."""
    (image,) = make_images(Image.new("RGB", size, "blue"), PAGE, spec)
    assert (image.width, image.height) == expected


def test_padding_is_white_and_remarked() -> None:
    """What is added around a narrow picture is white, and is said as information."""
    (image,) = make_images(Image.new("RGB", (400, 20), "black"), PAGE, SPEC)
    picture = decoded(image)
    assert near(colour(picture, 0.5, 0.05), (255, 255, 255))
    assert near(colour(picture, 0.5, 0.5), (0, 0, 0))
    assert [(f.kind, f.severity) for f in image.findings] == [(FindingKind.ADJUSTED, Severity.INFO)]


_sizes = st.tuples(st.integers(1, 4000), st.integers(1, 4000))
_specs = st.builds(
    RasterSpec,
    max_side=st.integers(28, 2000),
    max_pixels=st.none() | st.integers(784, 500_000),
    split=st.booleans(),
)


@given(_sizes, _specs)
def test_layout_keeps_every_limit(size: tuple[int, int], spec: RasterSpec) -> None:
    """For any size and limits: never enlarged, never too large, too long or too small, shape kept."""
    inner, outer = compute_layout(size, spec)
    assert inner[0] <= size[0]
    assert inner[1] <= size[1]
    assert inner[0] <= outer[0]
    assert inner[1] <= outer[1]
    assert max(outer) <= spec.max_side
    assert spec.max_pixels is None or outer[0] * outer[1] <= spec.max_pixels
    assert max(outer) <= 4 * min(outer)
    assert min(outer) >= 28
    scale = max(inner) / max(size)
    assert abs(min(inner) - min(size) * scale) <= 1.5


@given(_sizes, st.integers(1, 3000), st.none() | st.integers(784, 10**7))
def test_fit_is_as_large_as_may_be(size: tuple[int, int], side: int, pixels: int | None) -> None:
    """Nothing is shrunk that fits; what does not fit reaches a limit."""
    fitted = fit_size(size, side, pixels)
    side = max(side, 28)
    if max(size) <= side and (pixels is None or size[0] * size[1] <= pixels):
        assert fitted == size
    elif pixels is None:
        assert max(fitted) == side
    else:
        assert max(fitted) <= side
        assert fitted[0] * fitted[1] <= pixels


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 60), st.integers(1, 3000), _specs, st.booleans())
def test_finished_images_keep_every_limit(short: int, long: int, spec: RasterSpec, upright: bool) -> None:
    """Strips of any shape give parts that keep every limit, and together hold every line."""
    long = max(short, long)
    picture = Image.new("RGB", (short, long) if upright else (long, short), "gray")
    parts = make_images(picture, PAGE, spec)
    assert 1 <= len(parts) <= 64
    for number, image in enumerate(parts, 1):
        assert (image.part, image.parts) == (number, len(parts))
        assert max(image.width, image.height) <= min(spec.max_side, max(28, long))
        assert spec.max_pixels is None or image.width * image.height <= spec.max_pixels
        assert max(image.width, image.height) <= 4 * min(image.width, image.height)


@pytest.mark.parametrize("colours", ["black on white", "white on black", "grey on blue"])
@pytest.mark.parametrize("down", [True, False])
@pytest.mark.parametrize(("height", "gap"), [(20, 10), (17, 3), (40, 60)])
def test_no_line_is_cut(colours: str, down: bool, height: int, gap: int) -> None:
    """A long screenshot is cut between its lines: each line is whole in one part, and none is lost."""
    strip = lines_strip(120, height=height, gap=gap)
    lines = ink_rows(strip)
    assert len(lines) == 120
    ink, paper = {"black on white": (0, 255), "white on black": (255, 0), "grey on blue": (150, 60)}[colours]
    tones = strip.convert("L").point([ink if value < 128 else paper for value in range(256)])
    shown = tones.convert("RGB") if down else tones.transpose(Image.Transpose.TRANSPOSE).convert("RGB")
    found = []
    for image in make_images(shown, PAGE, RasterSpec(800)):
        picture = decoded(image)
        picture = picture if down else picture.transpose(Image.Transpose.TRANSPOSE)
        middle = (ink + paper) // 2
        dark = picture.convert("L").point([0 if (value < middle) == (ink < paper) else 255 for value in range(256)])
        found += [stop - start for start, stop in ink_rows(dark.convert("RGB"))]
        assert image.findings
        assert picture.height < (2.2 if down else 4) * picture.width
    assert len(found) == 120
    assert max(found) - min(found) <= 1 + height // 5


def test_words_of_a_long_line_are_not_cut() -> None:
    """A single long line is cut between words rather than between letters."""
    line = Image.new("RGB", (4000, 60), "white")
    draw = ImageDraw.Draw(line)
    words = []
    x = 10
    for _ in range(60):
        start = x
        for _ in range(4):
            draw.rectangle((x, 10, x + 8, 50), fill="black")
            x += 12
        words.append((start, x))
        x += 16
    cuts = [0]
    for image in make_images(line.crop((0, 0, x, 60)), PAGE, RasterSpec(1000)):
        cuts.append(cuts[-1] + image.width)
    assert len(cuts) > 10
    assert not [(cut, word) for cut in cuts for word in words if word[0] < cut < word[1]]


def test_table_rules_do_not_hide_gaps() -> None:
    """Between two lines of a table, crossed by upright rules, there is still the emptiest place."""
    strip = lines_strip(100)
    draw = ImageDraw.Draw(strip)
    for x in (2, 150, 297):
        draw.line((x, 0, x, strip.height), fill="black", width=2)
    parts = make_images(strip, PAGE, RasterSpec(800))
    assert len(parts) > 3
    rows = 0
    for image in parts:
        letters = decoded(image).crop((8, 0, 145, image.height))
        rows += len(ink_rows(letters))
    assert rows == 100


def test_endless_strips_have_a_last_part() -> None:
    """No strip is cut into more than 64 parts, and then it is said."""
    parts = make_images(Image.new("RGB", (10, 30000), "white"), PAGE, RasterSpec(500))
    assert len(parts) == 64
    assert "the most there may be" in parts[0].findings[0].message


def test_emptiest_prefers_wide_and_near_gaps() -> None:
    """Among the emptiest places the wide ones win, then those near the middle; full places lose always."""
    assert find_emptiest([5, 5, 1, 5, 5]) == 2
    assert find_emptiest([0, 5, 5, 5, 0, 5, 5]) == 4
    wide = [9.0] * 4 + [0.0] * 10 + [9.0] * 10 + [0.0] + [9.0] * 15
    assert 4 < find_emptiest(wide) < 14
    assert find_emptiest([0.0] * 100) == 50


def test_line_art_is_png_and_photos_are_jpeg() -> None:
    """Small drawings of few colours are sent without loss; photographs as baseline JPEG."""
    drawing = Image.new("RGB", (600, 400), "white")
    ImageDraw.Draw(drawing).line((0, 0, 600, 400), fill="black", width=2)
    photo = Image.effect_noise((600, 400), 80).convert("RGB")
    assert make_images(drawing, PAGE, SPEC)[0].media_type == "image/png"
    assert make_images(photo, PAGE, SPEC)[0].media_type == "image/jpeg"


def test_quality_is_used() -> None:
    """A lower JPEG quality gives fewer bytes."""
    photo = Image.effect_noise((600, 400), 80).convert("RGB")
    low, high = (make_images(photo, PAGE, RasterSpec(1000, jpeg_quality=quality))[0] for quality in (30, 90))
    assert len(low.data) < len(high.data) / 2


def test_threads_do_not_disturb_switches(tmp_path: Path) -> None:
    """Pillow's global switches are back in place after pictures were read in several threads."""
    data = picture_bytes(Image.effect_noise((100, 100), 60), "PNG")
    threads = [threading.Thread(target=_load, args=(data[: -len(data) // (3 + n)],)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False
    assert Image.MAX_IMAGE_PIXELS is not None


def test_flat_image_is_flat() -> None:
    """The picture that tests a server's eyes is one grey, in the size asked for."""
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
