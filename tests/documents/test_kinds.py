"""Formats of files, by their first bytes."""

from __future__ import annotations

import pytest

from visionocr.documents.kinds import sniff, suggest_remedy


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"%PDF-1.7", "PDF"),
        (b"junk" * 200 + b"%PDF-1.4", "PDF"),
        (b"junk" * 300 + b"%PDF-1.4", None),
        (b"\xff\xd8\xff\xe0", "JPEG"),
        (b"\x89PNG\r\n\x1a\n", "PNG"),
        (b"GIF87a", "GIF"),
        (b"II*\0....", "TIFF"),
        (b"MM\0*....", "TIFF"),
        (b"II+\0....", "TIFF"),
        (b"RIFF\1\2\3\4WEBPVP8 ", "WEBP"),
        (b"RIFF\1\2\3\4WAVEfmt ", None),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIF"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1avif", "AVIF"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom", None),
        (b"BM\x46\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0", "BMP"),
        (b"BMW is a maker of cars, not a bitmap", None),
        (b"plain text", None),
        (b"%!PS-Adobe-3.0 EPSF-3.0", None),
        (b"", None),
    ],
)
def test_kind_is_found_by_content(head: bytes, kind: str | None) -> None:
    """The first bytes tell what kind a file is."""
    assert sniff(head) == kind


def test_refusals_say_what_to_do() -> None:
    """Well-known files that are not accepted come with the way to make them so."""
    assert "export it as PDF" in suggest_remedy(b"PK\x03\x04....")
    assert "web page" in suggest_remedy(b"\n <!DOCTYPE HTML><html>")
    assert "git lfs pull" in suggest_remedy(b"version https://git-lfs.github.com/spec/v1")
    assert "JPEG" in suggest_remedy(b"\x01\x02")
