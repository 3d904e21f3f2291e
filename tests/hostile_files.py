"""Builds malformed and hostile PDFs and pictures byte by byte."""

from __future__ import annotations

import struct
import zlib
from typing import Any

from PIL import Image

from drawing import picture_bytes

# --- handwritten PDFs --------------------------------------------------------------------------------------


def raw_pdf(*objects: bytes, trailer: bytes = b"") -> bytes:
    """A PDF of these objects, numbered from 1; the first is the catalog."""
    out = bytearray(b"%PDF-1.7\n")
    places = []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer\n<</Root 1 0 R/Size %d%s>>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, trailer, start)
    return bytes(out)


def stream(data: bytes, entries: bytes = b"") -> bytes:
    """A stream object."""
    return b"<<%s/Length %d>>\nstream\n%s\nendstream" % (entries, len(data), data)


def page_with(content: bytes, resources: bytes, *objects: bytes, page: bytes = b"", catalog: bytes = b"") -> bytes:
    """A PDF of one page; its *objects* are numbered from 5."""
    return raw_pdf(
        b"<</Type/Catalog/Pages 2 0 R%s>>" % catalog,
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Resources<<%s>>/Contents 4 0 R%s>>" % (resources, page),
        content if content.startswith(b"<<") else stream(content),
        *objects,
    )


def tree(pages: bytes, *kids: bytes) -> bytes:
    """A PDF with this root of its page tree, which is object 2; *kids* are numbered from 3."""
    return raw_pdf(b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages%s>>" % pages, *kids)


def form(content: bytes, resources: bytes = b"") -> bytes:
    """A form that is drawn with ``Do``."""
    return stream(content, b"/Type/XObject/Subtype/Form/BBox[0 0 595 842]/Resources<<%s>>" % resources)


def nested_forms(depth: int) -> bytes:
    """Forms that draw ten others each, *depth* levels deep ("billion laughs")."""
    forms = [form(b"/A Do " * 10, b"/XObject<</A %d 0 R>>" % (6 + level)) for level in range(depth)]
    return page_with(b"/A Do", b"/XObject<</A 5 0 R>>", *forms, form(b"0 0 1 1 re f"))


def flate_bomb(size: int) -> bytes:
    """*size* zero bytes as a small zlib stream, made at once: a megabyte is compressed, the rest is copied."""
    block = 1 << 20
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    piece = compressor.compress(bytes(block)) + compressor.flush(zlib.Z_FULL_FLUSH)
    count = size // block
    checksum = (count * block % 65521) << 16 | 1
    return b"\x78\xda" + piece * count + b"\x03\0" + struct.pack(">I", checksum)


def image_pdf(width: int, height: int, data: bytes, entries: bytes = b"") -> bytes:
    """A PDF whose page shows one picture."""
    more = entries or b"/ColorSpace/DeviceRGB/BitsPerComponent 8/Filter/FlateDecode"
    head = b"/Type/XObject/Subtype/Image/Width %d/Height %d%s" % (width, height, more)
    return page_with(b"595 0 0 842 0 0 cm /A Do", b"/XObject<</A 5 0 R>>", stream(data, head))


def object_stream_bomb() -> bytes:
    """All objects are said to be in a stream that unpacks to 128 MiB of nothing."""
    body = b"%PDF-1.7\n"
    first = len(body)
    packed = stream(flate_bomb(1 << 27), b"/Type/ObjStm/N 3/First 100/Filter/FlateDecode")
    body += b"4 0 obj\n%s\nendobj\n" % packed
    table = len(body)
    rows = [(0, 0, 255), (2, 4, 0), (2, 4, 1), (2, 4, 2), (1, first, 0), (1, table, 0)]
    entries = b"".join(struct.pack(">BIB", *row) for row in rows)
    index = stream(entries, b"/Type/XRef/Size 6/W[1 4 1]/Root 1 0 R")
    return body + b"5 0 obj\n%s\nendobj\nstartxref\n%d\n%%%%EOF" % (index, table)


def endless_type3() -> bytes:
    """A glyph that is drawn with itself."""
    font = (
        b"<</Type/Font/Subtype/Type3/FontBBox[0 0 9 9]/FontMatrix[1 0 0 1 0 0]/CharProcs<</a 6 0 R>>"
        b"/Encoding<</Differences[97/a]>>/FirstChar 97/LastChar 97/Widths[9]/Resources<</Font<</F 5 0 R>>>>>>"
    )
    write = b"BT /F 9 Tf (aaa) Tj ET"
    return page_with(write, b"/Font<</F 5 0 R>>", font, stream(b"9 0 d0 " + write))


def tiling(content: bytes, entries: bytes) -> bytes:
    """A pattern."""
    return stream(content, b"/PatternType 1/PaintType 1/TilingType 1/BBox[0 0 5 5]" + entries)


FILL = b"/Pattern cs /P scn 0 0 595 842 re f"
PATTERN = b"/Pattern<</P 5 0 R>>"
ACTIVE = page_with(
    b"0 0 9 9 re f",
    b"",
    b"<</Type/Filespec/F(../../evil.sh)/EF<</F 6 0 R>>>>",
    stream(b"#!/bin/sh\ntouch pwned", b"/Type/EmbeddedFile"),
    page=b"/AA<</O<</S/Launch/F(touch pwned)>>>>",
    catalog=b"/OpenAction<</S/JavaScript/JS(this.exportDataObject\\({cName:'evil.sh',nLaunch:2}\\);"
    b"app.launchURL\\('http://203.0.113.1'\\))>>/Names<</EmbeddedFiles<</Names[(evil.sh)5 0 R]>>>>",
)
"""A script, a program to launch and an embedded file."""
OUTSIDE = (
    b"<</Type/XObject/Subtype/Image/Width 10/Height 10/ColorSpace/DeviceGray/BitsPerComponent 8/Length 0"
    b"/F(/etc/passwd)>>\nstream\n\nendstream"
)
"""A picture whose bytes lie in a file elsewhere."""


# --- handwritten pictures ----------------------------------------------------------------------------------


def chunk(kind: bytes, data: bytes) -> bytes:
    """A chunk of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, *chunks: bytes) -> bytes:
    """An RGB PNG made of these chunks."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(chunks) + chunk(b"IEND", b"")


HEIC_HEAD = b"\0\0\0\x18ftypheic\0\0\0\0heicmif1"
TAGS_ALONE = b"II*\0\x08\0\0\0\xff\xff" + struct.pack("<HHII", 256, 4, 1, 1) * 65535 + bytes(4)
SMALL_DATA = chunk(b"IDAT", zlib.compress((b"\0" + bytes(range(0, 240, 10))) * 8))
"""The pixels of an RGB PNG of 8 x 8."""


def tiff(frames: int, after: int = 0) -> bytes:
    """A TIFF of grey frames of one pixel; *after* is where the last one says that the next begins."""
    out = bytearray(b"II*\0\x08\0\0\0")
    for frame in range(frames):
        here = len(out)
        pixel = here + 2 + 8 * 12 + 4
        rows = [(256, 4, 1), (257, 4, 1), (258, 3, 8), (259, 3, 1), (262, 3, 1), (273, 4, pixel), (278, 4, 1)]
        out += struct.pack("<H", 8)
        out += b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in [*rows, (279, 4, 1)])
        out += struct.pack("<I", after if frame == frames - 1 else pixel + 4) + b"\x80\0\0\0"
    return bytes(out)


def gif(width: int, height: int, frames: int) -> bytes:
    """A GIF that breaks off in every one of its frames."""
    head = b"GIF89a" + struct.pack("<HH", width, height) + b"\x80\0\0\0\0\0\xff\xff\xff"
    frame = b"\x2c" + struct.pack("<HHHHB", 0, 0, width, height, 0) + b"\x02\x02\x4c\x01\0"
    return head + frame * frames + b";"


def jpeg_claiming(width: int, height: int, **options: Any) -> bytes:
    """A small JPEG that says it is larger."""
    data = bytearray(picture_bytes(Image.new("RGB", (16, 16)), "JPEG", **options))
    frame = max(data.find(b"\xff\xc0"), data.find(b"\xff\xc2"))
    data[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def jpeg_of_scans(side: int, scans: int) -> bytes:
    """A progressive JPEG that goes over its empty picture again and again."""
    data = jpeg_claiming(side, side, progressive=True)
    first = data.find(b"\xff\xda")
    body = data[first:-2]
    return data[:first] + body * (scans // body.count(b"\xff\xda")) + data[-2:]


def bmp(width: int, height: int, bits: int = 24) -> bytes:
    """The head of a bitmap and nearly nothing after it."""
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, 0, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 94, 0, 0, 62) + info + bytes(48)


WEBP_OF_4_GB = b"RIFF\x1a\x00\x00\x00WEBPVP8L\x0e\x00\x00\x00/\xfe\xbf\xff\x0f\x07\x10\x11\xfd\x0fDD\xff\x03"
"""A whole WebP of one colour, of the largest size there is."""
