"""Reads the numbers and strings of a GGUF header forward, from a file that nobody vouches for.

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

_HEADER_MOST = 256 << 20
"""Bytes of a header. The longest seen in the wild, with all their word lists, have about 30 MB."""
_STRINGS_MOST = 4_000_000
"""Strings in all lists of a header. A model with 262,144 words has under 1,000,000."""
_WORD_MOST = 64
"""Bytes of a word of the vocabulary that somebody may ask for."""
_TEXT_MOST = 256 << 10
"""Bytes of a single text that are kept: chat templates have up to 100 kB."""
_LIST_MOST = 1024
"""Numbers of a list that are kept; longer lists are only counted."""
_NUMBER_COST = 32
"""Bytes of memory that Python needs for a number in a list."""
_KEPT_MOST = 16 << 20
"""Bytes of all texts and numbers of a header that are kept."""


class BrokenFile(Exception):
    """The file is not what it should be; the message completes the sentence "FILE ..."."""


class Reader:
    """Reads from a buffered *file* of *size* bytes. Raises ``BrokenFile`` at its end and at every limit."""

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
        """Leave out *count* bytes, without reading them where they are many."""
        if count > self.size or (position := self.file.seek(count, os.SEEK_CUR)) > self.size:
            raise BrokenFile("ends in the middle of its header")
        if position > _HEADER_MOST:
            raise BrokenFile("has a header longer than any model's")

    def number(self, form: struct.Struct) -> Number:
        """The next number."""
        value: Number = form.unpack(self.read(form.size))[0]
        return value

    def count(self, form: struct.Struct = U64) -> int:
        """The next length, count or type: a number without sign."""
        value: int = form.unpack(self.read(form.size))[0]
        return value

    def text(self, most: int = _TEXT_MOST) -> str:
        """The next string, its first *most* bytes; what is no UTF-8 in it is replaced."""
        length = self.count()
        kept = min(length, most)
        self._keep(kept)
        text = self.read(kept).decode("utf-8", "replace")
        self.skip(length - kept)
        return text

    def numbers(self, form: struct.Struct, count: int) -> tuple[Number, ...]:
        """The next *count* numbers; nothing when they are many."""
        if count > _LIST_MOST:
            self.skip(count * form.size)
            return ()
        self._keep(count * _NUMBER_COST)
        return tuple(number for (number,) in form.iter_unpack(self.read(count * form.size)))

    def words(self, count: int, wanted: Collection[bytes]) -> set[bytes]:
        """Those of the *wanted* words that are among the next *count* strings, which are not kept."""
        self._strings += count
        if self._strings > _STRINGS_MOST:
            raise BrokenFile("has a header longer than any model's")
        found = set()
        for _ in range(count):
            length = self.count()
            if length > _WORD_MOST:
                self.skip(length)
            elif (word := self.read(length)) in wanted:
                found.add(word)
        return found

    def _keep(self, count: int) -> None:
        self._kept += count
        if self._kept > _KEPT_MOST:
            raise BrokenFile("has a header longer than any model's")
