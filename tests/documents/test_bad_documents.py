"""Malformed and hostile documents: each gives a result or one clear error, and the next document is read."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from drawing import encrypted, pdf_bytes
from exit_hook import with_exit_hook
from fakes.koboldcpp import FakeKoboldCpp, page_text
from fakes.pictures import encode, make_frames, make_image, make_pdf, picture
from hostile_files import (
    ACTIVE,
    FILL,
    HEIC_HEAD,
    OUTSIDE,
    PATTERN,
    SMALL_DATA,
    TAGS_ALONE,
    WEBP_OF_4_GB,
    bmp,
    chunk,
    endless_type3,
    flate_bomb,
    form,
    gif,
    image_pdf,
    jpeg_claiming,
    jpeg_of_scans,
    nested_forms,
    object_stream_bomb,
    page_with,
    png,
    raw_pdf,
    stream,
    tiff,
    tiling,
    tree,
)
from visionocr.api import transcribe
from visionocr.cli.app import app
from visionocr.documents import Source, discover
from visionocr.documents import picture as picture_file
from visionocr.errors import DocumentError
from visionocr.types import FindingKind, PageResult, RasterSpec, Status

MODEL = "Qwen2.5-VL-7B-Instruct-Q4_K_M"
BAD, GOOD = 5, 7
"""The numbers that the bad document (where it can be read) and the good one after it carry."""
PATIENCE = 60
"""Seconds after which a process that should have ended is a failure."""
POSIX = pytest.mark.skipif(os.name == "nt", reason="files of POSIX")


# --- the table ---------------------------------------------------------------------------------------------

TEXT, DRAWN, PAGE, DOCUMENT = "its text", "a picture", "an error of its page", "an error of the document"
"""What a bad document gives: its text, something that is drawn and asked for, or one error."""
ERROR = r"error: |(.*: )?failed: "
"""How a line begins that says so."""
CODES = {TEXT: 0, DRAWN: 0, PAGE: 7, DOCUMENT: 4}
TOO_EARLY = DOCUMENT if sys.platform == "linux" else PAGE
"""Where memory is limited, a decoder that wants all it needs at once fails before it has opened the file."""

Maker = Callable[[Path], object]


@dataclass(frozen=True)
class Case:
    """How a bad document is made, what becomes of it, and the words of its error."""

    name: str
    make: Maker
    gives: str
    words: str = ""
    """A pattern in what is said about it."""
    pages: int = 1


def file_with(data: bytes) -> Maker:
    """A function that writes a file with these bytes."""
    return lambda path: path.write_bytes(data)


def picture_with_number(kind: str, mode: str = "RGB", **options: Any) -> Maker:
    """A function that writes a picture with a number."""
    return lambda path: make_image(path, BAD, kind, mode, **options)


def pdf_with_number(**options: Any) -> Maker:
    """A function that writes a page with a number."""
    return lambda path: make_pdf(path, numbers=[BAD], **options)


def without_xref(path: Path) -> None:
    """A PDF whose cross-reference table has wrong offsets."""
    make_pdf(path, numbers=[BAD])
    data = path.read_bytes()
    path.write_bytes(re.sub(rb"\d{10} 00000 n", b"0000000001 00000 n", data))


def locked_pdf(owner_only: bool) -> Maker:
    """A PDF that needs a password, or whose password only protects its permissions."""
    if owner_only:
        return file_with(encrypted("", "owner"))
    return pdf_with_number(password="sesame")


def animation(kind: str) -> Maker:
    """Three frames of which the first counts."""
    if kind != "PNG":
        return lambda path: make_frames(path, [BAD, 8, 9], kind)
    first, *others = [picture(number) for number in (BAD, 8, 9)]
    return file_with(encode(first, "PNG", save_all=True, append_images=others))


DEEP = 200_000
ONE_FRAME = 2 + 8 * 12 + 4 + 4
KINDS_OF_PDF = [
    Case("encrypted", locked_pdf(owner_only=False), DOCUMENT, "is encrypted.*--password-file"),
    Case("protected by an owner's password only", locked_pdf(owner_only=True), DRAWN),
    Case("no pages", file_with(tree(b"/Kids[]/Count 0")), DOCUMENT, "has no pages"),
    Case("not a PDF", file_with(b"Dear Sir or Madam,\n"), DOCUMENT, "neither a PDF nor a picture.*are read"),
    Case("a web page", file_with(b"<!DOCTYPE html><html>404</html>"), DOCUMENT, "web page: the download"),
    Case("a ZIP", file_with(b"PK\x03\x04" + bytes(50)), DOCUMENT, "ZIP, Office or EPUB"),
    Case("0 bytes", file_with(b""), DOCUMENT, "0 bytes"),
    Case("a header alone", file_with(b"%PDF-1.7\n"), DOCUMENT, "damaged|no pages"),
    Case("noise after the header", file_with(b"%PDF-1.7\n" + bytes(range(256)) * 40), DOCUMENT, "damaged|no pages"),
    Case("200 inches", pdf_with_number(size=(14400, 14400)), TEXT),
    Case("wrong xref", without_xref, TEXT, "repaired"),
    Case("a broken encryption table", file_with(raw_pdf(b"<<>>", trailer=b"/Encrypt 1 0 R")), DOCUMENT, "damaged"),
    Case("tree: its own child", file_with(tree(b"/Kids[2 0 R]/Count 3")), DOCUMENT, "number of pages|no pages"),
    Case(
        "tree: a ring",
        file_with(tree(b"/Kids[3 0 R]/Count 2", b"<</Type/Pages/Parent 2 0 R/Kids[2 0 R]/Count 2>>")),
        PAGE,
        "cycle in page tree",
        pages=2,
    ),
    Case("tree: count below 0", file_with(tree(b"/Kids[3 0 R]/Count -5", b"<<>>")), DOCUMENT, "number of pages"),
    Case("tree: count of 2000000000", file_with(tree(b"/Kids[3 0 R]/Count 2000000000", b"<<>>")), DOCUMENT, "pages"),
    Case(
        "tree: a page that is its own parent",
        file_with(tree(b"/Kids[3 0 R]/Count 1", b"<</Type/Page/Parent 3 0 R>>")),
        DRAWN,
    ),
    Case("reference to itself", file_with(raw_pdf(b"1 0 R")), DOCUMENT, "no pages|damaged"),
    Case(
        "form that draws itself",
        file_with(page_with(b"/A Do", b"/XObject<</A 5 0 R>>", form(b"/A Do", b"/XObject<</A 5 0 R>>"))),
        DRAWN,
    ),
    Case("forms, ten times ten times ten", file_with(nested_forms(3)), DRAWN),
    Case(
        "pattern that draws itself",
        file_with(page_with(FILL, PATTERN, tiling(FILL, b"/XStep 5/YStep 5" + PATTERN))),
        PAGE,
    ),
    Case("glyph that draws itself", file_with(endless_type3()), DRAWN),
    Case("deep arrays", file_with(page_with(b"", b"", page=b"/Annots " + b"[" * DEEP + b"]" * DEEP)), PAGE, "damaged"),
    Case("deep dictionaries", file_with(page_with(b"", b"", page=b"/A " + b"<</A " * DEEP + b">>" * DEEP)), PAGE),
    Case("deep arrays in the content", file_with(page_with(b"[" * DEEP + b" TJ", b"")), PAGE, "damaged"),
    Case("deep graphics states", file_with(page_with(b"q " * DEEP, b"")), PAGE, "nested"),
    Case("content bomb", file_with(page_with(stream(flate_bomb(1 << 27), b"/Filter/FlateDecode"), b"")), DRAWN),
    Case("picture bomb", file_with(image_pdf(9000, 9000, flate_bomb(9000 * 27000))), PAGE, "nothing of it can be seen"),
    Case("picture of 10 GB", file_with(image_pdf(60_000, 60_000, flate_bomb(1 << 20))), PAGE, "nothing of it"),
    Case("object stream bomb", file_with(object_stream_bomb()), DOCUMENT, "no pages|damaged"),
    Case(
        "absurd predictor",
        file_with(
            page_with(
                stream(
                    zlib.compress(b"abc"),
                    b"/Filter/FlateDecode"
                    b"/DecodeParms<</Predictor 15/Columns 2000000000/Colors 32/BitsPerComponent 16>>",
                ),
                b"",
            )
        ),
        PAGE,
        "damaged",
    ),
    Case("scripts, programs, embedded files", file_with(ACTIVE), DRAWN),
    Case(
        "picture in a file elsewhere",
        file_with(page_with(b"99 0 0 99 0 0 cm /A Do", b"/XObject<</A 5 0 R>>", OUTSIDE)),
        DRAWN,
    ),
]
KINDS_OF_PICTURE = [
    Case("CMYK", picture_with_number("JPEG", "CMYK"), TEXT),
    Case("16 bits", picture_with_number("PNG", "I;16"), TEXT),
    Case("palette", picture_with_number("PNG", "P"), TEXT),
    Case("1 bit", picture_with_number("TIFF", "1"), TEXT),
    Case("grey with alpha", picture_with_number("PNG", "LA", transparent=True), TEXT),
    Case("animated GIF", animation("GIF"), TEXT),
    Case("animated WebP", animation("WEBP"), TEXT),
    Case("animated PNG", animation("PNG"), TEXT),
    Case("lying on its side", picture_with_number("JPEG", exif=6), TEXT),
    Case(
        "tall strip",
        picture_with_number("PNG", "L", size=(800, 20_000)),
        DRAWN,
        "a strip of 800 x 20000 pixels was cut",
    ),
    Case(
        "wide strip",
        picture_with_number("PNG", "L", size=(20_000, 800)),
        DRAWN,
        "a strip of 20000 x 800 pixels was cut",
    ),
    Case(
        "PNG that claims 2147483647 pixels a side", file_with(png(2**31 - 1, 2**31 - 1, SMALL_DATA)), PAGE, "too large"
    ),
    Case(
        "PNG with a text bomb", file_with(png(8, 8, chunk(b"zTXt", b"k\0\0" + flate_bomb(1 << 30)), SMALL_DATA)), DRAWN
    ),
    Case(
        "PNG with text bombs without end",
        file_with(png(8, 8, *[chunk(b"iTXt", b"k\0\1\0\0\0" + flate_bomb(50 << 20))] * 20, SMALL_DATA)),
        DRAWN,
    ),
    Case(
        "PNG with a profile bomb",
        file_with(png(8, 8, chunk(b"iCCP", b"k\0\0" + flate_bomb(1 << 30)), SMALL_DATA)),
        DRAWN,
    ),
    Case("PNG with too many pixels", file_with(png(8, 8, chunk(b"IDAT", flate_bomb(1 << 30)))), DRAWN),
    Case("TIFF of 200 frames", file_with(tiff(200)), DRAWN, pages=200),
    Case("TIFF whose frame follows itself", file_with(tiff(1, 8)), DRAWN),
    Case("TIFF whose frames are a ring", file_with(tiff(5, 8 + ONE_FRAME)), DRAWN, pages=5),
    Case("TIFF of tags alone", file_with(TAGS_ALONE), DOCUMENT, r"bad\S* is damaged and cannot be read$"),
    Case("GIF of 20,000 frames", file_with(gif(100, 100, 20_000)), DRAWN),
    Case("GIF that claims 65535 pixels a side", file_with(gif(65535, 65535, 1)), PAGE, "too large"),
    Case("BMP that claims 2147483647 pixels a side", file_with(bmp(2**31 - 1, 2**31 - 1)), PAGE, "too large"),
    Case("JPEG that claims 65500 pixels a side", file_with(jpeg_claiming(65500, 65500)), PAGE, "too large"),
    Case(
        "progressive JPEG that would take 2 GB",
        file_with(jpeg_claiming(24_000, 24_000, progressive=True)),
        PAGE,
        "progressive JPEG is too large",
    ),
    Case("progressive JPEG of 1000 scans", file_with(jpeg_of_scans(8000, 1000)), PAGE, "scans takes too long"),
    Case("WebP of 34 bytes that would take 4 GB", file_with(WEBP_OF_4_GB), TOO_EARLY, "too large"),
    Case("HEIC without a picture", file_with(HEIC_HEAD + bytes(100)), DOCUMENT, "HEIC|damaged"),
]


def named_pipe(*data: bytes) -> Maker:
    """A named pipe, and a writer that sends *data* and leaves."""

    def make(path: Path) -> None:
        os.mkfifo(path)

        def write() -> None:
            with contextlib.suppress(BrokenPipeError), path.open("wb") as pipe:
                for piece in data:
                    pipe.write(piece)

        threading.Thread(target=write, daemon=True).start()

    return make


def unix_socket(path: Path) -> None:
    """The address of a server on this machine."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path.name)  # below the current folder: such addresses must be short


def link_ring(path: Path) -> None:
    """Two links that point at each other."""
    other = path.with_name("other.pdf")
    other.symlink_to(path)
    path.symlink_to(other)


NO_FILES = [
    Case("nothing", lambda path: None, DOCUMENT, "does not exist.*check the name"),
    Case("a directory", Path.mkdir, DOCUMENT, "is a directory.*use -r"),
    Case("below a file", lambda path: path.parent.joinpath("good.pdf", "x"), DOCUMENT, "Not a directory"),
    Case("a pipe", named_pipe(pdf_bytes()), DRAWN),
    Case("a pipe with nothing in it", named_pipe(), DOCUMENT, "0 bytes"),
    Case("a pipe with half a document", named_pipe(pdf_bytes()[:100]), DOCUMENT, "damaged|no pages"),
    Case("a socket", unix_socket, DOCUMENT, "is not a file"),
    Case("a device", lambda path: Path("/dev/zero"), DOCUMENT, "/dev/zero is not a file"),
    Case("a link to a device", lambda path: path.symlink_to("/dev/zero"), DOCUMENT, "is not a file"),
    Case("a link to nothing", lambda path: path.symlink_to("nowhere"), DOCUMENT, "does not exist"),
    Case("links in a ring", link_ring, DOCUMENT, "symbolic links"),
    Case("memory of a process", lambda path: Path("/proc/self/mem"), DOCUMENT, "cannot be read"),
]
NAMES = [
    "new\nline.pdf",
    "quo'te\".pdf",
    "😀 naïve 文書.pdf",
    "-rf.pdf",
    "--output=x.pdf",
    "bad\udcff\udc80.pdf",
    "\x1b]0;title\x07\x1b[2Jclear.pdf",
    "fdp.\u202etxt",
    "[red]{0}%s$HOME`id`.pdf",
    " leading and trailing .pdf ",
    "x" * 251 + ".pdf",
    "..pdf",
    "a:b|c?.pdf",
]


# --- running the program -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class CommandResult:
    """Exit code, results and messages of a command."""

    code: int
    pages: list[dict[str, Any]]
    err: str

    def pages_of(self, document: str) -> list[dict[str, Any]]:
        """The results of one document."""
        return [page for page in self.pages if page["document"] == document]


Run = Callable[..., CommandResult]


@pytest.fixture(scope="module")
def server() -> Iterator[FakeKoboldCpp]:
    """One server for all tests of this file."""
    with FakeKoboldCpp(model=MODEL) as fake:
        yield fake


@pytest.fixture(autouse=True)
def isolated(isolated: None, monkeypatch: pytest.MonkeyPatch, server: FakeKoboldCpp) -> None:
    """The fixture ``isolated`` of conftest, with small pictures, one server and one ask for each page."""
    monkeypatch.setenv("VISIONOCR_API_URL", server.url)
    monkeypatch.setenv("VISIONOCR_MAX_SIDE", "400")
    monkeypatch.setenv("VISIONOCR_PRESET", "qwen2.5-vl")
    monkeypatch.setenv("VISIONOCR_MAX_ASKS", "1")


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Run a command line in this process: its results, and what it says.

    The libraries below must not have written a byte to standard output, and no file may have come or gone.
    """

    def run_it(*arguments: str) -> CommandResult:
        before = sorted(tmp_path.rglob("*"))
        result = CliRunner().invoke(app, ["pdf", "-v", "-f", "jsonl", *arguments], prog_name="visionocr")
        assert isinstance(result.exception, SystemExit | None), result.exc_info
        assert capfd.readouterr().out == ""
        assert sorted(tmp_path.rglob("*")) == before
        pages = [json.loads(line) for line in result.stdout_bytes.decode().splitlines()]
        return CommandResult(result.exit_code, pages, result.stderr_bytes.decode())

    return run_it


@pytest.fixture
def good_document(tmp_path: Path) -> str:
    """A good document, given as the last argument."""
    return make_pdf(tmp_path / "good.pdf", numbers=[GOOD]).name


def assert_good_document_is_read(ran: CommandResult, document: str) -> None:
    """The good document was read, after all others."""
    (page,) = ran.pages_of(document)
    assert (page["status"], page["text"]) == ("ok", page_text(GOOD))
    assert ran.pages[-1] == page


def assert_messages_are_clean(err: str) -> None:
    """No traceback, no internal error, no control character and no Python object in the messages."""
    assert not re.search(r"Traceback|unexpected error:|\bat 0x|<_io\.|^\w+Error", err, re.MULTILINE), err
    assert err.replace("\n", "").isprintable(), err


def assert_expected(bad: Case, pages: list[dict[str, Any]], err: str) -> None:
    """The bad document gave the result in the table, and its error is one line with at most a hint."""
    errors = [line for line in err.splitlines() if re.match(ERROR, line)]
    if bad.gives == PAGE and errors and errors[-1] == err.splitlines()[-1]:
        errors.pop()  # the run's last line names the pages once more
    if bad.gives == DOCUMENT:
        assert [(page["page"], page["status"]) for page in pages] == [(None, "failed")]
        assert len(errors) == 1, err
    else:
        assert len(pages) == bad.pages
        statuses = {page["status"] for page in pages}
        assert statuses == {"failed"} if bad.gives == PAGE else not statuses & {"failed"}, pages[0]
        assert len(errors) == (len(pages) if bad.gives == PAGE else 0), err
    if bad.gives == TEXT:
        assert [page["text"] for page in pages] == [page_text(BAD)]
    if bad.words:
        said = "\n".join(f"{found['message']}" for page in pages for found in page["findings"])
        at = err.find(errors[0]) if errors else 0
        lines = err[at:].splitlines()[:2]
        assert re.search(bad.words, said) or re.search(bad.words, " ".join(lines), re.DOTALL), (said, err)


def parameters(table: list[Case]) -> list[Any]:
    """The table for ``parametrize``."""
    return [pytest.param(bad, id=bad.name) for bad in table]


@pytest.mark.slow
@pytest.mark.parametrize("bad", parameters(KINDS_OF_PDF + KINDS_OF_PICTURE))
def test_bad_files(bad: Case, run: Run, good_document: str, tmp_path: Path) -> None:
    """A bad file gives a result or one clear error; the exit code says which; the next document is read."""
    bad.make(tmp_path / "bad.pdf")
    ran = run("bad.pdf", good_document)
    assert_messages_are_clean(ran.err)
    assert_expected(bad, ran.pages_of("bad.pdf"), ran.err)
    assert ran.code == CODES[bad.gives]
    assert_good_document_is_read(ran, good_document)


@pytest.mark.slow
@POSIX
@pytest.mark.parametrize("bad", parameters(NO_FILES))
def test_special_files(bad: Case, run: Run, good_document: str, tmp_path: Path) -> None:
    """Devices, sockets, pipes, folders and links are read or refused in one line, without waiting for ever."""
    made = bad.make(tmp_path / "bad.pdf")
    name = str(made) if isinstance(made, Path) else "bad.pdf"
    if name.startswith(("/proc", "/dev")) and not os.path.exists(name):
        pytest.skip("this system has no such file")
    ran = run(name, good_document)
    assert_messages_are_clean(ran.err)
    assert_expected(bad, ran.pages_of(name), ran.err)
    assert ran.code == CODES[bad.gives]
    assert_good_document_is_read(ran, good_document)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(run: Run, good_document: str, tmp_path: Path) -> None:
    """A file without permission is one error that says so."""
    make_pdf(tmp_path / "bad.pdf").chmod(0)
    ran = run("bad.pdf", good_document)
    assert_expected(Case("", Path.touch, DOCUMENT, "[Pp]ermission denied"), ran.pages_of("bad.pdf"), ran.err)
    assert_good_document_is_read(ran, good_document)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_unusual_names(name: str, run: Run, good_document: str, tmp_path: Path) -> None:
    """A document is read whatever its name, which cannot steer a terminal or break a line."""
    try:
        make_pdf(tmp_path / "plain.pdf", numbers=[BAD]).rename(tmp_path / name)
    except (OSError, UnicodeEncodeError):
        pytest.skip("this system cannot have such a name")
    ran = run(good_document, "--", name)
    assert_messages_are_clean(ran.err)
    assert [page["text"] for page in ran.pages] == [page_text(GOOD), page_text(BAD)]
    assert ran.err.count(": ok (") == 2
    assert ran.code == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("passwords", "gives", "words"),
    [
        ("", DOCUMENT, "is encrypted$"),
        ("wrong\n\nSesame\n", DOCUMENT, "is encrypted, and the password is wrong"),
        ("wrong\nsesame\n", TEXT, ""),
    ],
)
def test_passwords(passwords: str, gives: str, words: str, run: Run, good_document: str, tmp_path: Path) -> None:
    """An encrypted PDF is opened by any of the given passwords, or is one error; no password is shown."""
    locked_pdf(owner_only=False)(tmp_path / "bad.pdf")
    (tmp_path / "passwords").write_text(passwords)
    ran = run("bad.pdf", good_document, "--password-file", "passwords", "-vv")
    assert_expected(Case("", Path.touch, gives, words), ran.pages_of("bad.pdf"), ran.err)
    assert not re.search("sesame", ran.err, re.IGNORECASE)
    assert_good_document_is_read(ran, good_document)


@pytest.mark.parametrize(
    "kind",
    ["PDF", "PNG", "JPEG", *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("TIFF", "GIF", "BMP", "WEBP"))],
)
def test_truncated_files(kind: str, run: Run, good_document: str, tmp_path: Path) -> None:
    """A document truncated at any of many places gives text, a marked page or one error."""
    whole = tmp_path / "whole"
    pdf_with_number()(whole) if kind == "PDF" else make_image(whole, BAD, kind, size=(300, 400))
    data = whole.read_bytes()
    places = sorted(
        {*range(1, 12, 3), *(len(data) * part // 24 for part in range(1, 24)), *range(len(data) - 9, len(data), 2)}
    )
    names = [f"cut{place:07}.pdf" for place in places]
    for place, name in zip(places, names, strict=True):
        (tmp_path / name).write_bytes(data[:place])
    ran = run(*names, good_document)
    assert_messages_are_clean(ran.err)
    assert_good_document_is_read(ran, good_document)
    assert ran.code in {0, 4, 7}
    for name in names:
        (page,) = ran.pages_of(name)
        assert (page["status"] == "failed") == (not page["text"]), page
        errors = [line for line in ran.err.splitlines() if name in line and re.match(ERROR, line)]
        assert len(errors) == (page["status"] == "failed"), ran.err
    # Of most kinds something can be read when only the end is missing; else nothing was tried.
    assert {page["status"] for page in ran.pages[:-1]} > {"failed"} or kind == "WEBP"


def test_endless_frames(run: Run, good_document: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A TIFF with more frames than can be found in a few seconds is one error that names it and the limit."""
    monkeypatch.setattr(picture_file, "_MAX_FRAMES", 50)
    monkeypatch.setenv("VISIONOCR_RASTER_WORKERS", "0")  # no other process knows of the patch
    (tmp_path / "bad.pdf").write_bytes(tiff(51))
    ran = run("bad.pdf", good_document)
    assert_expected(
        Case("", Path.touch, DOCUMENT, "bad.pdf has more than 50 frames.*split"), ran.pages_of("bad.pdf"), ran.err
    )
    assert_good_document_is_read(ran, good_document)


def test_active_content_is_ignored(run: Run, good_document: str, tmp_path: Path) -> None:
    """Scripts do not run, programs are not launched, embedded files are not written."""
    (tmp_path / "bad.pdf").write_bytes(ACTIVE)
    ran = run("bad.pdf", good_document)
    assert ran.code == 0
    assert {path.name for path in tmp_path.iterdir()} == {"bad.pdf", "good.pdf"}
    assert not list(tmp_path.parent.parent.glob("evil.sh"))


def test_bad_documents_in_the_api(server: FakeKoboldCpp, good_document: str, tmp_path: Path) -> None:
    """In Python a bad document is a failed result with number 0 and a reason, and the run continues."""
    for number, data in enumerate([b"", b"%PDF-1.7\n", encrypted("x"), pdf_bytes()[:50]]):
        (tmp_path / f"{number}.pdf").write_bytes(data)
    results = list(
        transcribe([*(f"{number}.pdf" for number in range(4)), "none.pdf", good_document], api_url=server.url)
    )
    assert [result.page.number for result in results] == [0, 0, 0, 0, 0, 1]
    assert all(_is_unreadable(result) for result in results[:-1])
    assert results[-1].text == page_text(GOOD)


def _is_unreadable(result: PageResult) -> bool:
    (finding,) = result.findings
    assert "\n" not in finding.message
    return result.status is Status.FAILED and finding.kind is FindingKind.UNREADABLE and not result.text


# --- real processes ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ProcessResult:
    """Exit code and output of a process, with its peak memory."""

    code: int
    out: str
    err: str
    memory: int
    """Most of it that it had, in bytes."""


def run_process(*arguments: str, limit: int | None = None, seconds: float = PATIENCE) -> ProcessResult:
    """Run the program; with *limit* it gets no more bytes of address space than that."""
    pytest.importorskip("resource")
    first = f"sys.path.insert(0, {str(Path(__file__).parent.parent)!r}); import pathlib, peak"
    if limit:
        first += f"; import resource; resource.setrlimit(resource.RLIMIT_AS, ({limit}, {limit}))"
    script = with_exit_hook("pathlib.Path('memory').write_text(str(peak.peak_with_children()))", first)
    ran = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=seconds,
        check=False,
    )
    return ProcessResult(ran.returncode, ran.stdout.decode(), ran.stderr.decode(), int(Path("memory").read_text()))


@POSIX
@pytest.mark.slow
@pytest.mark.parametrize("names", [("picture", "objects", "text", "thread"), ()], ids=["some", "all"])
def test_decompression_bombs_stay_below_the_memory_limit(
    names: tuple[str, ...], good_document: str, tmp_path: Path
) -> None:
    """A process that reads one bomb after the other stays below 1 GB, and reads the good document at the end."""
    bombs = {
        "content": page_with(stream(flate_bomb(1 << 28), b"/Filter/FlateDecode"), b""),
        "picture": image_pdf(13_000, 13_000, flate_bomb(13_000 * 39_000)),
        "objects": object_stream_bomb(),
        "text": png(8, 8, chunk(b"zTXt", b"k\0\0" + flate_bomb(1 << 30)), SMALL_DATA),
        "profile": png(8, 8, chunk(b"iCCP", b"k\0\0" + flate_bomb(1 << 30)), SMALL_DATA),
        "pixels": png(2**31 - 1, 2**31 - 1, chunk(b"IDAT", flate_bomb(1 << 30))),
        "webp": WEBP_OF_4_GB,
        "thread": bmp(60, 4_194_348, bits=1),
        "scans": jpeg_claiming(24_000, 24_000, progressive=True),
        "gif": gif(65535, 65535, 5000),
    }
    bombs = {name: bombs[name] for name in names or bombs}
    for name, data in bombs.items():
        (tmp_path / name).write_bytes(data)
    ended = run_process("pdf", *bombs, good_document, "-f", "jsonl", limit=3 << 30)
    pages = [json.loads(line) for line in ended.out.splitlines()]
    assert [page["document"] for page in pages] == [*bombs, good_document]
    assert pages[-1]["text"] == page_text(GOOD)
    assert {page["document"] for page in pages if page["status"] != "failed"} > {"content", "text"} & {*bombs}
    assert ended.code == 4
    assert 0 < ended.memory < 1 << 30
    assert_messages_are_clean(ended.err)


@POSIX
@pytest.mark.parametrize("step", [4, pytest.param(1, marks=pytest.mark.slow)])
def test_many_bad_documents_in_one_process(step: int, good_document: str, tmp_path: Path) -> None:
    """Standard output has the results, standard error the errors, and the code is 4."""
    names = []
    for number, bad in enumerate([*KINDS_OF_PDF, *NO_FILES][::step]):
        path = tmp_path / f"{number}.pdf"
        if bad.name.startswith(("a pipe", "below", "links", "a socket")):
            continue
        made = bad.make(path)
        names.append(str(made) if isinstance(made, Path) and str(made).startswith(("/dev", "/proc")) else path.name)
    ended = run_process("pdf", *names, good_document, "-f", "jsonl")
    assert ended.code == 4
    assert_messages_are_clean(ended.err)
    results = [json.loads(line) for line in ended.out.splitlines()]
    assert list(dict.fromkeys(page["document"] for page in results)) == [*names, good_document]
    assert results[-1]["text"] == page_text(GOOD)


@POSIX
def test_ctrl_c_while_waiting_for_a_named_pipe(tmp_path: Path) -> None:
    """Ctrl-C ends a run at once that waits for a named pipe without a writer."""
    os.mkfifo(tmp_path / "bad.pdf")
    with subprocess.Popen(
        [sys.executable, "-m", "visionocr", "pdf", "bad.pdf"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as running:
        try:
            assert running.stderr is not None
            assert running.stderr.readline().startswith(b"KoboldCpp at")
            running.send_signal(signal.SIGINT)
            out, err = running.communicate(timeout=10)
        finally:
            running.kill()
    assert (running.returncode, out) == (130, b"")
    assert_messages_are_clean(err.decode())


def countless_tiles() -> bytes:
    """A pattern with a tiny step between its tiles."""
    return page_with(FILL, PATTERN, tiling(b"0 0 5 5 re f", b"/XStep 0.0001/YStep 0.0001"))


def long_function() -> bytes:
    """A colour that takes long to calculate, on a shading with a large domain."""
    shading = b"<</ShadingType 1/ColorSpace/DeviceRGB/Domain[0 1e9 0 1e9]/Function 6 0 R>>"
    entries = b"/FunctionType 4/Domain[0 1e9 0 1e9]/Range[0 1 0 1 0 1]"
    return page_with(b"/S sh", b"/Shading<</S 5 0 R>>", shading, stream(b"{" + b"dup mul " * 100_000 + b"}", entries))


def long_content() -> bytes:
    """Twenty million lines."""
    lines = zlib.compress(b"0 0 m 9 9 l S " * 20_000_000, 9)
    return page_with(stream(lines, b"/Filter/FlateDecode"), b"")


def endless_filters() -> bytes:
    """A stream in 200,000 wrappers."""
    return page_with(stream(b"x", b"/Filter[" + b"/ASCIIHexDecode" * 200_000 + b"]"), b"")


ENDLESS = [lambda: nested_forms(10), countless_tiles, long_function, long_content, endless_filters]


@pytest.mark.slow
@pytest.mark.parametrize("make", ENDLESS)
def test_endless_pages_are_given_up(make: Callable[[], bytes], good_document: str, tmp_path: Path) -> None:
    """A page that would take hours to draw, or crashes the library, is given up; the next one is read."""
    (tmp_path / "bad.pdf").write_bytes(make())
    with Source(discover(["bad.pdf", good_document]), limit=5) as documents:
        pages = list(documents.pages())
        with contextlib.suppress(DocumentError):
            documents.load(pages[0], RasterSpec(1024))
        assert documents.load(pages[-1], RasterSpec(1024))[0].page.document == good_document


@POSIX
@pytest.mark.slow
@pytest.mark.parametrize("make", ENDLESS[:2])
def test_ctrl_c_while_drawing_an_endless_page(make: Callable[[], bytes], good_document: str, tmp_path: Path) -> None:
    """Ctrl-C ends the run within two seconds, and no process goes on drawing."""
    (tmp_path / "bad.pdf").write_bytes(make())
    with subprocess.Popen(
        [sys.executable, "-m", "visionocr", "pdf", good_document, "bad.pdf", "-f", "jsonl"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as running:
        try:
            assert running.stdout is not None
            assert json.loads(running.stdout.readline())["text"] == page_text(GOOD)
            running.send_signal(signal.SIGINT)
            begun = time.monotonic()
            _, err = running.communicate(timeout=10)
            took = time.monotonic() - begun
        finally:
            running.kill()
    assert running.returncode == 130
    assert took < 2
    assert_messages_are_clean(err.decode())
    with pytest.raises(ProcessLookupError):
        os.killpg(running.pid, 0)  # nobody is left of its group
