"""Recognises the format of a file by its first bytes; its name does not matter."""

from __future__ import annotations

from enum import StrEnum

HEAD = 1024
"""Bytes that ``sniff`` needs. Readers accept a PDF header anywhere in them."""


class Kind(StrEnum):
    """The two families of documents."""

    PDF = "pdf"
    IMAGE = "image"


SUFFIXES = {
    Kind.PDF: frozenset({".pdf"}),
    Kind.IMAGE: frozenset(
        {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif"}
        | {".heic", ".heif", ".hif", ".avif"}
    ),
}
"""Suffixes, in lower case, of the files that are taken from directories."""

ACCEPTED = "PDF, JPEG, PNG, WebP, TIFF, BMP, GIF, HEIC and AVIF are read"

_STARTS = (
    # Raw photos. Others are TIFFs, and only their directories tell.
    *((start, "RAW") for start in (b"FUJIFILMCCD-RAW", b"IIU\0", b"IIRO", b"IIRS", b"MMOR", b"FOVb", b"\0MRM")),
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
)
_BRANDS = {
    **dict.fromkeys((b"avif", b"avis"), "AVIF"),
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"), "HEIF"),
}
_REFUSED = (
    (b"PK\x03\x04", "it is a ZIP, Office or EPUB file: export it as PDF first"),
    (b"\xd0\xcf\x11\xe0", "it is an old Office file: export it as PDF first"),
    (b"{\\rtf", "it is a rich text file: export it as PDF first"),
    (b"%!PS", "it is PostScript: convert it first, for example with ps2pdf"),
    (b"\x1f\x8b", "it is compressed: unpack it first"),
    (b"version https://git-lfs", "it is a Git LFS pointer: run git lfs pull"),
    (b"<!doctype html", "it is a web page: the download may have failed"),
    (b"<html", "it is a web page: the download may have failed"),
)


def sniff(head: bytes) -> str | None:
    """``PDF``, or the name of a picture format, from the first ``HEAD`` bytes; ``None`` for anything else."""
    if head[:4] == b"II*\0" and head[8:10] == b"CR":
        return "RAW"
    for start, name in _STARTS:
        if head.startswith(start):
            return name
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "WEBP"
    if head[4:8] == b"ftyp":
        return "RAW" if head[8:12] == b"crx " else _brand(head)
    if b"%PDF-" in head[:HEAD]:
        return "PDF"
    # Two letters are weak evidence: the reserved bytes and the header's size make it a bitmap.
    if head.startswith(b"BM") and head[6:10] == b"\0\0\0\0" and head[15:18] == b"\0\0\0":
        return "BMP"
    return None


def _brand(head: bytes) -> str | None:
    """The picture format of an ISO media file: that of its own brand or of the first compatible one."""
    size = min(int.from_bytes(head[:4], "big"), len(head))
    brands = [head[8:12], *(head[at : at + 4] for at in range(16, size - 3, 4))]
    names = [_BRANDS[brand] for brand in brands if brand in _BRANDS]
    # mif1 stands before avif in many AVIF files, and says only "a picture".
    return "AVIF" if "AVIF" in names else names[0] if names else None


def suggest_remedy(head: bytes) -> str:
    """What to do about a file that is not accepted."""
    start = head.lstrip()[:40].lower()
    for magic, words in _REFUSED:
        if start.startswith(magic.lower()):
            return words
    return ACCEPTED
