"""What a picture's file says about it in words, and what of that changes when a caption comes."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from visionocr.captions.keywords import drop_repeated
from visionocr.captions.order import LONGEST_ALT
from visionocr.choices import Existing
from visionocr.types import PageResult

MAX_DESCRIPTION = 10_000
"""Characters. All metadata of a JPEG in XMP must fit into 65,535 bytes."""
_CAMERA_TEXTS = frozenset(
    {
        *("OLYMPUS DIGITAL CAMERA", "KONICA MINOLTA DIGITAL CAMERA", "MINOLTA DIGITAL CAMERA"),
        *("SAMSUNG", "SONY DSC", "DCIM", "DIGITAL STILLCAMERA"),
    }
)
"""What cameras write as the description of every photo, in capitals."""


class CannotHold(Exception):
    """A file cannot take a caption. The message says why, as the end of a sentence that begins with its name."""


@dataclass(frozen=True, slots=True)
class Texts:
    """What a file says about its picture, or is to say."""

    description: str = ""
    keywords: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    """Keywords once more, for digiKam and Immich: with slashes where they form a tree (``animals/dog``)."""
    alt_text: str = ""


@dataclass(frozen=True, slots=True)
class Changes:
    """What a file is to say from now on. ``None``: as before."""

    description: str | None = None
    keywords: tuple[str, ...] | None = None
    tags: tuple[str, ...] | None = None
    alt_text: str | None = None


def read_result(result: PageResult) -> Texts:
    """The caption of a result, without what no field can hold. The same result gives the same caption."""
    keywords = (" ".join(_strip(keyword).split()) for keyword in result.keywords)
    return Texts(
        description=_strip(result.text)[:MAX_DESCRIPTION].rstrip(),
        keywords=drop_repeated(filter(None, keywords)),
        alt_text=" ".join(_strip(result.alt_text).split())[:LONGEST_ALT].rstrip(),
    )


def drop_camera_text(description: str) -> str:
    """The description in EXIF; empty where it is what the camera writes into every photo."""
    description = description.strip(" \0\n\t")
    return "" if description.upper() in _CAMERA_TEXTS else description


def choose_changes(old: Texts, caption: Texts, existing: Existing) -> Changes:
    """What of a file changes when *caption* comes.

    An existing description is treated as *existing* says, an alternative text is kept or replaced. Keywords are added
    to those that are there, unless these are to be replaced; tags that form a tree always stay.
    """
    replaces = existing is Existing.REPLACE
    keywords = tags = alt_text = None
    if caption.keywords:
        keywords = drop_repeated((*(() if replaces else old.keywords), *caption.keywords))
        kept = tuple(tag for tag in old.tags if "/" in tag or not replaces)
        tags = _add_tags(kept, keywords)
    if caption.alt_text and (replaces or not old.alt_text):
        alt_text = caption.alt_text
    return Changes(_choose_description(old.description, caption.description, existing), keywords, tags, alt_text)


def cut_bytes(text: str, limit: int) -> str:
    """*text* in at most *limit* bytes of UTF-8, cut between two characters."""
    return text.encode()[:limit].decode(errors="ignore")


def _choose_description(old: str, new: str, existing: Existing) -> str | None:
    if not new or (old and existing is Existing.KEEP):
        return None
    if not old or existing is Existing.REPLACE:
        return new
    room = MAX_DESCRIPTION - len(old) - 1
    return None if new in old or room <= 0 else f"{old}\n{new[:room].rstrip()}"


def _add_tags(tags: tuple[str, ...], keywords: tuple[str, ...]) -> tuple[str, ...]:
    """*tags*, and the keywords that are not among them, nor a leaf of their tree."""
    leaves = {tag.rpartition("/")[2].casefold() for tag in tags}
    return tags + tuple(keyword for keyword in keywords if keyword.casefold() not in leaves)


def _strip(text: str) -> str:
    """*text* without characters that XML cannot hold or that control terminals; line breaks stay."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", " ")
    kept = (char for char in text if char == "\n" or unicodedata.category(char) not in {"Cc", "Cs"})
    return "".join(char for char in kept if char not in "\ufffe\uffff").strip()
