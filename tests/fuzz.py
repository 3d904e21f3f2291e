"""A mutation fuzzer for documents and for server answers.

    python tests/fuzz.py --cases 5000 --seed 1            everything
    python tests/fuzz.py --seed 1 --only 1234             one case again, in detail

A case is a kind of document (or ``server``), a seed and a number: nothing else decides what it is. Cases run in child
processes, so that crashes and hangs are caught; a child is used again until something is wrong with it. Of every case
it is demanded that a result or a ``VisionOcrError`` comes of it, within ``PATIENCE`` seconds and ``MEMORY`` bytes; that
no file appears, that nothing is written to standard output, that no other host is asked and the key stays unseen.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import io
import itertools
import json
import os
import random
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import pymupdf
from PIL import Image, ImageDraw

from peak import peak_of_this_process
from setting_samples import UNCHECKED

PATIENCE = 20.0
"""Seconds that a case may take."""
MEMORY = 1 << 30
"""Bytes that a child may ever have had."""
ADDRESSES = 6 << 30
"""Bytes of address space of a child: only to protect the machine."""
PICTURES = ("png", "jpeg", "tiff", "gif", "bmp", "webp")
KINDS = ("pdf", "pdf", "pdf", "png", "jpeg", "tiff", "gif", "bmp", "webp", "server", "server", "server")
"""Case *n* is of kind ``KINDS[n % len(KINDS)]``."""
MISDEEDS = ("escape", "hang", "crash", "print", "write", "memory")
"""Kinds that do what a case must not do: to see that it is noticed."""
KEY = "k3y-nobody-may-see"
MOST_PAGES = 6
"""Pages of a document that are drawn."""

_mupdf: Any = pymupdf


# --- samples -----------------------------------------------------------------------------------------------


@cache
def samples(kind: str) -> tuple[bytes, ...]:
    """Small valid documents of a kind; the same bytes in every process."""
    return _pdfs() if kind == "pdf" else _pictures(kind)


def _drawing(mode: str, size: tuple[int, int] = (60, 44)) -> Image.Image:
    image = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(image)
    for place in range(0, size[0], 7):
        draw.line((place, 3, place // 2, size[1] - 4), fill=(place * 3, 40, 200 - place))
    return image.convert("I").convert("I;16") if mode == "I;16" else image.convert(mode)


def _saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


_MODES: dict[str, tuple[tuple[str, dict[str, Any]], ...]] = {
    "png": (("RGB", {}), ("P", {}), ("LA", {}), ("I;16", {}), ("1", {"dpi": (72, 72)})),
    "jpeg": (("RGB", {"quality": 60}), ("L", {"progressive": True}), ("CMYK", {"restart_marker_rows": 1})),
    "tiff": (
        ("RGB", {}),
        ("L", {"compression": "tiff_lzw"}),
        ("1", {"compression": "group4"}),
        ("RGBA", {"compression": "tiff_adobe_deflate"}),
        ("RGB", {"compression": "jpeg"}),
        ("I;16", {}),
        ("P", {"compression": "packbits"}),
    ),
    "gif": (("P", {}), ("L", {"interlace": 1})),
    "bmp": (("RGB", {}), ("P", {}), ("1", {})),
    "webp": (("RGB", {"quality": 50}), ("RGBA", {"lossless": True})),
}


def _pictures(kind: str) -> tuple[bytes, ...]:
    found = [_saved(_drawing(mode), kind.upper(), **options) for mode, options in _MODES[kind]]
    if kind in {"tiff", "gif", "webp", "png"}:
        more = [_drawing("L").convert("RGB"), _drawing("RGB", (60, 44) if kind == "webp" else (40, 30))]
        found.append(_saved(_drawing("RGB"), kind.upper(), save_all=True, append_images=more))
    if kind in {"jpeg", "png", "webp"}:
        exif = Image.Exif()
        exif[0x0112] = 6
        exif[0x010E] = "what it shows"
        found.append(_saved(_drawing("RGB"), kind.upper(), exif=exif))
    return tuple(found)


def _pdfs() -> tuple[bytes, ...]:
    plain = _mupdf.open()
    for number in range(2):
        page = plain.new_page(width=200, height=150)
        page.insert_text((20, 40), f"Page {number} of a small document")
        page.draw_rect(_mupdf.Rect(20, 60, 120, 100), color=(1, 0, 0), fill=(0, 0, 1))
    rich = _mupdf.open()
    page = rich.new_page(width=200, height=150)
    page.insert_image(_mupdf.Rect(10, 10, 90, 70), stream=_saved(_drawing("RGB"), "JPEG"))
    page.insert_image(_mupdf.Rect(90, 10, 190, 70), stream=_saved(_drawing("LA"), "PNG"))
    page.insert_link({"kind": _mupdf.LINK_URI, "from": _mupdf.Rect(1, 1, 9, 9), "uri": "http://203.0.113.9/"})
    page.add_rect_annot(_mupdf.Rect(20, 90, 60, 120))
    options = {"no_new_id": True, "garbage": 3}
    return (
        bytes(plain.tobytes(**options)),
        bytes(plain.tobytes(**options, deflate=True, use_objstms=1)),
        bytes(rich.tobytes(**options, expand=1)),
        bytes(rich.tobytes(**options, deflate=True)),
        _written_pdf(),
    )


def _written_pdf() -> bytes:
    """A PDF with forms, a pattern, a shading, a function and a glyph of its own."""

    def stream(entries: str, data: str) -> str:
        return f"<<{entries}/Length {len(data)}>>\nstream\n{data}\nendstream"

    glyphs = (
        "<</Type/Font/Subtype/Type3/FontBBox[0 0 9 9]/FontMatrix[0.1 0 0 0.1 0 0]/CharProcs<</a 8 0 R>>"
        "/Encoding<</Differences[97/a]>>/FirstChar 97/LastChar 97/Widths[9]/Resources<<>>>>"
    )
    page = (
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 150]/Rotate 90/Contents 4 0 R/Resources<</XObject<</A 5 0 R>>"
        "/Pattern<</P 6 0 R>>/Font<</F 7 0 R>>/Shading<</S 9 0 R>>/ExtGState<</G<</ca 0.5/BM/Multiply>>>>>>>>"
    )
    shading = "<</ShadingType 2/ColorSpace/DeviceRGB/Coords[0 0 99 99]/Function 10 0 R/Extend[true false]>>"
    objects = (
        "<</Type/Catalog/Pages 2 0 R>>",
        "<</Type/Pages/Kids[3 0 R]/Count 1>>",
        page,
        stream("", "q /G gs 1 0 0 1 9 9 cm /A Do Q /Pattern cs /P scn 9 9 80 60 re f BT /F 9 Tf (aaa) Tj ET /S sh"),
        stream("/Type/XObject/Subtype/Form/BBox[0 0 50 50]/Group<</S/Transparency>>", "0 0 m 40 40 l 3 w S"),
        stream(
            "/PatternType 1/PaintType 1/TilingType 1/BBox[0 0 5 5]/XStep 5/YStep 5/Resources<<>>",
            "1 0 0 rg 0 0 3 3 re f",
        ),
        glyphs,
        stream("", "9 0 d0 0 0 5 5 re f"),
        shading,
        "<</FunctionType 2/Domain[0 1]/N 1.5/C0[0 0 1]/C1[1 0 0]>>",
    )
    out, places = "%PDF-1.7\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += f"{number} 0 obj\n{body}\nendobj\n"
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    size = len(objects) + 1
    end = f"trailer\n<</Root 1 0 R/Size {size}>>\nstartxref\n{len(out)}\n%%EOF\n"
    return f"{out}xref\n0 {size}\n0000000000 65535 f \n{table}{end}".encode()


# --- mutations ---------------------------------------------------------------------------------------------

Mutation = Callable[[random.Random, bytearray, tuple[bytes, ...]], None]
_NUMBERS = (0, 1, 2, 7, 8, 127, 128, 255, 256, 4095, 32767, 32768, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1)
_WORDS = (
    *(b"/Kids[2 0 R]", b"/Parent 3 0 R", b"/Count -1", b"/Length 99999999", b"/Filter/FlateDecode"),
    *(b"/Filter[/LZWDecode]", b"/MediaBox[0 0 1e9 1e9]", b"/Rotate 45", b"/UserUnit 1e6", b"/Encrypt 1 0 R"),
    *(b"/Prev 0", b"stream\n", b"endobj", b"<<", b">>", b"[[[[[[[[", b"0 0 R", b"1 0 R", b"4 0 R", b"-1e38"),
    *(b" Do ", b" q " * 40, b" Q Q ", b" BI /W 9 ID ", b"%%EOF", b"startxref\n5\n", b"trailer<<>>", b"\0" * 16),
    *(b"\xff" * 16, b"\xff\xd8", b"\xff\xda", b"\xff\xc2", b"\x00\x3b", b"IDAT", b"IEND", b"acTL", b"fcTL"),
    *(b"iCCP", b"tRNS", b"Exif\0\0", b"VP8X", b"ANMF", b"ALPH", b"II*\0", b"MM\0*"),
)  # fmt: skip


def _place(rng: random.Random, data: bytearray) -> int:
    """Anywhere; more often near the beginning, where the heads are."""
    return rng.randrange(min(len(data), 120) if rng.random() < 0.4 else len(data)) if data else 0


def _flip(rng: random.Random, data: bytearray, _: tuple[bytes, ...]) -> None:
    for _turn in range(rng.randint(1, 8)):
        data[_place(rng, data)] ^= 1 << rng.randrange(8)


def _overwrite(rng: random.Random, data: bytearray, _: tuple[bytes, ...]) -> None:
    at = _place(rng, data)
    data[at : at + rng.randint(1, 4)] = rng.randbytes(rng.randint(1, 4))


def _delete(rng: random.Random, data: bytearray, _: tuple[bytes, ...]) -> None:
    at = _place(rng, data)
    del data[at : at + rng.choice((1, 2, 4, 16, 64, 300))]


def _duplicate(rng: random.Random, data: bytearray, _: tuple[bytes, ...]) -> None:
    at = _place(rng, data)
    piece = bytes(data[at : at + rng.choice((1, 4, 12, 64, 300))])
    data[at:at] = piece * rng.choice((1, 1, 2, 50))


def _insert(rng: random.Random, data: bytearray, _: tuple[bytes, ...]) -> None:
    at = _place(rng, data)
    word = rng.choice(_WORDS)
    data[at : at + rng.choice((0, len(word)))] = word


def _written_number(rng: random.Random, data: bytearray, _: tuple[bytes, ...]) -> None:
    """Another number where one is written in digits."""
    found = list(re.finditer(rb"-?[0-9]{1,12}", data))
    if found:
        number = rng.choice(found)
        data[number.start() : number.end()] = str(rng.choice(_NUMBERS) * rng.choice((1, 1, 1, -1))).encode()


def _field(rng: random.Random, data: bytearray, _: tuple[bytes, ...]) -> None:
    """Another number where a field of one, two or four bytes may be."""
    form = rng.choice(("B", "<H", ">H", "<I", ">I"))
    size = struct.calcsize(form)
    at = _place(rng, data)
    data[at : at + size] = struct.pack(form, rng.choice(_NUMBERS) & (256**size - 1))


def _splice(rng: random.Random, data: bytearray, others: tuple[bytes, ...]) -> None:
    """A piece of another sample."""
    other = rng.choice(others)
    start = rng.randrange(len(other))
    at = _place(rng, data)
    data[at : at + rng.choice((0, 8, 200))] = other[start : start + rng.choice((8, 64, 400, 4000))]


def _cut(rng: random.Random, data: bytearray, _: tuple[bytes, ...]) -> None:
    del data[rng.randrange(len(data) + 1) :]


MUTATIONS: tuple[Mutation, ...] = (
    *(_flip, _overwrite, _delete, _duplicate, _insert),
    *(_written_number, _field, _field, _splice, _cut),
)


def mutate(rng: random.Random, data: bytes, others: tuple[bytes, ...]) -> bytes:
    """The same bytes, damaged in one to five places."""
    broken = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 3, 5))):
        if broken:
            rng.choice(MUTATIONS)(rng, broken, others)
    return bytes(broken)


def _with_checksums(data: bytes) -> bytes:
    """A PNG whose chunks have the right checksums again: else no reader looks into them."""
    out, at = bytearray(data[:8]), 8
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        if at + 12 + length > len(data):
            break
        body = data[at + 4 : at + 8 + length]
        out += data[at : at + 8 + length] + struct.pack(">I", zlib.crc32(body))
        at += 12 + length
    return bytes(out + data[at:])


def make_rng(kind: str, seed: int, number: int) -> random.Random:
    """The random generator of a case."""
    return random.Random(f"{kind} {seed} {number}")


def make_document(kind: str, seed: int, number: int) -> bytes:
    """The bytes of a case."""
    rng = make_rng(kind, seed, number)
    others = samples(rng.choice(PICTURES) if rng.random() < 0.1 else kind)
    data = mutate(rng, rng.choice(samples(kind)), others)
    return _with_checksums(data) if kind == "png" and rng.random() < 0.7 else data


# --- server answers ----------------------------------------------------------------------------------------

Pieces: TypeAlias = Iterator[bytes]
_GOOD: dict[str, object] = {
    "/api/extra/version": {
        "result": "KoboldCpp",
        "version": "1.115.1",
        "protected": False,
        "llm": True,
        "vision": True,
    },
    "/api/v1/model": {"result": "koboldcpp/Qwen2.5-VL-7B-Instruct-Q4_K_M"},
    "/api/extra/true_max_context_length": {"value": 8192},
    "/api/extra/tokencount": {"value": 30, "ids": [1, 2, 3]},
    "/api/extra/perf": {"last_token_count": 12, "stop_reason": 1, "queue": 0, "idle": 1, "total_gens": 3},
    "/api/extra/generate/check": {"results": [{"text": ""}]},
    "/api/extra/abort": {"success": "true"},
    "/api/v1/generate": {
        "results": [{"text": " A page.", "finish_reason": "stop", "prompt_tokens": 900, "completion_tokens": 12}]
    },
}
_STRANGE: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2**31, 2**63, -(2**63), 10**400, 1.5, -0.0, 1e308, float("inf"), float("nan")),
    *("", "text", "\ud800", "\x1b[2J\x07\u202e\u2066", "\0", "1." + "9" * 5000, "9" * 5000, "٣.٤", "nan", "x" * 70_000),
    *([], [[]], [None], {}, {"text": "x"}, [{"text": 7}], "stop", "length", "error", "KoboldCpp", "inactive"),
)
_TOKENS = (
    *("\x9d", "\x90", "\x1b]", "\x1b[", "\x1bP", "<think>", "</think>", "<answer>", "```\n", "````md\n"),
    *("<|im_start|>", "<|im_end|>", "<|ref|>", "<|det|>[[1,", "---\n", "---\na: b\n", "| 1 | 0 |\n", "|", "a"),
    *("ab ", "word word ", " ", "\t", "\n", "\r", "\ufeff", "\u202e", "\ud83d", "=== PAGE 1 ===\n"),
    *("Here is the text:\n\n", "I cannot ", "# ", "$", "["),
)  # fmt: skip
_STATUSES = (
    100,
    101,
    102,
    103,
    200,
    201,
    204,
    206,
    226,
    300,
    301,
    302,
    304,
    307,
    308,
    400,
    401,
    403,
    404,
    405,
    408,
    413,
)
_LATER = (418, 429, 431, 451, 500, 501, 502, 503, 504, 511, 599, 600, 999, 0, -1, 99999)


@dataclass
class Answer:
    """An answer whose parts can be corrupted."""

    path: str
    value: Any
    elsewhere: str
    """Address of another host."""
    status: str = "HTTP/1.0 200 OK"
    headers: list[tuple[str, str]] = field(default_factory=lambda: [("Content-Type", "application/json")])
    length: str | None = ""
    """``None``: none is told; empty: the right one."""
    body: bytes | None = None

    def head(self) -> bytes:
        """Everything before the body."""
        lines = [self.status, *(f"{name}: {value}" for name, value in self.headers)]
        if self.length is not None:
            lines.append(f"Content-Length: {self.length or len(self.content())}")
        return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace")

    def content(self) -> bytes:
        """The body."""
        return self.body if self.body is not None else json.dumps(self.value).encode()

    def pieces(self) -> Pieces:
        """All of it."""
        yield self.head() + self.content()


Spoiler = Callable[[random.Random, Answer], Pieces]


def _bits(rng: random.Random, answer: Answer) -> Pieces:
    yield mutate(rng, answer.head() + answer.content(), (b"HTTP/1.1 503 Busy\r\nRetry-After: 1\r\n\r\n", b"null"))


def _body_bits(rng: random.Random, answer: Answer) -> Pieces:
    answer.body = mutate(rng, answer.content(), (b'{"results":[{"text":"x"}]}', b"[1e999, -1]", b'"\\ud800"'))
    return answer.pieces()


def _types(rng: random.Random, answer: Answer) -> Pieces:
    """Wrong values, wherever in the JSON."""

    def changed(value: Any, depth: int = 0) -> Any:
        if rng.random() < 0.25:
            return rng.choice(_STRANGE)
        if isinstance(value, dict):
            return {key: changed(item, depth + 1) for key, item in value.items() if rng.random() < 0.95}
        return [changed(item, depth + 1) for item in value] if isinstance(value, list) else value

    answer.value = changed(answer.value)
    return answer.pieces()


def _one_type(rng: random.Random, answer: Answer) -> Pieces:
    """One wrong value."""
    table = answer.value["results"][0] if rng.random() < 0.8 and "results" in answer.value else answer.value
    if isinstance(table, dict) and table:
        table[rng.choice(sorted(table))] = rng.choice(_STRANGE)
    return answer.pieces()


def _text(rng: random.Random, answer: Answer) -> Pieces:
    """A text made of what the reader of texts looks for."""
    words = [rng.choice(_TOKENS) * rng.choice((1, 1, 2, 30, 400)) for _ in range(rng.randint(1, 12))]
    answer.value = {"results": [{"text": "".join(words)[:6000], "finish_reason": rng.choice(("stop", "length"))}]}
    return answer.pieces()


def _nested(rng: random.Random, answer: Answer) -> Pieces:
    depth = rng.choice((900, 1100, 100_000, 1_000_000))
    start, end = rng.choice(((b"[", b"]"), (b'{"a":', b"}")))
    answer.body = b'{"results":' + start * depth + b"1" + end * rng.choice((0, depth)) + b"}"
    return answer.pieces()


def _huge(rng: random.Random, answer: Answer) -> Pieces:
    """200 MB."""
    size = 200 * 2**20
    answer.length = rng.choice((None, str(size)))
    yield answer.head() + b'{"results": [{"text": "'
    yield from itertools.repeat(b"word " * 13_107, size // 65_535)


def _endless(rng: random.Random, answer: Answer) -> Pieces:
    answer.length = None
    yield answer.head()
    yield from itertools.repeat(rng.choice((b" " * 65_536, b"[" * 65_536, b"\0" * 65_536)))


def _not_utf8(rng: random.Random, answer: Answer) -> Pieces:
    body = bytearray(answer.content())
    for _ in range(rng.randint(1, 5)):
        body[rng.randrange(len(body))] = rng.choice((0xFF, 0xC0, 0xED, 0x80, 0x9B))
    answer.body = rng.choice((b"\xff\xfe", b"\xef\xbb\xbf", b"\xfe\xff", b"")) + bytes(body)
    return answer.pieces()


def _length(rng: random.Random, answer: Answer) -> Pieces:
    right = len(answer.content())
    wrong = (
        right - 1,
        right + 1,
        -1,
        0,
        2**31,
        2**64,
        10**30,
        f"{right}, {right + 1}",
        f"+{right}",
        "x",
        f"{right}.0",
        "٣",
    )
    answer.length = str(rng.choice(wrong))
    if rng.random() < 0.3:
        answer.headers.append(("Content-Length", str(rng.choice(wrong))))
    return answer.pieces()


def _redirect(rng: random.Random, answer: Answer) -> Pieces:
    answer.status = f"HTTP/1.1 {rng.choice((300, 301, 302, 303, 307, 308))} Moved"
    there = answer.elsewhere
    places = (
        there,
        f"{there}/{KEY}",
        there.removeprefix("http:"),
        "/api",
        "http://[",
        "http://",
        "javascript:1",
        "\x1b[2J",
    )
    answer.headers += [(rng.choice(("Location", "location", "Refresh")), rng.choice(places))] * rng.choice((1, 1, 50))
    return answer.pieces()


def _drip(rng: random.Random, answer: Answer) -> Pieces:
    """The body byte by byte."""
    answer.length = rng.choice((None, "100000"))
    yield answer.head()
    for _ in range(300):
        yield b" "
        time.sleep(0.01)


def _flood(rng: random.Random, answer: Answer) -> Pieces:
    count, size = rng.choice(((50, 100), (99, 60_000), (5000, 10), (100_000, 30), (1, 70_000), (2, 5_000_000)))
    answer.headers += [(f"X-{number}", "y" * size) for number in range(count)]
    return answer.pieces()


def _old(rng: random.Random, answer: Answer) -> Pieces:
    """What is no HTTP, or that of 1991."""
    things = (
        b"<html>hello</html>",
        b"\x16\x03\x01\x02\x00\x01",
        b"\0" * 300,
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"\r\n\r\n",
        b"HTTP",
    )
    more = (b"HTTP/9.9 200 OK\r\n\r\n{}", b"HTTP/1.1\r\n\r\n", b"ICY 200 OK\r\n\r\n", b"HTTP/1.1 200" + b"x" * 70_000)
    yield rng.choice((*things, *more)) * rng.choice((1, 1, 3))
    if rng.random() < 0.3:
        yield rng.randbytes(rng.choice((1, 100, 5000)))


def _chunks(rng: random.Random, answer: Answer) -> Pieces:
    answer.status = "HTTP/1.1 200 OK"
    answer.headers.append(
        ("Transfer-Encoding", rng.choice(("chunked", "Chunked", "gzip, chunked", "chunked, chunked")))
    )
    answer.length = rng.choice((None, None, ""))
    body = answer.content()
    sizes = (
        f"{len(body):x}",
        "-1",
        "ffffffffffffffffff",
        "zz",
        "",
        "0",
        "7fffffff",
        "5;" + "x" * 9000,
        " 3",
        "0x5",
        "1_0",
    )
    yield answer.head()
    for _ in range(rng.randint(1, 4)):
        yield rng.choice(sizes).encode() + rng.choice((b"\r\n", b"\n", b"")) + body + rng.choice((b"\r\n", b""))
    yield rng.choice((b"0\r\n\r\n", b"0\r\n" + b"T: x\r\n" * 500 + b"\r\n", b""))


def _status(rng: random.Random, answer: Answer) -> Pieces:
    code = rng.choice(_STATUSES + _LATER)
    answer.status = rng.choice(
        (f"HTTP/1.1 {code} Word", f"HTTP/1.0 {code}", f"HTTP/1.1 {code} \x1b[31m", f"http/1.1 {code} x")
    )
    if rng.random() < 0.5:
        answer.body = rng.choice(
            (b"", b"null", b"<b>no</b>", b"bad_input", f'{{"detail":"you sent {KEY}"}}'.encode(), b"\xff" * 99)
        )
    if rng.random() < 0.3:
        answer.headers.append(
            ("Retry-After", rng.choice(("0", "1", "-1", "9" * 40, "soon", "Wed, 21 Oct 2015 07:28:00 GMT")))
        )
    return answer.pieces()


def _packed(rng: random.Random, answer: Answer) -> Pieces:
    """A compressed body that nobody asked for, also one that unpacks to 256 MiB."""
    name = rng.choice(("gzip", "deflate", "br", "zstd", "gzip, gzip", "identity", "x" * 99))
    answer.headers.append(("Content-Encoding", name))
    form = 31 if "gzip" in name else 15
    packer = zlib.compressobj(9, zlib.DEFLATED, form)
    if rng.random() < 0.15:
        answer.body = b"".join(packer.compress(bytes(1 << 20)) for _ in range(256)) + packer.flush()
    else:
        answer.body = packer.compress(answer.content()) + packer.flush()
    if rng.random() < 0.3:
        answer.body = mutate(rng, answer.body, (b"\x1f\x8b", b"\0" * 9))
    return answer.pieces()


def _broken_off(rng: random.Random, answer: Answer) -> Pieces:
    whole = answer.head() + answer.content()
    yield whole[: rng.randrange(len(whole))]


SPOILERS: tuple[tuple[Spoiler, int], ...] = (
    *((_bits, 8), (_body_bits, 8), (_types, 14), (_one_type, 14), (_text, 10), (_nested, 3), (_huge, 1), (_endless, 1)),
    *((_not_utf8, 4), (_length, 4), (_redirect, 4), (_drip, 1), (_flood, 2), (_old, 4), (_chunks, 6), (_status, 10)),
    *((_packed, 3), (_broken_off, 3)),
)
"""Ways to spoil an answer, and how often each is chosen."""


class CaseServer:
    """A listener on loopback that answers as a case says, and a second one that must get no request."""

    def __init__(self) -> None:
        self.script: Callable[[str], Pieces] = lambda path: iter(())
        self.strangers = 0
        """Connections to the host that is somebody else's."""
        self._listener, self._other = socket.create_server(("127.0.0.1", 0)), socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.elsewhere = f"http://127.0.0.1:{self._other.getsockname()[1]}"
        threading.Thread(target=self._listen, args=(self._listener, self._serve), daemon=True).start()
        threading.Thread(target=self._listen, args=(self._other, self._listen_elsewhere), daemon=True).start()

    def _listen(self, listener: socket.socket, serve: Callable[[socket.socket], None]) -> None:
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    def _listen_elsewhere(self, connection: socket.socket) -> None:
        self.strangers += 1
        connection.close()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            connection.settimeout(PATIENCE)
            path = self._request(connection)
            for piece in self.script(path):
                connection.sendall(piece)

    def _request(self, connection: socket.socket) -> str:
        data = b""
        while b"\r\n\r\n" not in data:
            more = connection.recv(65536)
            if not more:
                return ""
            data += more
        head, _, body = data.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: (\d+)", head)
        missing = int(length[1]) - len(body) if length else 0
        while missing > 0 and (more := connection.recv(65536)):
            missing -= len(more)
        return head.split(b" ")[1].decode()


def make_script(seed: int, number: int, elsewhere: str) -> Callable[[str], Pieces]:
    """A server's answers in a case: one address, or all, answers badly, once or always."""
    rng = make_rng("server", seed, number)
    target = rng.choice((*_GOOD, *["/api/v1/generate"] * 6, "*"))
    spoil = rng.choices([spoiler for spoiler, _ in SPOILERS], [weight for _, weight in SPOILERS])[0]
    only_once = rng.random() < 0.3
    met: Counter[str] = Counter()

    def script(path: str) -> Pieces:
        good = next((value for ending, value in _GOOD.items() if path.endswith(ending)), {})
        answer = Answer(path, json.loads(json.dumps(good)), elsewhere)
        met[path] += 1
        spoilt = target == "*" or path.endswith(target)
        if not spoilt or (only_once and met[path] > 1):
            return answer.pieces()
        # Chance must not depend on the order in which threads ask.
        return spoil(random.Random(f"{seed} {number} {path}"), answer)

    return script


def _answers_preview(seed: int, number: int, most: int = 1 << 20) -> bytes:
    """The beginning of what each address says in a case."""
    script, said = make_script(seed, number, "http://127.0.0.1:9"), b""
    for path in _GOOD:
        said += f"\n===== {path} =====\n".encode()
        limit = len(said) + most // len(_GOOD)
        for piece in script(path):
            said += piece
            if len(said) > limit:
                break
    return said


# --- the child ---------------------------------------------------------------------------------------------


class Child:
    """Runs cases in a folder of its own; the outcome of a case is ``result`` or an error's class."""

    def __init__(self, folder: Path, limit: int = MEMORY) -> None:
        self._folder = folder
        self._limit = limit
        self._case = folder / "cwd" / "case"
        self._wire: CaseServer | None = None
        errors = importlib.import_module("visionocr.errors")
        self._expected: type[Exception] = errors.VisionOcrError
        for name in ("cwd", "home", "tmp"):
            (folder / name).mkdir(exist_ok=True)
        os.environ.update(HOME=str(folder / "home"), XDG_CONFIG_HOME=str(folder / "home"), TMPDIR=str(folder / "tmp"))
        tempfile.tempdir = None
        os.chdir(folder / "cwd")
        self._picture = folder / "cwd" / "picture"
        self._picture.write_bytes(samples("png")[0])

    def run(self, kind: str, seed: int, number: int) -> dict[str, Any]:
        """One case: its outcome, and what was wrong about it (empty if nothing)."""
        self._case.write_bytes(b"" if kind in {"server", *MISDEEDS} else make_document(kind, seed, number))
        before, strangers = self._listing(), self._wire.strangers if self._wire else 0
        started, wrong = time.monotonic(), ""
        try:
            outcome = self._outcome(kind, seed, number)
        except self._expected as error:
            outcome = type(error).__name__
            wrong = _message_problems(str(error), str(getattr(error, "hint", "")))
        except BaseException as error:  # noqa: BLE001 - this is what is looked for
            outcome, wrong = "escaped", f"{type(error).__name__}: {str(error)[:300]}"
        seconds = time.monotonic() - started
        new = sorted(self._listing() - before)
        wrong = wrong or (f"left {new}" if new else "")
        if self._wire and self._wire.strangers > strangers:
            wrong = wrong or "asked another host"
        if os.fstat(1).st_size:
            os.ftruncate(1, 0)
            wrong = wrong or "wrote to standard output"
        memory = peak_of_this_process()
        if memory > self._limit:
            wrong = wrong or f"took {memory >> 20} MiB"
        return {"outcome": outcome, "wrong": wrong, "seconds": seconds, "memory": memory}

    def repeat(self, kind: str, seed: int, number: int) -> str:
        """Run one case and raise whatever it raises."""
        self._case.write_bytes(b"" if kind in {"server", *MISDEEDS} else make_document(kind, seed, number))
        return self._outcome(kind, seed, number)

    def _listing(self) -> set[str]:
        return {os.path.join(top, name) for top, folders, files in os.walk(self._folder) for name in (*folders, *files)}

    def _outcome(self, kind: str, seed: int, number: int) -> str:
        if kind in MISDEEDS:
            return self._fail_on_purpose(kind)
        return self._ask(seed, number) if kind == "server" else self._read()

    def _read(self) -> str:
        """Open the document and draw its first pages."""
        from visionocr.documents.discovery import discover
        from visionocr.documents.source import Source
        from visionocr.errors import DocumentError
        from visionocr.types import RasterSpec

        spec, outcome = RasterSpec(300), "nothing"
        with Source(discover([str(self._case)]), workers=0) as documents:
            for page in itertools.islice(documents.pages(), MOST_PAGES):
                try:
                    images = documents.load(page, spec)
                except DocumentError as error:
                    if faults := _message_problems(error.message, error.hint):
                        raise AssertionError(faults) from None
                    outcome = "DocumentError" if page.number == 0 else "page error"
                    continue
                assert images, "no images"
                for image in images:
                    assert min(image.width, image.height) >= 28, "too small"
                    assert max(image.width, image.height) <= 300, "too large"
                    assert image.data[:3] in {b"\xff\xd8\xff", b"\x89PN"}, "neither JPEG nor PNG"
                outcome = "result"
        return outcome

    def _ask(self, seed: int, number: int) -> str:
        """Read a picture with a server that answers badly."""
        from visionocr.api import transcribe

        if self._wire is None:
            self._wire = CaseServer()
            _shorten_timeouts()
        self._wire.script = make_script(seed, number, self._wire.elsewhere)
        settings: dict[str, Any] = {"timeout": 1.0, "max_time": 2.0, "wait_server": 0.0, "max_asks": 2, "max_side": 64}
        results = list(transcribe([self._picture], api_url=self._wire.url, api_key=KEY, **settings))
        assert [result.page.number for result in results] == [1], "not one page"
        (result,) = results
        if faults := _message_problems(*(finding.message for finding in result.findings)):
            raise AssertionError(faults)
        assert KEY not in repr(result), "the key is in a result"
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", result.text), (
            "controls in text"
        )
        return "result" if result.text else f"page {result.status}"

    def _fail_on_purpose(self, kind: str) -> str:
        match kind:
            case "escape":
                raise KeyError("nobody caught me")
            case "hang":
                signal.pause()
            case "crash":
                os.kill(os.getpid(), signal.SIGSEGV)
            case "print":
                os.write(1, b"hello")
            case "write":
                (self._folder / "home" / "evil.sh").write_text("pwned")
            case "memory":
                block = bytearray(b"x") * (self._limit + (64 << 20))
                del block
        return "result"


def _message_problems(*messages: str) -> str:
    """What is wrong with the words of an error."""
    for message in messages:
        if KEY in message:
            return "the key is in an error"
        if "\n" in message or "Traceback" in message or "object at 0x" in message:
            return f"not a message for people: {message[:200]!r}"
    return ""


def _shorten_timeouts() -> None:
    """Short times for everything that waits for a server."""
    attempt: Any = importlib.import_module("visionocr.engines.attempt")
    http: Any = importlib.import_module("visionocr.engines.http")
    http.PROBE_TIMEOUT, http.CONNECT_TIMEOUT, http.BODY_TIMEOUT = 0.6, 1.0, 0.8
    policy: Any = importlib.import_module("visionocr.engines.retry_policy")
    real = policy.RetryPolicy
    attempt._ABORT_PAUSE = 0.05
    policy.RetryPolicy = lambda **_: real(busy=0.3, absent=0.0, last_answer=0.2, idle=0.2, abort=0.1)
    real.pause = lambda _self, failures, wish=None: min(0.01 * failures, 0.05)


def child_main(folder: Path, limit: int) -> None:
    """Read cases from standard input, a JSON object a line, and answer each with another."""
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (ADDRESSES, ADDRESSES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    replies = os.fdopen(os.dup(1), "w")
    noise = os.open(folder.with_suffix(".out"), os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND)
    os.dup2(noise, 1)
    child = Child(folder, limit)
    for line in sys.stdin:
        replies.write(json.dumps(child.run(**json.loads(line))) + "\n")
        replies.flush()


# --- the parent --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Failure:
    """A case that went wrong."""

    kind: str
    seed: int
    number: int
    wrong: str
    saved: str
    """The file with its bytes."""

    def __str__(self) -> str:
        repeat = f"python tests/fuzz.py --seed {self.seed} --kind {self.kind} --only {self.number}"
        return (
            f"{self.kind} {self.number} (seed {self.seed}): {self.wrong}\n    again: {repeat}\n    bytes: {self.saved}"
        )


@dataclass
class Report:
    """What became of many cases."""

    outcomes: dict[str, Counter[str]] = field(default_factory=dict)
    """By kind."""
    slowest: dict[str, tuple[float, int]] = field(default_factory=dict)
    """Seconds and number of the slowest case, by kind."""
    memory: dict[str, int] = field(default_factory=dict)
    """Most bytes that a child had after a case, by kind."""
    failures: list[Failure] = field(default_factory=list)
    seconds: float = 0.0

    def add(self, kind: str, number: int, reply: dict[str, Any]) -> None:
        """Count a case."""
        self.outcomes.setdefault(kind, Counter())[reply["outcome"]] += 1
        self.slowest[kind] = max(self.slowest.get(kind, (0.0, 0)), (reply["seconds"], number))
        self.memory[kind] = max(self.memory.get(kind, 0), reply["memory"])

    @property
    def cases(self) -> int:
        """How many there were."""
        return sum(counter.total() for counter in self.outcomes.values())

    def __str__(self) -> str:
        lines = [f"{self.cases} cases, {len(self.failures)} failures, {self.seconds:.0f} s"]
        for kind, counter in sorted(self.outcomes.items()):
            seconds, number = self.slowest[kind]
            counts = ", ".join(f"{count} {outcome}" for outcome, count in counter.most_common())
            most = f"slowest {seconds:.1f} s (case {number}), {self.memory[kind] >> 20} MiB"
            lines.append(f"  {kind:6} {counter.total():5}: {counts}; {most}")
        return "\n".join([*lines, *map(str, self.failures)])


class Runner:
    """One child at a time, replaced when it fails."""

    def __init__(self, folder: Path, patience: float = PATIENCE, limit: int = MEMORY) -> None:
        self._folder = folder
        self._limit = limit
        self._patience = patience
        self._process: subprocess.Popen[str] | None = None
        self._numbers = itertools.count()

    def run(self, kind: str, seed: int, number: int) -> dict[str, Any]:
        """One case, whatever becomes of the child."""
        process = self._process or self._start()
        assert process.stdin is not None
        assert process.stdout is not None
        started = time.monotonic()
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(json.dumps({"kind": kind, "seed": seed, "number": number}) + "\n")
            process.stdin.flush()
        ready, _, _ = select.select([process.stdout], [], [], self._patience)
        line = process.stdout.readline() if ready else ""
        if line:
            reply: dict[str, Any] = json.loads(line)
            if reply["wrong"]:
                self.close()
            return reply
        if not ready:
            outcome, wrong = "hang", f"still at it after {self._patience:.0f} s"
        else:
            code = process.wait(self._patience)
            outcome, wrong = "crash", f"the process ended: {signal.strsignal(-code) if code < 0 else f'code {code}'}"
        self.close()
        return {"outcome": outcome, "wrong": wrong, "seconds": time.monotonic() - started, "memory": 0}

    def close(self) -> None:
        """End the child."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def _start(self) -> subprocess.Popen[str]:
        folder = self._folder / f"child{next(self._numbers)}"
        folder.mkdir()
        kept = {name: value for name, value in os.environ.items() if not name.startswith("VISIONOCR_")}
        environment = kept | UNCHECKED  # a second reader would start for each case
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).resolve()), "--child", str(folder), "--memory", str(self._limit)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        )
        return self._process


def fuzz(
    cases: int | Sequence[int],
    seed: int,
    *,
    kinds: Sequence[str] = KINDS,
    jobs: int = 2,
    patience: float = PATIENCE,
    memory: int = MEMORY,
    enough: int = 20,
) -> Report:
    """Run cases by their numbers, or so many from 0 on; end after *enough* failures."""
    numbers = range(cases) if isinstance(cases, int) else cases
    report, lock, started = Report(), threading.Lock(), time.monotonic()

    def work(job: int, folder: Path) -> None:
        runner = Runner(folder, patience, memory)
        try:
            for number in numbers[job::jobs]:
                kind = kinds[number % len(kinds)]
                reply = runner.run(kind, seed, number)
                with lock:
                    report.add(kind, number, reply)
                    if reply["wrong"]:
                        report.failures.append(Failure(kind, seed, number, reply["wrong"], save(kind, seed, number)))
                    if len(report.failures) >= enough:
                        return
        finally:
            runner.close()

    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        places = [Path(folder, str(job)) for job in range(jobs)]
        for place in places:
            place.mkdir()
        with ThreadPoolExecutor(jobs) as pool:
            list(pool.map(work, range(jobs), places))
    report.seconds = time.monotonic() - started
    return report


def save(kind: str, seed: int, number: int) -> str:
    """Write the bytes of a case to a file that stays."""
    if kind in MISDEEDS:
        return ""
    handle, path = tempfile.mkstemp(prefix=f"fuzz-{kind}-{seed}-{number}-")
    with open(handle, "wb") as file:
        file.write(_answers_preview(seed, number) if kind == "server" else make_document(kind, seed, number))
    return path


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="Fuzz documents and server answers.")
    parser.add_argument("--cases", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--kind", choices=sorted({*KINDS, *MISDEEDS}), help="this kind only")
    parser.add_argument("--only", type=int, metavar="NUMBER", help="this case only, in this process")
    parser.add_argument("--memory", type=int, default=MEMORY, help="bytes that a child may have")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child_main(options.child, options.memory)
        return 0
    kinds = (options.kind,) if options.kind else KINDS
    if options.only is not None:
        kind = kinds[options.only % len(kinds)]
        folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
        print(save(kind, options.seed, options.only), flush=True)
        try:
            print(Child(folder).repeat(kind, options.seed, options.only))
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return 0
    report = fuzz(options.cases, options.seed, kinds=kinds, jobs=options.jobs)
    print(report)
    return 1 if report.failures else 0


if __name__ == "__main__":
    sys.exit(main())
