"""Reads and writes the metadata of pictures with pyexiv2: bytes in, bytes out.

pyexiv2 is never given a path: it would write into the file itself, and on a full disk leave a part of it without any
error (2.16.0, tried).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from visionocr.captions.keywords import LONGEST as MAX_KEYWORD
from visionocr.choices import Existing
from visionocr.errors import ConfigurationError
from visionocr.extras import install_hint
from visionocr.metadata.texts import CannotHold, Changes, Texts, choose_changes, cut_bytes, drop_camera_text
from visionocr.text import printable

_DESCRIPTION, _ALT_TEXT = "Xmp.dc.description", "Xmp.iptc.AltTextAccessibility"
_SUBJECT, _TAGS = "Xmp.dc.subject", "Xmp.digiKam.TagsList"
_EXIF_DESCRIPTION = "Exif.Image.ImageDescription"
_IPTC_CAPTION, _IPTC_KEYWORDS = "Iptc.Application2.Caption", "Iptc.Application2.Keywords"
_IPTC_CHARSET, _UTF_8 = "Iptc.Envelope.CharacterSet", "\x1b%G"
_MAX_IPTC_CAPTION = 2000
"""Bytes (IPTC IIM 4.2). exiv2 enforces neither this nor the length of keywords."""
_DEFAULT = 'lang="x-default"'
_QUIET = 3
"""The log level of errors. Below, warnings are printed to standard output; above, broken EXIF is dropped."""
_lock = threading.Lock()
"""pyexiv2 is not thread safe, by its own word."""

_Fields = dict[str, Any]


def require_library() -> None:
    """Raise ``ConfigurationError`` where pyexiv2 is not installed."""
    _load_library()


def read_texts(data: bytes) -> Texts:
    """What the file of a picture says about it. Raises ``CannotHold`` where that cannot be read."""
    with _opened(data) as image:
        return _find_texts(*_read(image))


def write_caption(data: bytes, caption: Texts, existing: Existing) -> bytes:
    """The file with *caption* in it; the same bytes where nothing changes. Raises ``CannotHold``.

    XMP is always written, EXIF and IPTC only where the file has them, so that all of them say the same. This follows
    the Metadata Working Group, but that a file without EXIF stays without.
    """
    with _opened(data) as image:
        xmp, exif, iptc = _read(image)
        changes = choose_changes(_find_texts(xmp, exif, iptc), caption, existing)
        new_xmp = _without_equal(_make_xmp(changes, xmp), xmp)
        new_exif = _without_equal(_make_exif(changes) if exif else {}, exif)
        new_iptc = _without_equal(_make_iptc(changes) if iptc else {}, iptc)
        if not (new_xmp or new_exif or new_iptc):
            return data
        if new_xmp:
            image.modify_xmp(new_xmp)
        if new_exif:
            image.modify_exif(new_exif)
        if new_iptc:
            image.modify_iptc(new_iptc | _declare_utf_8(iptc))
        written: bytes = image.get_bytes()
    with _opened(written) as image:
        if _without_equal(new_xmp, image.read_xmp()):
            raise CannotHold("does not keep what is written into it")
    return written


@contextmanager
def _opened(data: bytes) -> Iterator[Any]:
    """A picture in memory; what pyexiv2 raises within the block becomes ``CannotHold``."""
    pyexiv2 = _load_library()
    with _lock:
        with suppress(RuntimeError):
            pyexiv2.convert_exif_to_xmp({})  # raises, and so forgets, what an earlier picture left in its log
        try:
            image = pyexiv2.ImageData.__new__(pyexiv2.ImageData)
            try:
                image.__init__(data)
                yield image
                image.close()  # raises what went wrong meanwhile
            finally:
                if image.buffer is not None:  # a constructor that fails leaves it allocated
                    image.buffer.destroy()
        except (RuntimeError, ValueError) as error:
            raise CannotHold(f"has metadata that cannot be edited: {printable(str(error).strip())[:200]}") from error


def _load_library() -> Any:
    try:
        import pyexiv2
    except ImportError:
        raise ConfigurationError(
            "captions are written into pictures with the package pyexiv2, which is not installed",
            install_hint("metadata", "Use --write sidecar, or install it with"),
        ) from None
    pyexiv2.set_log_level(_QUIET)
    return pyexiv2


def _read(image: Any) -> tuple[_Fields, _Fields, _Fields]:
    """XMP, EXIF and IPTC."""
    return image.read_xmp(), _decode(image.read_exif), _decode(image.read_iptc)


def _decode(read: Callable[..., _Fields]) -> _Fields:
    """EXIF and IPTC do not say, or not always, how their texts are encoded."""
    try:
        return read()
    except UnicodeDecodeError:
        return read(encoding="latin-1")


def _find_texts(xmp: _Fields, exif: _Fields, iptc: _Fields) -> Texts:
    """What the fields say. Descriptions that differ are joined, so that none is lost where one is appended."""
    exif_description = drop_camera_text(exif.get(_EXIF_DESCRIPTION, ""))
    iptc_caption = str(iptc.get(_IPTC_CAPTION, "")).strip()
    return Texts(
        description=_join(exif_description, _find_default(xmp.get(_DESCRIPTION)), iptc_caption),
        keywords=tuple(xmp.get(_SUBJECT) or iptc.get(_IPTC_KEYWORDS, ())),
        tags=tuple(xmp.get(_TAGS, ())),
        alt_text=_find_default(xmp.get(_ALT_TEXT)),
    )


def _join(*texts: str) -> str:
    """*texts* on lines of their own, without those that are part of another one."""
    unique = dict.fromkeys(filter(None, texts))
    return "\n".join(text for text in unique if not any(text in other for other in unique if other != text))


def _find_default(alternatives: Any) -> str:
    """The text of a field that has one for each language."""
    if isinstance(alternatives, dict):
        alternatives = alternatives.get(_DEFAULT) or next(iter(alternatives.values()), "")
    return str(alternatives or "").strip()


def _make_xmp(changes: Changes, old: _Fields) -> _Fields:
    fields: _Fields = {}
    for name, text in ((_DESCRIPTION, changes.description), (_ALT_TEXT, changes.alt_text)):
        if text is not None:
            others = old.get(name)
            fields[name] = {_DEFAULT: text} | (others if isinstance(others, dict) else {}) | {_DEFAULT: text}
    for name, words in ((_SUBJECT, changes.keywords), (_TAGS, changes.tags)):
        if words is not None:
            fields[name] = list(words)
    return fields


def _make_exif(changes: Changes) -> _Fields:
    return {} if changes.description is None else {_EXIF_DESCRIPTION: changes.description}


def _make_iptc(changes: Changes) -> _Fields:
    fields: _Fields = {}
    if changes.description is not None:
        fields[_IPTC_CAPTION] = cut_bytes(changes.description, _MAX_IPTC_CAPTION)
    if changes.keywords is not None:
        words = (cut_bytes(word, MAX_KEYWORD) for word in changes.keywords)
        fields[_IPTC_KEYWORDS] = list(dict.fromkeys(words))
    return fields


def _declare_utf_8(iptc: _Fields) -> _Fields:
    """What has to be written beside new texts in UTF-8: that they are, and in it the old ones that were not."""
    if iptc.get(_IPTC_CHARSET) == _UTF_8:
        return {}
    written_anew = {_IPTC_CAPTION, _IPTC_KEYWORDS}
    others = {name: value for name, value in iptc.items() if not str(value).isascii() and name not in written_anew}
    return others | {_IPTC_CHARSET: _UTF_8}


def _without_equal(new: _Fields, old: _Fields) -> _Fields:
    """The fields that differ."""
    return {name: value for name, value in new.items() if old.get(name) != value}
