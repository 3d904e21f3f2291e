"""The header of a model file (GGUF): its keys and the shapes of its tensors, without weights and word lists."""

from __future__ import annotations

import math
import os
import re
import stat
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path

from visionocr.errors import ConfigurationError
from visionocr.gguf.binary_reader import NUMBERS, U32, BinaryReader, BrokenFile, Number
from visionocr.text import printable

Value = str | Number | tuple[Number, ...]

VOCABULARY = "tokenizer.ggml.tokens"
_STORAGE = tomllib.loads(resources.files("visionocr.prompts").joinpath("gguf/quantization.toml").read_text("utf-8"))
FILE_TYPES: dict[int, str] = {int(number): name for number, name in _STORAGE["file_types"].items()}
"""Names of quantizations by the number under ``general.file_type``."""
TENSOR_TYPES: dict[int, tuple[str, int, int]] = {int(k): tuple(v) for k, v in _STORAGE["tensor_types"].items()}
"""Name, items of a block and bytes of a block, by the type's number in a file."""

_MAGIC = b"GGUF"
_VERSIONS = {2, 3}
_MAX_COUNT = 65_536
"""Keys, and tensors."""
_MAX_NAME = 65_535
"""Bytes of a key, as the format's description has it."""
_MAX_DIMENSIONS = 4
_MAX_NUMBER = 1 << 40
_STRING, _LIST = 8, 9
_ALIGNMENT = 32
"""Bytes to a multiple of which the tensors start, unless ``general.alignment`` says otherwise."""
_PART = re.compile(r"-(\d{5})-of-(\d{5})(?=\.gguf$)", re.IGNORECASE)
"""How llama.cpp names the parts of a split file."""
_DAMAGED = "Download it again, or convert it again."
_OTHER_FORMATS = (
    (b"version https://git-lfs", "is a pointer of Git LFS, not the model", "Fetch the file itself: git lfs pull."),
    (b"lmgg", "is in GGML, the format before GGUF", "Look for the model as GGUF."),
    (b"fmgg", "is in GGMF, a format before GGUF", "Look for the model as GGUF."),
    (b"tjgg", "is in GGJT, a format before GGUF", "Look for the model as GGUF."),
    (b"algg", "is an adapter of a format before GGUF", "Look for the model as GGUF."),
    (b"PK\x03\x04", "is a zip archive or a PyTorch model, not GGUF", "Look for the model as GGUF."),
    (b"<", "is a web page or XML, not GGUF", "The download may have failed: look at it with a text editor."),
    (b"", "is not a GGUF file", "Model and projector must be in the GGUF format."),
)
"""Beginnings of files that people take for GGUF, what they are, and what to do."""


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
        _, items, length = TENSOR_TYPES.get(self.type, ("", 1, 0))
        return math.prod(self.shape) // items * length


@dataclass(frozen=True, slots=True)
class Header:
    """What a GGUF file says of itself."""

    path: Path
    size: int
    """Bytes of the file, or of all parts."""
    values: Mapping[str, Value]
    """Keys with their texts, numbers and lists of numbers; a long list is empty."""
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
        """The count or size under *key*; ``None`` when there is none, or one that is impossibly large."""
        value = self.values.get(key)
        if not isinstance(value, int) or isinstance(value, bool):
            return None
        return value if 0 <= value < _MAX_NUMBER else None


def read_header(path: Path, words: Collection[str] = ()) -> Header:
    """The header of the model file *path*; of a split model that of the first part, with the tensors of all.

    *words* are looked for in the vocabulary. Raises ``ConfigurationError`` when the file or one of its parts
    is not there, cannot be read, is no GGUF, is damaged or cut off.
    """
    header = _read_file(path, words)
    count = header.number("split.count") or 1
    if count == 1:
        return header
    number, named = parse_part(path)
    if named != count:  # engines refuse renamed parts
        raise ConfigurationError(
            f"{printable(str(path))} is one of {count} parts of a model, and its name does not say which",
            f"Give all parts their original names: NAME-00001-of-{count:05}.gguf and so on.",
        )
    if number != 1:
        raise ConfigurationError(
            f"{printable(str(path))} is part {number} of {count} of a model",
            f"Give the first part: {printable(part_path(path, 1).name)}.",
        )
    parts = [header, *(_read_file(part_path(path, other)) for other in range(2, count + 1))]
    tensors = {name: tensor for part in parts for name, tensor in part.tensors.items()}
    return replace(header, tensors=tensors, size=sum(part.size for part in parts))


def parse_part(path: Path) -> tuple[int, int]:
    """Which part of how many a file is by its name; 1 of 1 for a whole one."""
    found = _PART.search(path.name)
    return (int(found[1]), int(found[2])) if found else (1, 1)


def part_path(path: Path, number: int) -> Path:
    """The file of part *number*, beside *path*, which is another part of the same model."""
    return path.with_name(_PART.sub(lambda found: f"-{number:05}-of-{found[2]}", path.name))


def _read_file(path: Path, words: Collection[str] = ()) -> Header:
    name = printable(str(path))
    try:
        with open(path, "rb", 1 << 20, opener=_open_nonblocking) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise ConfigurationError(f"{name} is not a file")
            beginning = file.read(64)
            if not beginning:
                raise ConfigurationError(f"{name} is empty", _DAMAGED)
            if not beginning.startswith(_MAGIC):
                found, hint = next(item[1:] for item in _OTHER_FORMATS if beginning.startswith(item[0]))
                raise ConfigurationError(f"{name} {found}", hint)
            file.seek(len(_MAGIC))
            return _parse(BinaryReader(file, status.st_size), path, words)
    except FileNotFoundError:
        missing = "a part of the model is missing: " if parse_part(path)[1] > 1 else ""
        raise ConfigurationError(f"{missing}there is no file {name}") from None
    except IsADirectoryError:
        raise ConfigurationError(f"{name} is a folder") from None
    except (OSError, ValueError) as error:  # the latter: a name with a zero byte
        raise ConfigurationError(f"cannot read {name}: {getattr(error, 'strerror', None) or error}") from None
    except BrokenFile as error:
        raise ConfigurationError(f"{name} {error}", _DAMAGED) from None


def _open_nonblocking(path: str, flags: int) -> int:
    """Do not wait for whoever writes into a pipe."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _parse(reader: BinaryReader, path: Path, words: Collection[str]) -> Header:
    """Read what follows the magic. Raises ``BrokenFile`` for everything that no engine would read either."""
    version = reader.count(U32)
    if version & 0xFFFF == 0:
        raise BrokenFile("is written for big-endian machines")
    if version not in _VERSIONS:
        raise BrokenFile(f"is of version {version} of the GGUF format; versions 2 and 3 can be read")
    tensor_count, key_count = reader.count(), reader.count()
    if max(tensor_count, key_count) > _MAX_COUNT:
        raise BrokenFile(f"claims to hold {tensor_count} tensors and {key_count} keys: its header is damaged")
    values: dict[str, Value] = {}
    lengths: dict[str, int] = {}
    found: set[bytes] = set()
    for _ in range(key_count):
        key = reader.text(_MAX_NAME)
        if key in values or key in lengths:
            raise BrokenFile("gives a key twice: its header is damaged")
        kind = reader.count(U32)
        if kind == _STRING:
            values[key] = reader.text()
        elif kind in NUMBERS:
            values[key] = reader.number(NUMBERS[kind])
        elif kind == _LIST:
            kind, lengths[key] = reader.count(U32), reader.count()
            if kind == _STRING:
                found |= reader.words(lengths[key], {word.encode() for word in words if key == VOCABULARY})
            elif kind in NUMBERS:
                values[key] = reader.numbers(NUMBERS[kind], lengths[key])
            else:  # lists of lists are in the format's description, but no engine reads them
                raise BrokenFile(f"has a list of unknown type {kind}: its header is damaged")
        else:
            raise BrokenFile(f"has a value of unknown type {kind}: its header is damaged")
    tensors = _parse_tensors(reader, tensor_count)
    _check_data(reader, tensors, values.get("general.alignment", _ALIGNMENT))
    return Header(path, reader.size, values, lengths, tensors, frozenset(word.decode() for word in found))


def _parse_tensors(reader: BinaryReader, count: int) -> dict[str, Tensor]:
    tensors: dict[str, Tensor] = {}
    for _ in range(count):
        name = reader.text(_MAX_NAME)
        if name in tensors:
            raise BrokenFile("gives a tensor twice: its header is damaged")
        dimensions = reader.count(U32)
        if dimensions > _MAX_DIMENSIONS:
            raise BrokenFile(f"has a tensor of {dimensions} dimensions: its header is damaged")
        shape = tuple(reader.count() for _ in range(dimensions))
        tensors[name] = Tensor(shape, reader.count(U32), reader.count())
    return tensors


def _check_data(reader: BinaryReader, tensors: Mapping[str, Tensor], alignment: Value) -> None:
    """Refuse a file whose tensors end beyond it: a download that was cut off has a perfect header."""
    if not isinstance(alignment, int) or alignment < 1 or alignment & (alignment - 1):
        raise BrokenFile("has an impossible alignment: its header is damaged")
    start = -(-reader.file.tell() // alignment) * alignment
    end = max((start + tensor.offset + tensor.size for tensor in tensors.values()), default=0)
    if end > reader.size:
        raise BrokenFile(f"is cut off: its tensors need {end:,} bytes, and it has {reader.size:,}")
