"""XMP files beside pictures."""

from __future__ import annotations

import time
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from metadata_files import DARKTABLE, ask_exiftool, needs_exiftool
from visionocr.metadata.texts import CannotHold, Changes, Texts
from visionocr.metadata.xmp_file import NEW, XmpFile

ALL = Changes("Ein Hund & <eine> Katze ]]> \"„“' 🎉\nנ", ("a, b", "c<d"), ("x/y", "c<d"), "alt")


def test_a_new_file_says_what_is_put_into_it() -> None:
    """Quotes, line breaks, markup and right-to-left text included; it is known as one of ours."""
    data = XmpFile().change(ALL)
    ET.fromstring(data)
    file = XmpFile(data)
    assert file.texts == Texts(*(getattr(ALL, name) for name in ("description", "keywords", "tags", "alt_text")))
    assert file.is_ours
    assert file.change(ALL) == data


@needs_exiftool
def test_exiftool_reads_what_is_written(tmp_path: Path) -> None:
    """All four fields, by another program."""
    path = tmp_path / "a.jpg.xmp"
    path.write_bytes(XmpFile(DARKTABLE.encode()).change(ALL))
    names = "XMP-dc:all", "XMP-digiKam:all", "XMP-iptcCore:all", "XMP:Rating"
    (said,) = ask_exiftool([path], *(f"-{name}" for name in names))
    assert said["Description"] == ALL.description
    assert said["Subject"] == ["a, b", "c<d"]
    assert said["TagsList"] == ["x/y", "c<d"]
    assert (said["AltTextAccessibility"], said["Rating"]) == ("alt", 4)


def test_a_file_of_darktable_keeps_its_history_byte_for_byte() -> None:
    """Only the subjects are other bytes; the description is added, and nothing outside of them is touched."""
    old = DARKTABLE.encode()
    file = XmpFile(old)
    assert file.texts == Texts(keywords=("holiday",))
    assert not file.is_ours
    new = file.change(Changes("A beach.", ("holiday", "beach")))
    assert XmpFile(new).texts == Texts("A beach.", ("holiday", "beach"))
    assert new.startswith(old.partition(b"<dc:subject>")[0].rstrip())
    assert new.endswith(old.partition(b"</dc:subject>")[2])


def test_other_languages_of_a_description_are_kept() -> None:
    """The default comes first; German stays."""
    old = XmpFile().change(Changes("old")).replace(b"</rdf:li>", b'</rdf:li><rdf:li xml:lang="de">alt</rdf:li>')
    new = XmpFile(old).change(Changes("new"))
    assert XmpFile(new).texts.description == "new"
    assert b'<rdf:li xml:lang="de">alt</rdf:li>' in new
    assert b"old" not in new


@pytest.mark.parametrize(
    "node",
    [
        '<rdf:Description rdf:about="" a:b="x > y"/>',
        "<rdf:Description rdf:about='' a:b=\"'/>\" />",
        '<rdf:Description rdf:about="" a:b="1"><dc:description/></rdf:Description>',
        '<rdf:Description rdf:about="" a:b="1"><dc:description  ></dc:description ></rdf:Description>',
        '<rdf:Description rdf:about="" a:b="1"><dc:description>plain</dc:description></rdf:Description>',
    ],
)
def test_a_short_file_gets_a_description(node: str) -> None:
    """Of a tag that closes itself, of an empty property, of one that is no list."""
    spaces = 'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:a="a" xmlns:dc="http://purl.org/dc/elements/1.1/"'
    old = f"\ufeff<rdf:RDF {spaces}>{node}</rdf:RDF>".encode()
    assert XmpFile(old).texts.description == ("plain" if "plain" in node else "")
    new = XmpFile(old).change(Changes("new"))
    assert XmpFile(new).texts.description == "new"
    assert b"plain" not in new
    assert node[: node.index("b=") + 5].encode() in new


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no XML",
        b"<a/>",
        DARKTABLE.encode()[:900],
        DARKTABLE.encode("utf-16"),
        DARKTABLE.replace("<x:", '<!DOCTYPE x [<!ENTITY a "b">]><x:', 1).encode(),
        DARKTABLE.replace("xmp:Rating", "dc:description", 1).encode(),
    ],
    ids=["empty", "text", "no XMP", "cut", "UTF-16", "entities", "attribute"],
)
def test_what_is_not_understood_is_not_edited(data: bytes) -> None:
    """Damaged files, and such as no program writes."""
    with pytest.raises(CannotHold):
        XmpFile(data)


@pytest.mark.parametrize("name", ["x", "dc:description"])
def test_many_pieces_of_text_are_read_in_a_moment(name: str) -> None:
    """Their number makes no difference, inside of a property and elsewhere; slow machines have room."""
    text = b"<b>a</b>" * 500_000
    element = b'<%b xmlns:dc="http://purl.org/dc/elements/1.1/">%b</%b>' % (name.encode(), text, name.encode())
    begun = time.process_time()
    found = XmpFile(NEW.replace(b"\n  </rdf:Description>", element + b"</rdf:Description>")).texts.description
    assert time.process_time() - begun < 1.5
    assert len(found) == (500_000 if name == "dc:description" else 0)


def test_deep_files_are_read_in_a_moment() -> None:
    """A hundred thousand elements within each other are no XMP, and do no harm."""
    with pytest.raises(CannotHold):
        XmpFile(b"<a>" * 100_000 + b"</a>" * 100_000)
