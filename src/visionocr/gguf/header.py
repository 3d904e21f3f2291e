"""The header of a GGUF file: its keys and the shapes of its tensors, without the tensors and the word lists."""

from __future__ import annotations

import math
import struct
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from visionocr.gguf.cursor import Broken, Cursor
from visionocr.gguf.quantization import TENSOR_TYPES

Value = str | int | float | bool | tuple[int | float | bool, ...]

MAGIC = b"GGUF"
_KEYS_MOST = 65_536
_TENSORS_MOST = 65_536
_NAME_MOST = 65_535
"""Bytes of a key, as the format's description has it."""
_VERSIONS = {2, 3}
_LIST_MOST = 1024
"""Numbers of a list that are kept; longer lists are only counted."""
_DIMENSIONS_MOST = 4
_NUMBER_MOST = 1 << 40
_ALIGNMENT = 32
"""Bytes to a multiple of which the tensors start, unless ``general.alignment`` says otherwise."""
VOCABULARY = "tokenizer.ggml.tokens"

_NUMBERS = {
    number: struct.Struct("<" + code)
    for number, code in {
        0: "B",
        1: "b",
        2: "H",
        3: "h",
        4: "I",
        5: "i",
        6: "f",
        7: "?",
        10: "Q",
        11: "q",
        12: "d",
    }.items()
}
"""The format's types of numbers, by their number in it."""
_STRING, _LIST = 8, 9


@dataclass(frozen=True, slots=True)
class Tensor:
    """Where a tensor is and how large."""

    shape: tuple[int, ...]
    """The innermost dimension first, as the file has it."""
    type: int
    offset: int
    """Bytes from the start of the tensors' data."""

    @property
    def size(self) -> int:
        """Bytes; 0 for types that are not known here."""
        if self.type not in TENSOR_TYPES:
            return 0
        _, items, length = TENSOR_TYPES[self.type]
        return math.prod(self.shape) // items * length


@dataclass(frozen=True, slots=True)
class Header:
    """What a GGUF file says of itself."""

    path: Path
    size: int
    """Bytes of the file."""
    values: Mapping[str, Value]
    """Keys with their texts, numbers and short lists of numbers."""
    lengths: Mapping[str, int]
    """Items of each list, by key."""
    tensors: Mapping[str, Tensor]
    words: frozenset[str] = frozenset()
    """Those of the words asked for that are in the vocabulary."""

    def text(self, key: str) -> str:
        """The text under *key*; empty when there is none."""
        value = self.values.get(key)
        return value if isinstance(value, str) else ""

    def number(self, key: str) -> int | None:
        """The count or size under *key*; ``None`` when there is none, or one that nothing in the world has."""
        value = self.values.get(key)
        if not isinstance(value, int) or isinstance(value, bool):
            return None
        return value if 0 <= value < _NUMBER_MOST else None

    def flag(self, key: str) -> bool:
        """Whether *key* is there and true."""
        return self.values.get(key) is True

    def numbers(self, key: str) -> tuple[int | float | bool, ...]:
        """The list of numbers under *key*; empty when there is none, or a long one."""
        value = self.values.get(key)
        return value if isinstance(value, tuple) else ()


def parse(file: BinaryIO, path: Path, size: int, words: Collection[str] = ()) -> Header:
    """Read the header of a *file* that begins at its first byte.

    *words* are looked for in the vocabulary. Raises ``Broken`` for everything that no engine would read either:
    another format, a version of old, impossible counts, keys given twice, a file that is cut off.
    """
    cursor = Cursor(file, size)
    _check_version(cursor)
    tensor_count, key_count = cursor.count(), cursor.count()
    if tensor_count > _TENSORS_MOST or key_count > _KEYS_MOST:
        raise Broken(f"claims to hold {tensor_count} tensors and {key_count} keys: its header is damaged")
    values: dict[str, Value] = {}
    lengths: dict[str, int] = {}
    found: frozenset[bytes] = frozenset()
    wanted = frozenset(word.encode() for word in words)
    for _ in range(key_count):
        key = cursor.text(_NAME_MOST)
        if key in values or key in lengths:
            raise Broken("gives a key twice: its header is damaged")
        kind = cursor.small()
        if kind == _STRING:
            values[key] = cursor.text()
        elif kind in _NUMBERS:
            values[key] = cursor.number(_NUMBERS[kind])
        elif kind == _LIST:
            item, lengths[key] = cursor.small(), cursor.count()
            if item == _STRING:
                found |= cursor.words(lengths[key], wanted if key == VOCABULARY else ())
            elif numbers := _numbers(cursor, item, lengths[key]):
                values[key] = numbers
        else:
            raise Broken(f"has a value of unknown type {kind}: its header is damaged")
    tensors = _tensors(cursor, tensor_count)
    _check_data(tensors, cursor.position, values.get("general.alignment", _ALIGNMENT), size)
    return Header(path, size, values, lengths, tensors, frozenset(word.decode() for word in found))


def _check_version(cursor: Cursor) -> None:
    cursor.take(len(MAGIC))
    version = cursor.small()
    if version & 0xFFFF == 0:
        raise Broken("is written for big-endian machines")
    if version not in _VERSIONS:
        raise Broken(f"is of version {version} of the GGUF format; versions 2 and 3 can be read")


def _numbers(cursor: Cursor, kind: int, count: int) -> tuple[int | float | bool, ...]:
    """A list of numbers, or nothing of a long one."""
    if kind not in _NUMBERS:  # lists of lists are in the format's description, but no engine reads them
        raise Broken(f"has a list of unknown type {kind}: its header is damaged")
    shape = _NUMBERS[kind]
    if count > _LIST_MOST:
        cursor.skip(count * shape.size)
        return ()
    return cursor.numbers(shape, count)


def _tensors(cursor: Cursor, count: int) -> dict[str, Tensor]:
    tensors: dict[str, Tensor] = {}
    for _ in range(count):
        name = cursor.text(_NAME_MOST)
        if name in tensors:
            raise Broken("gives a tensor twice: its header is damaged")
        dimensions = cursor.small()
        if dimensions > _DIMENSIONS_MOST:
            raise Broken(f"has a tensor of {dimensions} dimensions: its header is damaged")
        shape = tuple(cursor.count() for _ in range(dimensions))
        tensors[name] = Tensor(shape, cursor.small(), cursor.count())
    return tensors


def _check_data(tensors: Mapping[str, Tensor], header_end: int, alignment: Value, size: int) -> None:
    """Whether all tensors are within the file: a download that was cut off has a perfect header."""
    if not isinstance(alignment, int) or alignment < 1 or alignment & (alignment - 1):
        raise Broken("has an impossible alignment: its header is damaged")
    start = -(-header_end // alignment) * alignment
    end = max((start + tensor.offset + tensor.size for tensor in tensors.values()), default=0)
    if end > size:
        raise Broken(f"is cut off: its tensors need {end:,} bytes, and it has {size:,}")
