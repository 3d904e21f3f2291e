"""XMP files beside pictures. Those of other programs are edited: what is not changed stays as it is, to the byte."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from visionocr.metadata.texts import CannotHold, Changes, Texts

MAX_SIZE = 32 << 20
"""Bytes; darktable's have some hundred thousand."""
NEW = b"""<?xml version="1.0" encoding="UTF-8"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="visionocr">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about="">
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
"""
"""A file that says nothing yet."""
_OURS = b'x:xmptk="visionocr"'

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_LANG = "http://www.w3.org/XML/1998/namespace lang"
_SPACES = {
    "dc": "http://purl.org/dc/elements/1.1/",
    "digiKam": "http://www.digikam.org/ns/1.0/",
    "Iptc4xmpCore": "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/",
}
_DESCRIPTION, _ALT_TEXT = "dc:description", "Iptc4xmpCore:AltTextAccessibility"
_LISTS = {_DESCRIPTION: "Alt", _ALT_TEXT: "Alt", "dc:subject": "Bag", "digiKam:TagsList": "Seq"}
"""The properties that are read and written, with the kind of list that each is."""
_FULL_NAMES = {f"{_SPACES[name.split(':')[0]]} {name.split(':')[1]}": name for name in _LISTS}
"""Their names as the parser gives them."""
_DEFAULT = "x-default"
_START_TAG = re.compile(rb"""<([^\s/>]+)(?:[^>"']++|"[^"]*+"|'[^']*+')*+>""")

Items = tuple[tuple[str, str], ...]
"""Languages (empty in lists without) and texts."""


@dataclass(slots=True)
class _Property:
    """Where a property stands in the file, in bytes, and what it says."""

    start: int
    end: int = 0
    items: list[tuple[str, str]] = field(default_factory=list)


class XmpFile:
    """The content of an XMP file."""

    def __init__(self, data: bytes = NEW) -> None:
        """Raises ``CannotHold`` for what is no XMP, or of a kind that nobody writes."""
        self._data = data
        self._properties: dict[str, _Property] = {}
        self._node: re.Match[bytes] | None = None
        """The start tag of the first description of the picture."""
        self._path: list[str] = []
        self._current: _Property | None = None
        self._lang = ""
        self._text: list[str] = []
        """The pieces of the text that the property, or the item of its list, has up to now."""
        self._parse()

    @property
    def is_ours(self) -> bool:
        """Whether this program made it, and no other one has written it since."""
        return _OURS in self._data

    @property
    def texts(self) -> Texts:
        """What it says about the picture."""
        words = {name: tuple(text for _, text in self._items(name) if text.strip()) for name in _LISTS}
        return Texts(
            self._find_default(_DESCRIPTION),
            words["dc:subject"],
            words["digiKam:TagsList"],
            self._find_default(_ALT_TEXT),
        )

    def change(self, changes: Changes) -> bytes:
        """The content with *changes*; the same bytes where it says so already."""
        wanted: dict[str, Items] = {}
        for name, text in ((_DESCRIPTION, changes.description), (_ALT_TEXT, changes.alt_text)):
            if text is not None:
                others = tuple(item for item in self._items(name) if item[0] not in {"", _DEFAULT})
                wanted[name] = ((_DEFAULT, text), *others)
        for name, words in (("dc:subject", changes.keywords), ("digiKam:TagsList", changes.tags)):
            if words is not None:
                wanted[name] = tuple(("", word) for word in words)
        return self._replace({name: items for name, items in wanted.items() if items != self._items(name)})

    def _items(self, name: str) -> Items:
        return tuple(self._properties[name].items) if name in self._properties else ()

    def _find_default(self, name: str) -> str:
        items = self._items(name)
        return (dict(items).get(_DEFAULT) or next((text for _, text in items), "")).strip()

    def _replace(self, wanted: dict[str, Items]) -> bytes:
        assert self._node is not None
        pieces: list[tuple[int, int, bytes]] = []
        added = b""
        for name, items in wanted.items():
            text = _render(name, items)
            if (old := self._properties.get(name)) is not None:
                pieces.append((old.start, old.end, text))
            else:
                added += b"\n   " + text
        at = self._node.end()
        if added and self._node.group().endswith(b"/>"):
            pieces.append((at - 2, at, b">" + added + b"\n  </" + self._node[1] + b">"))
        elif added:
            pieces.append((at, at, added))
        data = self._data
        for start, end, text in sorted(pieces, reverse=True):  # from the end, so that no place moves
            data = data[:start] + text + data[end:]
        return data

    # --- parsing ---------------------------------------------------------------------------------------------

    def _parse(self) -> None:
        if len(self._data) > MAX_SIZE:
            raise CannotHold("is too large for an XMP file")
        try:
            self._data.decode()  # places are counted in its bytes
        except UnicodeDecodeError:
            raise CannotHold("is not in UTF-8") from None
        parser = expat.ParserCreate(encoding="utf-8", namespace_separator=" ")
        parser.buffer_text = True
        parser.StartDoctypeDeclHandler = _refuse_doctype
        parser.StartElementHandler = lambda name, attributes: self._start(name, attributes, parser.CurrentByteIndex)
        parser.EndElementHandler = lambda _: self._end(parser.CurrentByteIndex)
        parser.CharacterDataHandler = self._add_text
        try:
            parser.Parse(self._data, True)
        except expat.ExpatError as error:
            raise CannotHold(f"is damaged: {error}") from None
        if self._node is None:
            raise CannotHold("is no XMP file")

    def _start(self, name: str, attributes: dict[str, str], at: int) -> None:
        parent = self._path[-1] if self._path else ""
        grandparent = self._path[-2] if len(self._path) > 1 else ""
        self._path.append(name)
        if name == f"{_RDF} Description" and parent == f"{_RDF} RDF":
            if not _FULL_NAMES.keys().isdisjoint(attributes):
                raise CannotHold("has a text in a form that XMP does not know")
            self._node = self._node or _START_TAG.match(self._data, at)
        elif (parent, grandparent) == (f"{_RDF} Description", f"{_RDF} RDF") and name in _FULL_NAMES:
            self._current = self._properties.setdefault(_FULL_NAMES[name], _Property(at))
            self._text = []
            if (tag := _START_TAG.match(self._data, at)) is not None and tag.group().endswith(b"/>"):
                self._current.end = tag.end()
        elif name == f"{_RDF} li":
            self._lang, self._text = attributes.get(_LANG, ""), []

    def _end(self, at: int) -> None:
        name = self._path.pop()
        if self._current is None:
            return
        if name == f"{_RDF} li":
            self._current.items.append((self._lang, "".join(self._text)))
            self._text = []
        elif name in _FULL_NAMES:
            self._current.end = self._current.end or self._data.index(b">", at) + 1
            text = "".join(self._text)
            if not self._current.items and text.strip():  # no list, as it should be
                self._current.items.append(("", text))
            self._current = None

    def _add_text(self, text: str) -> None:
        if self._current is not None:
            self._text.append(text)


def _refuse_doctype(*_: object) -> None:
    raise CannotHold("has a document type, which no XMP file has")


def _render(name: str, items: Iterable[tuple[str, str]]) -> bytes:
    """A property that brings its own namespaces, so that it may stand anywhere."""
    prefix, kind = name.split(":")[0], _LISTS[name]
    lines = (f"<rdf:li{f' xml:lang={quoteattr(lang)}' if lang else ''}>{escape(text)}</rdf:li>" for lang, text in items)
    spaces = f'xmlns:{prefix}="{_SPACES[prefix]}" xmlns:rdf="{_RDF}"'
    return f"<{name} {spaces}><rdf:{kind}>{''.join(lines)}</rdf:{kind}></{name}>".encode()
