"""Opens model files and reads their headers, all parts of a split one."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from visionocr.errors import ConfigurationError
from visionocr.gguf.cursor import Broken
from visionocr.gguf.header import MAGIC, Header, parse
from visionocr.text import printable

_PART = re.compile(r"-(\d{5})-of-(\d{5})(?=\.gguf$)", re.IGNORECASE)
"""How llama.cpp names the parts of a split file."""
_DAMAGED = "Download it again, or convert it again."
_STRANGERS = (
    (b"version https://git-lfs", "is a pointer of Git LFS, not the model", "Fetch the file itself: git lfs pull."),
    (b"lmgg", "is in GGML, the format before GGUF", "Look for the model as GGUF."),
    (b"fmgg", "is in GGMF, a format before GGUF", "Look for the model as GGUF."),
    (b"tjgg", "is in GGJT, a format before GGUF", "Look for the model as GGUF."),
    (b"algg", "is an adapter of a format before GGUF", "Look for the model as GGUF."),
    (b"PK\x03\x04", "is a zip archive or a PyTorch model, not GGUF", "Look for the model as GGUF."),
    (b"<", "is a web page or XML, not GGUF", "The download went wrong: look at it with a text editor."),
)
"""Beginnings of files that people take for GGUF, what they are, and what to do."""


def read_header(path: Path, words: Collection[str] = ()) -> Header:
    """The header of the model file *path*; of a split model that of the first part, with the tensors of all.

    *words* are looked for in the vocabulary. Raises ``ConfigurationError`` when the file or one of its parts
    is not there, cannot be read, is no GGUF, is damaged or cut off.
    """
    header = _read(path, words)
    number, count = _part(path, header)
    if count < 2:
        return header
    if number != 1:
        first = printable(_sibling(path, 1, count).name)
        raise ConfigurationError(
            f"{printable(str(path))} is part {number} of {count} of a model", f"Give its first: {first}."
        )
    tensors = dict(header.tensors)
    size = header.size
    for other in range(2, count + 1):
        part = _read(_sibling(path, other, count), ())
        tensors |= part.tensors
        size += part.size
    return replace(header, tensors=tensors, size=size)


def part_of(path: Path) -> tuple[int, int]:
    """Which part of how many a file is by its name; 1 of 1 for a whole one."""
    found = _PART.search(path.name)
    return (int(found[1]), int(found[2])) if found else (1, 1)


def _part(path: Path, header: Header) -> tuple[int, int]:
    """The same by its header, which must agree: engines refuse renamed parts."""
    count = header.number("split.count") or 1
    number, named = part_of(path)
    if count > 1 and named != count:
        raise ConfigurationError(
            f"{printable(str(path))} is one of {count} parts of a model, and its name does not say which",
            f"Give all parts the names they were made with: NAME-00001-of-{count:05}.gguf and so on.",
        )
    return (number, count) if count > 1 else (1, 1)


def _sibling(path: Path, number: int, count: int) -> Path:
    return path.with_name(_PART.sub(f"-{number:05}-of-{count:05}", path.name))


def _read(path: Path, words: Collection[str]) -> Header:
    name = printable(str(path))
    try:
        # A pipe must not make us wait for whoever writes into it.
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0))
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            os.close(handle)
            raise ConfigurationError(f"{name} is {'a folder' if stat.S_ISDIR(status.st_mode) else 'no file'}")
        with open(handle, "rb") as file:
            _check_beginning(name, file.read(64))
            file.seek(0)
            return parse(file, path, status.st_size, words)
    except FileNotFoundError:
        missing = "a part of the model is missing: " if part_of(path)[1] > 1 else ""
        raise ConfigurationError(f"{missing}there is no file {name}") from None
    except (OSError, ValueError) as error:  # the latter: a name with a zero byte
        raise ConfigurationError(f"cannot read {name}: {getattr(error, 'strerror', None) or error}") from None
    except Broken as error:
        raise ConfigurationError(f"{name} {error}", _DAMAGED) from None


def _check_beginning(name: str, beginning: bytes) -> None:
    if beginning.startswith(MAGIC):
        return
    if not beginning:
        raise ConfigurationError(f"{name} is empty", _DAMAGED)
    for magic, words, hint in _STRANGERS:
        if beginning.startswith(magic):
            raise ConfigurationError(f"{name} {words}", hint)
    raise ConfigurationError(f"{name} is not a GGUF file", "Model and projector must be in the GGUF format.")
