"""Reads the numbers and strings of a GGUF header, from an untrusted file.

Whatever the header claims, what is read, kept and skipped is limited.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Collection
from typing import BinaryIO

Number = int | float | bool

NUMBERS = {kind: struct.Struct(f"<{code}") for kind, code in enumerate("BbHhIif?  Qqd") if code != " "}
"""The types of numbers by their number in the format; 8 and 9 are strings and lists."""
U32, U64 = NUMBERS[4], NUMBERS[10]

_MAX_HEADER = 256 << 20
"""Bytes of a header. The longest seen in the wild, with all their word lists, have about 30 MB."""
_MAX_STRINGS = 4_000_000
"""Strings in all lists of a header. A model with 262,144 words has under 1,000,000."""
_MAX_WORD = 64
"""Bytes of a word of the vocabulary that can be searched for."""
_MAX_TEXT = 256 << 10
"""Bytes of a single text that are kept: chat templates have up to 100 kB."""
_MAX_LIST = 1024
"""Numbers of a list that are kept; longer lists are only counted."""
_NUMBER_COST = 32
"""Bytes of memory that Python needs for a number in a list."""
_MAX_KEPT = 16 << 20
"""Bytes of all texts and numbers of a header that are kept."""


class BrokenFile(Exception):
    """The file is not what it should be; the message completes the sentence "FILE ..."."""


class BinaryReader:
    """Reads forward through a buffered *file* of *size* bytes. Raises ``BrokenFile`` at its end and at every limit."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self.file = file
        self.size = size
        self._strings = 0
        self._kept = 0

    def read(self, count: int) -> bytes:
        """The next *count* bytes."""
        data = self.file.read(count)
        if len(data) < count:
            raise BrokenFile("ends in the middle of its header")
        return data

    def skip(self, count: int) -> None:
        """Skip *count* bytes, without reading them where they are many."""
        if count > self.size or (position := self.file.seek(count, os.SEEK_CUR)) > self.size:
            raise BrokenFile("ends in the middle of its header")
        if position > _MAX_HEADER:
            raise BrokenFile("has a header longer than any model's")

    def number(self, form: struct.Struct) -> Number:
        """The next number."""
        value: Number = form.unpack(self.read(form.size))[0]
        return value

    def count(self, form: struct.Struct = U64) -> int:
        """The next unsigned number: a length, a count or a type."""
        value: int = form.unpack(self.read(form.size))[0]
        return value

    def text(self, limit: int = _MAX_TEXT) -> str:
        """The next string, cut to *limit* bytes; invalid UTF-8 is replaced."""
        length = self.count()
        kept = min(length, limit)
        self._keep(kept)
        text = self.read(kept).decode("utf-8", "replace")
        self.skip(length - kept)
        return text

    def numbers(self, form: struct.Struct, count: int) -> tuple[Number, ...]:
        """The next *count* numbers; an empty tuple where they are too many to keep."""
        if count > _MAX_LIST:
            self.skip(count * form.size)
            return ()
        self._keep(count * _NUMBER_COST)
        return tuple(number for (number,) in form.iter_unpack(self.read(count * form.size)))

    def words(self, count: int, wanted: Collection[bytes]) -> set[bytes]:
        """Walk over *count* strings and return those of the *wanted* that are among them."""
        self._strings += count
        if self._strings > _MAX_STRINGS:
            raise BrokenFile("has a header longer than any model's")
        found = set()
        for _ in range(count):
            length = self.count()
            if length > _MAX_WORD:
                self.skip(length)
            elif (word := self.read(length)) in wanted:
                found.add(word)
        return found

    def _keep(self, count: int) -> None:
        self._kept += count
        if self._kept > _MAX_KEPT:
            raise BrokenFile("has a header longer than any model's")
