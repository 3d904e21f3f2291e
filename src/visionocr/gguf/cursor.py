"""A bounded walk through the head of a file that nobody vouches for."""

from __future__ import annotations

import struct
from collections.abc import Collection
from typing import BinaryIO

_CHUNK = 1 << 20
WALKED_MOST = 256 << 20
"""Bytes of a header that are looked at. The longest seen in the wild, with all their word lists, have about 30 MB."""
STRINGS_MOST = 4_000_000
"""Strings in all lists of a header. A model with 262,144 words has under 1,000,000."""
TEXT_MOST = 256 << 10
"""Bytes of a single text that are kept: chat templates have up to 100 kB."""
KEPT_MOST = 16 << 20
"""Bytes of all texts and numbers of a header that are kept."""
_NUMBER_COSTS = 32
"""Bytes that a number in a list takes here, as much as Python needs for one."""
_WORD_MOST = 64
"""Bytes of a word of the vocabulary that somebody may ask for."""

_U32 = struct.Struct("<I")
_U64 = struct.Struct("<Q")


class Broken(Exception):
    """The file is not what it should be; the message completes the sentence "FILE ..."."""


class Cursor:
    """Reads forward through *file* of *size* bytes, in little-endian numbers. Raises ``Broken`` at its end."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self._size = size
        self._data = b""
        self._at = 0
        self._walked = 0
        self._strings = 0
        self._kept = 0

    @property
    def position(self) -> int:
        """Bytes from the start of the file."""
        return self._file.tell() - len(self._data) + self._at

    def take(self, count: int) -> bytes:
        """The next *count* bytes."""
        self._need(count)
        start, self._at = self._at, self._at + count
        return self._data[start : self._at]

    def number(self, shape: struct.Struct) -> int | float | bool:
        """The next number of a *shape*."""
        value: int | float | bool = shape.unpack(self.take(shape.size))[0]
        return value

    def count(self) -> int:
        """The next length or count: a number of 64 bits."""
        return int(self.number(_U64))

    def small(self) -> int:
        """The next number of 32 bits."""
        return int(self.number(_U32))

    def skip(self, count: int) -> None:
        """Leave out *count* bytes, without reading them where they are many."""
        if count <= len(self._data) - self._at:
            self._at += count
            return
        target = self.position + count
        if target > self._size:
            raise Broken("ends in the middle of its header")
        self._file.seek(target)
        self._data, self._at = b"", 0

    def text(self, most: int = TEXT_MOST) -> str:
        """The next string, its first *most* bytes; what is no UTF-8 in it is replaced."""
        length = self.count()
        kept = min(length, most)
        self._keep(kept)
        text = self.take(kept).decode("utf-8", "replace")
        self.skip(length - kept)
        return text

    def numbers(self, shape: struct.Struct, count: int) -> tuple[int | float | bool, ...]:
        """A list of *count* numbers of a *shape*."""
        self._keep(count * _NUMBER_COSTS)
        return tuple(value for (value,) in shape.iter_unpack(self.take(count * shape.size)))

    def words(self, count: int, wanted: Collection[bytes]) -> frozenset[bytes]:
        """Walk over *count* strings without keeping them; those of the *wanted* that are among them."""
        self._strings += count
        if self._strings > STRINGS_MOST:
            raise Broken("has a header longer than any model's")
        if count * 8 > self._size:
            raise Broken("ends in the middle of its header")
        found: set[bytes] = set()
        unpack = _U64.unpack_from
        for _ in range(count):
            if len(self._data) - self._at < 8:
                self._need(8)
            length = unpack(self._data, self._at)[0]
            start = self._at = self._at + 8
            if wanted and length <= _WORD_MOST:
                self._need(length)
                start = self._at
                word = self._data[start : start + length]
                if word in wanted:
                    found.add(word)
            if start + length <= len(self._data):
                self._at = start + length
            else:
                self.skip(length)
        return frozenset(found)

    def _keep(self, count: int) -> None:
        self._kept += count
        if self._kept > KEPT_MOST:
            raise Broken("has a header longer than any model's")

    def _need(self, count: int) -> None:
        """Have the next *count* bytes at hand."""
        rest = len(self._data) - self._at
        if rest >= count:
            return
        if count > self._size:
            raise Broken("ends in the middle of its header")
        more = self._file.read(max(_CHUNK, count - rest))
        self._walked += len(more)
        if self._walked > WALKED_MOST:
            raise Broken("has a header longer than any model's")
        self._data, self._at = self._data[self._at :] + more, 0
        if len(self._data) < count:
            raise Broken("ends in the middle of its header")
