"""GGUF headers: what is read of them, and what becomes of those that are damaged, huge or hostile."""

from __future__ import annotations

import os
import random
import struct
import time
import tracemalloc
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import gguf
import weights
from visionocr.errors import ConfigurationError
from visionocr.gguf.header import FILE_TYPES, TENSOR_TYPES, read_header

STRING, LIST, U8, U32, U64 = 8, 9, 0, 4, 10


def text(value: str | bytes) -> bytes:
    """A string as the format writes it."""
    data = value.encode() if isinstance(value, str) else value
    return struct.pack("<Q", len(data)) + data


def key(name: str, kind: int, value: bytes) -> bytes:
    """A key with its value."""
    return text(name) + struct.pack("<I", kind) + value


def head(
    keys: Iterable[bytes] = (),
    tensors: Iterable[bytes] = (),
    *,
    version: int = 3,
    key_count: int | None = None,
    tensor_count: int | None = None,
) -> bytes:
    """The beginning of a file, whose counts may be lies."""
    listed, shapes = list(keys), list(tensors)
    key_count = len(listed) if key_count is None else key_count
    tensor_count = len(shapes) if tensor_count is None else tensor_count
    return b"GGUF" + struct.pack("<IQQ", version, tensor_count, key_count) + b"".join(listed) + b"".join(shapes)


def tensor(name: str, *shape: int, kind: int = 0, offset: int = 0) -> bytes:
    """The description of a tensor."""
    return text(name) + struct.pack("<I", len(shape)) + struct.pack(f"<{len(shape)}QIQ", *shape, kind, offset)


def catch_error(path: Path) -> ConfigurationError:
    """The error for a file that cannot be read; it is a line that names the file."""
    with pytest.raises(ConfigurationError) as caught:
        read_header(path)
    assert str(path.name) in caught.value.message
    assert "\n" not in caught.value.message
    return caught.value


@pytest.fixture
def good(tmp_path: Path) -> Path:
    """A small, whole model file."""
    return weights.model(tmp_path / "good.gguf", "qwen2vl", 3584, template=weights.CHATML, general__name="Good")


def test_what_is_read(good: Path) -> None:
    """Texts, numbers and the shapes of tensors are those that the public package reads; word lists are counted."""
    header, reader = read_header(good, {"a", "zzz"}), gguf.GGUFReader(good)
    assert header.text("general.name") == "Good"
    assert header.number("qwen2vl.embedding_length") == 3584
    assert header.text("tokenizer.chat_template") == weights.CHATML
    assert header.lengths["tokenizer.ggml.tokens"] == 2
    assert header.words == {"a"}
    known = {*header.values, *header.lengths}
    assert known == {name for name in reader.fields if not name.startswith("GGUF.")}
    assert {name: list(item.shape) for name, item in header.tensors.items()} == {
        item.name: [int(side) for side in item.shape] for item in reader.tensors
    }
    assert header.size == good.stat().st_size


def test_sizes_and_names_are_the_formats() -> None:
    """The tables of types are those of the public package."""
    sizes = {int(kind): (kind.name, *size) for kind, size in gguf.GGML_QUANT_SIZES.items()}
    assert sizes == {number: TENSOR_TYPES[number] for number in sizes}
    for kind in gguf.LlamaFileType:
        if kind.name != "GUESSED":
            assert FILE_TYPES[int(kind)] == kind.name.split("_", 1)[1]


def test_truncated_anywhere(good: Path) -> None:
    """Cut off at any byte, in the header or in the tensors, a file is refused in a sentence."""
    data = good.read_bytes()
    short = good.with_name("short.gguf")
    for end in {*range(0, len(data), 7), *range(len(data) - 64, len(data))}:
        short.write_bytes(data[:end])
        assert catch_error(short).hint
    short.write_bytes(data)
    read_header(short)


DAMAGED = {
    "too many tensors": (head(tensor_count=2**40), "claims to hold 1099511627776 tensors"),
    "too many keys": (head(key_count=2**40), "claims to hold 0 tensors and 1099511627776 keys"),
    "a text without end": (head([text("a") + struct.pack("<IQ", STRING, 2**63)]), "in the middle of its header"),
    "a key without end": (head([struct.pack("<Q", 2**64 - 1)]), "in the middle of its header"),
    "a list without end": (head([key("a", LIST, struct.pack("<IQ", U8, 2**62))]), "in the middle of its header"),
    "words without end": (head([key("a", LIST, struct.pack("<IQ", STRING, 2**62))]), "longer than any"),
    "numbers without end": (head([key("a", LIST, struct.pack("<IQ", U64, 1000))]), "in the middle of its header"),
    "a list of lists": (head([key("a", LIST, struct.pack("<IQ", LIST, 1))]), "unknown type 9"),
    "an unknown type": (head([key("a", 99, b"")]), "unknown type 99"),
    "a key twice": (head([key("a", U32, b"\0\0\0\0")] * 2), "a key twice"),
    "a tensor twice": (head([], [tensor("t", 1)] * 2), "a tensor twice"),
    "many dimensions": (head([], [tensor("t", 1, 1, 1, 1, 1)]), "5 dimensions"),
    "a huge tensor": (head([], [tensor("t", 2**63, 2**63, 2**63)]), "is cut off"),
    "a far tensor": (head([], [tensor("t", 1, offset=2**63)]), "is cut off"),
    "no alignment": (head([key("general.alignment", U32, b"\0\0\0\0")]), "impossible alignment"),
    "odd alignment": (head([key("general.alignment", U32, b"\3\0\0\0")]), "impossible alignment"),
    "alignment is a text": (head([key("general.alignment", STRING, text("x"))]), "impossible alignment"),
    "version 1": (head(version=1), "version 1 of the GGUF format"),
    "a version to come": (head(version=4), "version 4 of the GGUF format"),
    "big-endian": (b"GGUF" + struct.pack(">IQQ", 3, 0, 0), "big-endian"),
    "empty": (b"", "is empty"),
    "only the magic": (b"GGUF", "in the middle of its header"),
    "a web page": (b"<!DOCTYPE html><html>", "web page"),
    "a pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "pointer of Git LFS"),
    "old format": (b"tjgg\1\0\0\0", "GGJT"),
    "PyTorch": (b"PK\x03\x04....", "PyTorch"),
    "something else": (b"\x89PNG\r\n\x1a\n", "is not a GGUF file"),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_damaged(case: str, tmp_path: Path) -> None:
    """Each kind of damage is told as what it is, with what to do."""
    data, words = DAMAGED[case]
    path = tmp_path / "damaged.gguf"
    path.write_bytes(data)
    error = catch_error(path)
    assert words in error.message
    assert error.hint.endswith(".")


def test_no_files(tmp_path: Path) -> None:
    """What is not there, a folder, a name with a zero byte and a pipe nobody writes to are refused at once."""
    assert "there is no file" in catch_error(tmp_path / "none.gguf").message
    (tmp_path / "folder.gguf").mkdir()
    assert "is a folder" in catch_error(tmp_path / "folder.gguf").message
    with pytest.raises(ConfigurationError):
        read_header(Path("zero\0.gguf"))
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.gguf")
        assert "is not a file" in catch_error(tmp_path / "pipe.gguf").message


def test_memory_and_time_are_bounded(tmp_path: Path) -> None:
    """Headers made to cost much: a million keys' worth of lists, and of texts, are given up early."""
    path = tmp_path / "costly.gguf"
    numbers = b"".join(key(f"k{i}", LIST, struct.pack("<IQ", U8, 1024) + bytes(1024)) for i in range(20_000))
    texts = b"".join(key(f"k{i}", STRING, text(bytes(65_536))) for i in range(400))
    for keys, count in ((numbers, 20_000), (texts, 400)):
        path.write_bytes(head(key_count=count) + keys)
        tracemalloc.start()
        assert "longer than any" in catch_error(path).message
        assert tracemalloc.get_traced_memory()[1] < 60e6
        tracemalloc.stop()


def test_headers_without_end(tmp_path: Path) -> None:
    """A header that goes on beyond any model's is given up, even where nothing of it has to be read."""
    path = tmp_path / "long.gguf"
    path.write_bytes(head([key("a", LIST, struct.pack("<IQ", U8, 2**28))]))
    os.truncate(path, 2**28 + 1024)
    assert "longer than any" in catch_error(path).message


def test_long_texts_are_cut(tmp_path: Path) -> None:
    """A text longer than any chat template is kept in part, and what follows it is read."""
    path = tmp_path / "long.gguf"
    path.write_bytes(head([key("long", STRING, text("x" * 3_000_000)), key("next", U32, b"\7\0\0\0")]))
    header = read_header(path)
    assert 0 < len(header.text("long")) < 300_000
    assert header.number("next") == 7


@given(st.integers(0, 2**32), st.integers(1, 12))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_mutations(good: Path, seed: int, changes: int) -> None:
    """Whatever bytes are changed, the header is read or refused in a sentence, in no time."""
    chance = random.Random(seed)
    data = bytearray(good.read_bytes())
    for _ in range(changes):
        at = chance.randrange(len(data))
        data[at : at + chance.choice((1, 1, 1, 8))] = chance.randbytes(chance.choice((0, 1, 1, 8)))
    path = good.with_name("mutated.gguf")
    path.write_bytes(data)
    began = time.process_time()
    message = ""
    try:
        read_header(path)
    except ConfigurationError as error:
        message = error.message
    assert "\n" not in message
    assert time.process_time() - began < 0.5


# --- parts -------------------------------------------------------------------------------------------------


def test_parts(tmp_path: Path) -> None:
    """Of a split model the keys of the first part are read, and the tensors and sizes of all."""
    first = weights.model(tmp_path / "big.gguf", tensors=6, parts=3)
    parts = sorted(tmp_path.glob("big-*-of-00003.gguf"))
    assert parts[0] == first
    assert len(parts) == 3
    header = read_header(first)
    assert len(header.tensors) == 6
    assert header.size == sum(part.stat().st_size for part in parts)


def test_wrong_part(tmp_path: Path) -> None:
    """For a later part the first one is named."""
    weights.model(tmp_path / "big.gguf", tensors=6, parts=3)
    error = catch_error(tmp_path / "big-00002-of-00003.gguf")
    assert "part 2 of 3" in error.message
    assert "big-00001-of-00003.gguf" in error.hint


def test_missing_and_broken_part(tmp_path: Path) -> None:
    """A part that is missing, or cut off, is named."""
    first = weights.model(tmp_path / "big.gguf", tensors=6, parts=3)
    third = tmp_path / "big-00003-of-00003.gguf"
    data = third.read_bytes()
    third.write_bytes(data[:-8])
    with pytest.raises(ConfigurationError, match=r"big-00003-of-00003\.gguf is cut off"):
        read_header(first)
    third.unlink()
    with pytest.raises(ConfigurationError, match=r"a part of the model is missing: .*big-00003-of-00003\.gguf"):
        read_header(first)


def test_renamed_part(tmp_path: Path) -> None:
    """A part that lost its number would be refused by every engine, and is here."""
    first = weights.model(tmp_path / "big.gguf", tensors=6, parts=3)
    first.rename(tmp_path / "renamed.gguf")
    assert "one of 3 parts" in catch_error(tmp_path / "renamed.gguf").message


# --- size --------------------------------------------------------------------------------------------------


def test_forty_gigabytes(tmp_path: Path) -> None:
    """The header of a model of 40 GB with the word lists of a real one is read in a second, most of them skipped."""
    words = b"".join(text(f"word{number}") for number in range(152_000))
    merges = b"".join(text(f"wo rd{number}") for number in range(151_000))
    keys = [
        key("general.architecture", STRING, text("qwen2vl")),
        key("tokenizer.ggml.tokens", LIST, struct.pack("<IQ", STRING, 152_000) + words),
        key("tokenizer.ggml.token_type", LIST, struct.pack("<IQ", U32, 152_000) + bytes(4 * 152_000)),
        key("tokenizer.ggml.merges", LIST, struct.pack("<IQ", STRING, 151_000) + merges),
    ]
    path = tmp_path / "huge.gguf"
    path.write_bytes(head(keys, [tensor("a", 2**30), tensor("b", 2**33 - 2**30, offset=2**32)]))
    os.truncate(path, 40 * 2**30)
    if path.stat().st_blocks * 512 > 2**30:
        pytest.skip("the file system has no sparse files")
    began = time.perf_counter()
    header = read_header(path, {"word151999", "nowhere"})
    seconds = time.perf_counter() - began
    assert header.words == {"word151999"}
    assert header.lengths["tokenizer.ggml.merges"] == 151_000
    assert seconds < 1, f"{seconds:.2f} s"
