"""Captions in picture files: what is written, and that nothing else changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from metadata_files import (
    ask_exiftool,
    make_canon_exif,
    make_exif,
    make_picture,
    needs_exiftool,
    read_frames,
    tell_exiftool,
)
from visionocr.choices import Existing
from visionocr.documents.same_picture import is_same_picture
from visionocr.metadata.picture import read_texts, write_caption
from visionocr.metadata.texts import CannotHold, Texts

pyexiv2 = pytest.importorskip("pyexiv2", reason="the extra [metadata] is not installed")

CAPTION = Texts('Größe: „zwei“ <&> 日本 🎉\n"quoted" נ ]]>', ("dog", "black, white"), ("dog", "black, white"), "a dog")
KINDS: dict[str, dict[str, Any]] = {
    "JPEG": {"fmt": "JPEG", "quality": 90},
    "progressive JPEG": {"fmt": "JPEG", "progressive": True},
    "JPEG of two pictures": {"fmt": "MPO", "frames": 2},
    "PNG": {"fmt": "PNG"},
    "moving PNG": {"fmt": "PNG", "frames": 3},
    "WebP": {"fmt": "WEBP"},
    "lossless WebP": {"fmt": "WEBP", "lossless": True},
    "moving WebP": {"fmt": "WEBP", "frames": 3},
    "TIFF": {"fmt": "TIFF"},
    "TIFF with LZW": {"fmt": "TIFF", "compression": "tiff_lzw"},
    "TIFF of two pages": {"fmt": "TIFF", "frames": 2},
}
MWG = "-use", "MWG", "-MWG:Description", "-MWG:Keywords"


def edit(data: bytes, **changes: Any) -> bytes:
    """A picture with other metadata, by pyexiv2 itself: ``edit(data, xmp={...}, iptc={...})``."""
    image = pyexiv2.ImageData(data)
    for name, fields in changes.items():
        getattr(image, f"modify_{name}")(fields)
    edited: bytes = image.get_bytes()
    image.close()
    return edited


def read(data: bytes, name: str) -> dict[str, Any]:
    """All fields of a kind: ``xmp``, ``exif`` or ``iptc``."""
    image = pyexiv2.ImageData(data)
    found: dict[str, Any] = getattr(image, f"read_{name}")()
    image.close()
    return found


def make_iptc(**more: Any) -> bytes:
    """A JPEG with a caption and keywords in IPTC."""
    fields = {"Caption": "old", "Keywords": ["old"], "Byline": ["Someone"]} | more
    return edit(make_picture(), iptc={f"Iptc.Application2.{name}": value for name, value in fields.items()})


@pytest.mark.parametrize("kind", KINDS)
def test_a_caption_does_not_change_a_pixel(kind: str) -> None:
    """Of any frame; what is written is read back, and a second time nothing changes."""
    before = make_picture(**KINDS[kind])
    after = write_caption(before, CAPTION, Existing.KEEP)
    assert after != before
    assert read_texts(after) == CAPTION
    assert read_frames(after) == read_frames(before)
    assert is_same_picture("a", before, after)
    for existing in Existing:
        assert write_caption(after, CAPTION, existing) is after


@needs_exiftool
def test_exiftool_reads_the_caption(tmp_path: Path) -> None:
    """Every field, from each format."""
    paths = [tmp_path / kind for kind in KINDS]
    for path in paths:
        path.write_bytes(write_caption(make_picture(**KINDS[path.name]), CAPTION, Existing.KEEP))
    for said in ask_exiftool(paths, "-XMP:all"):
        assert said["Description"] == CAPTION.description, said
        assert said["Subject"] == said["TagsList"] == list(CAPTION.keywords), said
        assert said["AltTextAccessibility"] == "a dog", said


def test_a_picture_without_exif_and_iptc_gets_neither() -> None:
    """XMP is enough; nobody asked for more."""
    after = write_caption(make_picture(), CAPTION, Existing.KEEP)
    assert (read(after, "exif"), read(after, "iptc")) == ({}, {})


def test_a_camera_text_is_no_description_and_is_replaced() -> None:
    """Else it would go before the caption for programs that read EXIF first."""
    before = make_picture(exif=make_exif("OLYMPUS DIGITAL CAMERA         "))
    assert read_texts(before).description == ""
    after = write_caption(before, CAPTION, Existing.KEEP)
    assert read(after, "exif")["Exif.Image.ImageDescription"] == CAPTION.description
    assert read(after, "exif")["Exif.Image.Make"] == "Camera"


def test_a_description_in_exif_alone_is_kept() -> None:
    """It is what people see."""
    before = make_picture(exif=make_exif("mine"))
    assert write_caption(before, Texts("new"), Existing.KEEP) == before
    after = write_caption(before, Texts("new"), Existing.APPEND)
    assert read(after, "exif")["Exif.Image.ImageDescription"] == "mine\nnew"
    assert read(after, "xmp")["Xmp.dc.description"] == {'lang="x-default"': "mine\nnew"}


def test_descriptions_that_differ_are_all_kept_where_one_is_appended() -> None:
    """Programs show one or the other; a text that is part of another one is not repeated."""
    before = edit(
        make_picture(exif=make_exif("from EXIF")),
        xmp={"Xmp.dc.description": {'lang="x-default"': "from XMP, whole"}},
        iptc={"Iptc.Application2.Caption": "from XMP"},
    )
    after = write_caption(before, Texts("new"), Existing.APPEND)
    assert read(after, "xmp")["Xmp.dc.description"] == {'lang="x-default"': "from EXIF\nfrom XMP, whole\nnew"}
    assert write_caption(after, Texts("new"), Existing.APPEND) == after


def test_iptc_is_kept_in_step_where_a_picture_has_it() -> None:
    """In UTF-8, and said to be; cut to the lengths of its fields; other fields stay."""
    caption = Texts("ä" * 1500, ("ö" * 40, "cat"))
    after = write_caption(make_iptc(), caption, Existing.REPLACE)
    iptc = read(after, "iptc")
    assert iptc["Iptc.Application2.Caption"] == "ä" * 1000
    assert iptc["Iptc.Application2.Keywords"] == ["ö" * 32, "cat"]
    assert iptc["Iptc.Envelope.CharacterSet"] == "\x1b%G"
    assert iptc["Iptc.Application2.Byline"] == ["Someone"]
    assert read_texts(after).description == "ä" * 1500
    assert write_caption(after, caption, Existing.REPLACE) == after


def test_other_texts_in_iptc_are_not_garbled() -> None:
    """Old programs wrote Latin-1, which nobody could tell once the picture says that it is UTF-8."""
    image = pyexiv2.ImageData(make_picture())
    fields = {"Iptc.Application2.Byline": "Müller", "Iptc.Application2.Caption": "Grüße"}
    image.modify_iptc(fields, encoding="latin-1")
    before = image.get_bytes()
    image.close()
    assert read_texts(before).description == "Grüße"
    iptc = read(write_caption(before, Texts("Größe"), Existing.REPLACE), "iptc")
    assert iptc["Iptc.Application2.Byline"] == ["Müller"]
    assert iptc["Iptc.Application2.Caption"] == "Größe"


@needs_exiftool
def test_readers_after_the_metadata_working_group_see_the_caption(tmp_path: Path) -> None:
    """With a camera's text in EXIF and old texts in IPTC, whatever the digest of IPTC says: none, right or wrong."""
    paths = [tmp_path / f"{number}.jpg" for number in range(3)]
    for path, digest in zip(paths, ("", "new", "00000000000000000000000000000001"), strict=True):
        path.write_bytes(make_iptc())
        tell_exiftool(path, f"-IPTCDigest={digest}", "-EXIF:ImageDescription=SONY DSC", "-EXIF:Make=Sony")
        path.write_bytes(write_caption(path.read_bytes(), CAPTION, Existing.REPLACE))
    for said in ask_exiftool(paths, *MWG):
        assert said["Description"] == CAPTION.description, said
        assert said["Keywords"] == list(CAPTION.keywords), said


def test_everything_else_in_xmp_is_kept() -> None:
    """Rating, other languages, trees of keywords, Camera Raw settings."""
    others = {
        "Xmp.xmp.Rating": "4",
        "Xmp.lr.hierarchicalSubject": ["animals|dog"],
        "Xmp.crs.Exposure2012": "+0.50",
        "Xmp.dc.creator": ["Someone"],
        "Xmp.dc.title": {'lang="x-default"': "Title"},
    }
    descriptions = {'lang="x-default"': "old", 'lang="de"': "alt"}
    before = edit(make_picture(), xmp=others | {"Xmp.dc.description": descriptions})
    xmp = read(write_caption(before, CAPTION, Existing.REPLACE), "xmp")
    assert {name: xmp[name] for name in others} == {name: read(before, "xmp")[name] for name in others}
    assert xmp["Xmp.dc.description"] == {'lang="x-default"': CAPTION.description, 'lang="de"': "alt"}


def test_maker_notes_are_unchanged() -> None:
    """Also where a text before them in EXIF becomes longer, though their offsets count from its beginning."""
    before = make_picture(exif=make_canon_exif())
    notes = {name: value for name, value in read(before, "exif").items() if name.startswith("Exif.Canon")}
    assert notes["Exif.Canon.OwnerName"] == "The owner of it"
    exif = read(write_caption(before, CAPTION, Existing.KEEP), "exif")
    assert {name: value for name, value in exif.items() if name.startswith("Exif.Canon")} == notes
    assert exif["Exif.Image.ImageDescription"] == CAPTION.description


def test_what_stands_behind_a_jpeg_is_kept() -> None:
    """The film of a moving photo."""
    film = b"\0\0\0\x18ftypmp42" + bytes(range(256)) * 40
    after = write_caption(make_picture() + film, CAPTION, Existing.KEEP)
    assert after.endswith(film)


def break_exif(at: int = 18) -> bytes:
    """A JPEG with nonsense in its EXIF block; at 18, where a text's offset should stand."""
    data = make_picture(exif=make_exif("mine" * 30))
    at += data.index(b"MM\0*")
    return data[:at] + b"\xff\xff\xff\x7f" + data[at + 4 :]


@pytest.mark.parametrize("at", [4, 8, 14, 18], ids=["directory", "number of entries", "length", "offset"])
def test_a_picture_with_broken_exif_is_refused(at: int) -> None:
    """exiv2 could drop what is broken, and with it what it did not understand."""
    with pytest.raises(CannotHold):
        write_caption(break_exif(at), CAPTION, Existing.REPLACE)


def test_a_refused_picture_does_no_harm_to_the_next_one() -> None:
    """pyexiv2 keeps its complaints about a picture that is broken in two places, and raises them for another one."""
    broken = break_exif()
    cut = broken[: broken.index(b"\xff\xdb") + 3]
    with pytest.raises(RuntimeError):
        pyexiv2.ImageData(cut)
    assert read_texts(write_caption(make_picture(), CAPTION, Existing.KEEP)) == CAPTION
    with pytest.raises(CannotHold):
        read_texts(cut)
    assert read_texts(write_caption(make_picture(), CAPTION, Existing.KEEP)) == CAPTION


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="asks Linux for the memory that is used")
def test_refused_pictures_leave_no_memory_allocated() -> None:
    """Thousands of photos of a camera whose metadata are not understood would fill it."""
    broken = break_exif() + bytes(10_000_000)

    def used() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

    before = used()
    for _ in range(20):
        with pytest.raises(CannotHold):
            read_texts(broken)
    assert used() - before < 5 * len(broken)


@pytest.mark.parametrize("fmt", ["GIF", "BMP"])
def test_formats_without_metadata_are_refused(fmt: str) -> None:
    """exiv2 reads them, and cannot write them."""
    with pytest.raises(CannotHold, match="not supported"):
        write_caption(make_picture(fmt), CAPTION, Existing.KEEP)


@pytest.mark.parametrize("data", [b"", b"text", b"\xff\xd8\xff\xe0"])
def test_what_is_no_picture_is_refused(data: bytes) -> None:
    """With a reason, and no crash."""
    with pytest.raises(CannotHold):
        write_caption(data, CAPTION, Existing.KEEP)


def test_metadata_that_do_not_fit_into_a_jpeg_are_refused() -> None:
    """All XMP together has to fit into 65,535 bytes."""
    before = edit(make_picture(), xmp={"Xmp.dc.rights": {'lang="x-default"': "©" * 30_000}})
    with pytest.raises(CannotHold, match="65535"):
        write_caption(before, Texts("ä" * 5000), Existing.KEEP)


def test_nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    """exiv2 would print its warnings to standard output, among the results."""
    exif = bytearray(make_canon_exif())
    at = exif.index(b"\x06\0\x02\0")
    exif[at + 8 : at + 12] = b"\xff\xff\xff\x0f"  # a text of the maker note lies outside of it
    with pytest.raises(CannotHold):
        write_caption(make_picture(exif=bytes(exif)), CAPTION, Existing.KEEP)
    write_caption(make_picture(exif=make_canon_exif()), CAPTION, Existing.KEEP)
    assert capfd.readouterr().out == ""
