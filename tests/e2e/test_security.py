"""Security: the key is not shown, the terminal gets no control characters, no file outside is written."""

from __future__ import annotations

import contextlib
import gc
import json
import os
import re
import sqlite3
import struct
import subprocess
import sys
import threading
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from drawing import picture_bytes
from fakes import faults
from fakes.answers import Answer
from fakes.koboldcpp import ANY, FakeKoboldCpp, page_text
from fakes.loopback import Arrival
from fakes.pictures import make_image, make_pdf
from visionocr.api import transcribe
from visionocr.cli.app import app
from visionocr.engines.http import Http
from visionocr.errors import ServerError, VisionOcrError
from visionocr.output.database import checksum
from visionocr.output.state import FOLDER_STATE, State
from visionocr.types import PageRef, PageResult, Status

MODEL = "Qwen2.5-VL-7B-Instruct-Q4_K_M"
KEY = "k3y/nobody-may+see="
"""With a slash, which some servers write as ``\\/`` in JSON."""
EVIL = "\x1b[31mred\x1b]0;title\x07\x9b2J\x00\x08\r\u202egnp.exe\u2066\u2069\x85\x7f"
"""Colours, a window title, a cleared screen, blanks that are none, and a name that reads backwards."""
STEERING = re.compile("[\x00-\x08\x0b\x0d-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""What no output may hold; a form feed tells pages apart."""
POSIX = pytest.mark.skipif(os.name == "nt", reason="links and names of POSIX")


@dataclass(frozen=True)
class CommandResult:
    """Exit code and output of a command."""

    code: int
    out: str
    err: str

    @property
    def output(self) -> str:
        """Standard output and standard error together."""
        return self.out + self.err


Run = Callable[..., CommandResult]


@pytest.fixture(autouse=True)
def isolated(isolated: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The fixture ``isolated`` of conftest, with small pictures, rendered in this process to save time."""
    monkeypatch.setenv("VISIONOCR_RASTER_WORKERS", "0")
    monkeypatch.setenv("VISIONOCR_MAX_SIDE", "400")
    monkeypatch.setenv("VISIONOCR_PRESET", "qwen2.5-vl")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")


@pytest.fixture
def run() -> Run:
    """Run a command line in this process."""

    def run_it(*arguments: str, **environment: str) -> CommandResult:
        result = CliRunner().invoke(app, arguments, env=environment, prog_name="visionocr")
        assert isinstance(result.exception, SystemExit | None), result.exc_info
        return CommandResult(result.exit_code, result.stdout_bytes.decode(), result.stderr_bytes.decode())

    return run_it


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeKoboldCpp]:
    """A server whose address stands in the environment."""
    with FakeKoboldCpp(model=MODEL) as fake:
        monkeypatch.setenv("VISIONOCR_API_URL", fake.url)
        yield fake


def files_of(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, and what is in it; links by their target."""
    found = [path for path in folder.rglob("*") if path.is_symlink() or path.is_file()]
    return {
        str(path.relative_to(folder)): os.readlink(path).encode() if path.is_symlink() else path.read_bytes()
        for path in found
    }


# --- the key -----------------------------------------------------------------------------------------------


def echo_key(status: int, body: str) -> faults.ServerFault:
    """An answer that repeats the request's key."""
    return faults.Raw(status, body.encode())


def escape_slashes(text: str) -> str:
    """JSON with its slashes escaped, as PHP writes it."""
    return json.dumps({"detail": {"msg": text}}).replace("/", "\\/")


KEY_LEAKS: dict[str, tuple[str, faults.Fault]] = {
    "right": ("", faults.OutputFault()),
    "401 JSON": ("/generate", echo_key(401, json.dumps({"detail": {"msg": f"the key {KEY} is wrong"}}))),
    "401 text": ("/generate", echo_key(401, f"Bearer {KEY} is wrong")),
    "401 page": ("/generate", echo_key(401, f"<html><b>{KEY}</b></html>")),
    "403 to the probe": ("/version", echo_key(403, f"{KEY}")),
    "404": ("/generate", echo_key(404, f"no {KEY}")),
    "400": ("/generate", echo_key(400, f'{{"error": "{KEY}"}}')),
    "500": ("/generate", echo_key(500, f'{{"error": ["{KEY}"]}}')),
    "503": ("/generate", faults.ServerFault(faults.Raw(503, f'{{"msg": "{KEY}"}}'.encode()).answer, times=1)),
    "no JSON": ("/generate", echo_key(200, f"{KEY} {{")),
    "redirect": ("/generate", faults.Redirect(f"http://127.0.0.2:9/{KEY}?key={KEY}")),
    "redirect to a name": ("/generate", faults.Redirect(f"http://user:{KEY}@127.0.0.2:9/")),
    "cut": ("/generate", faults.CutBody()),
    "closed": ("/generate", faults.Closed()),
    "null": ("/generate", faults.Null()),
}


@pytest.mark.parametrize(
    ("command", "name"),
    [
        *(("pdf", name) for name in KEY_LEAKS),
        *((command, name) for command in ("check", "check json", "plan") for name in ("right", "403 to the probe")),
        *((command, name) for command in ("json", "describe") for name in ("right", "401 JSON", "500", "redirect")),
    ],
)
def test_the_key_is_in_no_output(command: str, name: str, run: Run, server: FakeKoboldCpp, tmp_path: Path) -> None:
    """Output, errors, tracebacks, reports, results, journals: none shows the key, whatever the server repeats."""
    make_pdf("a.pdf")
    make_image("c.png", 2)
    path, kind = KEY_LEAKS[name]
    server.password = KEY
    if path:
        server.plan[path] = [kind] if "503" in name else kind
    lines = {
        "pdf": ["pdf", "a.pdf", "-vv", "-o", "out/", "--keep-journal"],
        "json": ["pdf", "a.pdf", "-vv", "-f", "json"],
        "describe": ["describe", "c.png", "-vv", "--sidecar", ".txt"],
        "check": ["check", "-vv"],
        "check json": ["check", "-vv", "--json"],
        "plan": ["pdf", "a.pdf", "--dry-run", "-vv"],
    }
    ran = run(*lines[command], VISIONOCR_API_KEY=KEY)
    assert ran.output
    assert ran.code != 1
    for spelling in (KEY, KEY.replace("/", "\\/"), KEY.replace("+", "%2B")):
        assert spelling not in ran.output
        assert not any(spelling.encode() in data for data in files_of(tmp_path).values())
    if command in {"pdf", "json"} and name == "right":
        assert page_text(1)[:20] in ran.out + "".join(path.read_text() for path in Path("out").glob("[!.]*"))


@pytest.mark.parametrize("status", [400, 401, 403, 500])
def test_an_escaped_key_is_not_shown_either(status: int, server: FakeKoboldCpp) -> None:
    """A server that repeats the key with JSON escapes does not get it shown."""
    server.plan["/generate"] = echo_key(status, escape_slashes(f"{KEY} is wrong"))
    with pytest.raises(ServerError) as caught:
        Http(server.url, KEY).post("/api/v1/generate", {})
    assert KEY not in caught.value.message


@pytest.mark.parametrize(
    ("path", "status"),
    [("/version", 301), ("/model", 302), ("/tokencount", 307), *(("/generate", code) for code in (300, 303, 307, 308))],
)
def test_redirects_are_not_followed(path: str, status: int, run: Run, server: FakeKoboldCpp, tmp_path: Path) -> None:
    """A redirect to another host sends that host nothing, neither key nor picture."""
    make_pdf("a.pdf")
    server.password = KEY
    with FakeKoboldCpp(model=MODEL) as other:
        server.plan[path] = faults.Redirect(f"{other.url}/api/v1/generate", status)
        ran = run("pdf", "a.pdf", "-vv", "--api-key", KEY)
        assert other.requests == []
    assert any(arrival.path.endswith(path) for arrival in server.requests)
    assert KEY not in ran.output
    assert ran.code in {0, 5, 7}


@pytest.mark.slow
def test_no_repr_shows_the_key(run: Run, server: FakeKoboldCpp) -> None:
    """During a run the key is in the ``repr`` of no object of the package."""
    make_pdf("a.pdf")
    server.password = KEY
    seen: dict[str, str] = {}
    leaks: set[str] = set()

    def look(_arrival: Arrival) -> None:
        for item in gc.get_objects():
            kind = type(item)
            # Exceptions have a test of their own; some of other tests may still be about.
            if str(kind.__module__).startswith("visionocr") and not isinstance(item, BaseException):
                seen[kind.__name__] = repr(item)
                if KEY in seen[kind.__name__]:
                    leaks.add(kind.__name__)

    server.plan[ANY] = look
    assert run("pdf", "a.pdf", "--api-key", KEY).code == 0
    assert {"Settings", "Http", "ServerEngine", "Server", "Source"} <= seen.keys()
    assert not leaks - {"ReadOptions"}


def test_the_parsed_command_line_hides_the_key() -> None:
    """The ``repr`` of a command's parsed options does not show the key."""
    from visionocr.cli.read_options import ReadOptions

    assert KEY not in repr(ReadOptions(["a.pdf"], "pdf", "transcribe", {"api_key": KEY}))


def test_no_exception_shows_the_key(server: FakeKoboldCpp, tmp_path: Path) -> None:
    """Neither an exception nor any of its causes shows the key."""
    make_pdf("a.pdf")
    server.password = "another"
    with pytest.raises(VisionOcrError) as caught:
        list(transcribe(["a.pdf"], api_url=server.url, api_key=KEY))
    error: BaseException | None = caught.value
    while error is not None:
        assert KEY not in f"{error!r} {error} {vars(error)}"
        error = error.__cause__ or error.__context__


@pytest.mark.slow
@pytest.mark.parametrize("key", ["line\nbreak", "é\u20ac", "tab\t"])
def test_the_error_about_an_invalid_key_does_not_quote_it(key: str, run: Run, server: FakeKoboldCpp) -> None:
    """The error about a key that no header can carry does not quote it."""
    make_pdf("a.pdf")
    ran = run("pdf", "a.pdf", "-vv", "--api-key", key)
    assert ran.code in {2, 3}
    assert key not in ran.output
    assert key.encode("unicode_escape").decode() not in ran.output


@pytest.mark.slow
def test_a_process_does_not_show_a_refused_key(server: FakeKoboldCpp, tmp_path: Path) -> None:
    """A process with a wrong key in its environment does not show it."""
    make_pdf("a.pdf")
    server.password = "another"
    environment = {**os.environ, "VISIONOCR_API_KEY": KEY}
    command = [sys.executable, "-X", "dev", "-m", "visionocr", "pdf", "a.pdf", "-vv"]
    ran = subprocess.run(command, env=environment, capture_output=True, check=False)
    assert ran.returncode == 5
    assert ran.stdout == b""
    assert b"Traceback" in ran.stderr
    assert KEY.encode() not in ran.stderr


# --- control characters ------------------------------------------------------------------------------------


def is_printable(ran: CommandResult) -> None:
    """Whether a text has no control characters and no bidirectional overrides."""
    assert not STEERING.search(ran.out), repr(ran.out)
    assert not STEERING.search(ran.err.replace("\f", "?")), repr(ran.err)


@pytest.mark.parametrize("form", ["md", "txt", "json", "jsonl"])
@pytest.mark.parametrize("command", ["pdf", "describe"])
def test_control_characters_of_a_model_are_removed(command: str, form: str, run: Run, server: FakeKoboldCpp) -> None:
    """Escape sequences and overrides in a model's answer reach no output format and not the console."""
    make_pdf("a.pdf")
    server.plan[ANY] = faults.FixedText(f"before {EVIL} after " + "word " * 20)
    ran = run(command, "a.pdf", "-v", "-f", form)
    is_printable(ran)
    text = ran.out if form in {"md", "txt"} else json.loads(ran.out.strip("[]\n"))["text"]
    assert not STEERING.search(text)
    assert "before red" in text
    assert "after word" in text


@pytest.mark.parametrize(
    ("path", "status"),
    [("/version", 200), ("/version", 401), *(("/generate", status) for status in (200, 400, 401, 500, 502))],
)
def test_error_messages_of_a_server_are_sanitized(path: str, status: int, run: Run, server: FakeKoboldCpp) -> None:
    """Error bodies are quoted as one printable line: on the console, in Markdown, in reports."""
    make_pdf("a.pdf")
    body = f'{{"detail": "{EVIL}"}}' if status == 500 else f"{EVIL}\nsecond line"
    answer = Answer(status, body.encode("utf-8", "replace"), length=None)
    server.plan[path] = faults.ServerFault(answer) if status != 502 else [faults.ServerFault(answer, times=1)]
    checks = [["check", "-v"], ["check", "--json"]] if path == "/version" else [["pdf", "a.pdf", "-f", "txt"]]
    for line in (["pdf", "a.pdf", "-vv"], *checks):
        ran = run(*line)
        assert ran.code != 1
        is_printable(ran)


@pytest.mark.parametrize(
    "command",
    [
        ["pdf", "a.pdf", "-vv"],
        ["pdf", "a.pdf", "-f", "json"],
        ["check", "-v", "--no-chart"],
        ["check", "--json", "--no-chart"],
        ["pdf", "a.pdf", "--dry-run"],
    ],
)
def test_model_names_of_a_server_are_sanitized(command: list[str], run: Run, server: FakeKoboldCpp) -> None:
    """Names of models and versions are shown without control characters."""
    make_pdf("a.pdf")
    _serve_model_name(server, EVIL)
    ran = run(*command)
    assert ran.code == 0, ran
    assert "evil" in ran.output
    is_printable(ran)


@pytest.mark.parametrize(
    "command",
    [
        ["check", "-v"],
        ["pdf", "a.pdf"],
        ["pdf", "a.pdf", "--dry-run"],
    ],
)
def test_model_names_are_shown_on_one_line(command: list[str], run: Run, server: FakeKoboldCpp) -> None:
    """A line break in a model's name does not start a new line of the output."""
    make_pdf("a.pdf")
    _serve_model_name(server, "\nerror: your disk is full")
    ran = run(*command)
    assert "evil" in ran.output
    assert not re.search("^error: your disk", ran.output, re.MULTILINE)


def _serve_model_name(server: FakeKoboldCpp, name: str) -> None:
    server.model = f"evil{name}"
    facts = {"result": "KoboldCpp", "version": f"1.115.1{name}", "vision": True, "llm": True, "protected": False}
    server.plan["/api/extra/version"] = faults.Json(facts)


@POSIX
@pytest.mark.parametrize("form", ["md", "txt", "json"])
@pytest.mark.parametrize("output", [[], ["-o", "out/"]])
def test_document_names_are_sanitized(output: list[str], form: str, run: Run, server: FakeKoboldCpp) -> None:
    """Document names are printable in outputs, on the console and in the names of output files."""
    evil = EVIL.replace("\0", "").replace("/", "")
    make_pdf(f"good{evil}.pdf")
    Path(f"bad{evil}.pdf").write_bytes(b"nothing")
    Path("dash -- -->.pdf").write_bytes(Path(f"good{evil}.pdf").read_bytes())
    ran = run(
        "pdf",
        f"good{evil}.pdf",
        f"bad{evil}.pdf",
        "dash -- -->.pdf",
        "-v",
        "-f",
        form,
        "--page-breaks",
        "heading",
        *output,
    )
    assert ran.code == 4
    is_printable(ran)
    for name, data in files_of(Path("out")).items() if output else ():
        assert name.isprintable()
        if name != FOLDER_STATE:  # which is no text
            assert not STEERING.search(data.decode()), data
    if form == "md" and not output:
        comments = re.findall("<!--.*?-->", ran.out)
        assert len(comments) == 3
        assert all(comment.count("--") == 2 and comment.startswith("<!-- visionocr page=") for comment in comments)


# --- files -------------------------------------------------------------------------------------------------


@POSIX
def test_document_names_cannot_escape_the_output_folder(run: Run, server: FakeKoboldCpp, tmp_path: Path) -> None:
    """Whatever a document is called, its output is a file of its own inside the folder; none is elsewhere."""
    (tmp_path / "above").mkdir()
    make_pdf(tmp_path / "above" / "one.pdf")
    Path("deep/..").mkdir(parents=True, exist_ok=True)
    Path("deep").mkdir(exist_ok=True)
    for name in ("..pdf", "...", ".hidden.pdf", "deep/out.md.pdf", "a\\..\\b.pdf", "c:d.pdf", "x" * 250, "con.pdf"):
        make_pdf(name)
    inputs = ["../above/one.pdf", str(tmp_path / "above" / "one.pdf"), "deep/../../above/one.pdf"]
    inputs += sorted(str(path) for path in Path().rglob("*") if path.is_file())
    before = files_of(tmp_path)
    ran = run("pdf", *inputs, "-o", "out/", "-f", "txt")
    assert ran.code == 0, ran.err
    after = files_of(tmp_path)
    new = {name: data for name, data in after.items() if name not in before}
    assert {name: data for name, data in after.items() if name in before} == before
    assert all(re.fullmatch(r"here/out/[^/]+", name) for name in new)
    texts = [name for name in new if name.endswith(".txt")]
    assert len(texts) == len({*map(os.path.realpath, inputs)})
    assert all(new[name].decode().startswith(page_text(1)) for name in texts)


@pytest.fixture
def protected_file(tmp_path: Path) -> Path:
    """A file that must not change."""
    path = tmp_path / "victim"
    path.write_text("precious")
    return path


@POSIX
@pytest.mark.parametrize(
    "name", ["a.md", "a.md.part", ".visionocr-x.part", f"{FOLDER_STATE}.lock", f"{FOLDER_STATE}-journal"]
)
@pytest.mark.parametrize("there", [True, False])
def test_links_at_output_paths_are_not_followed(
    there: bool, name: str, run: Run, server: FakeKoboldCpp, protected_file: Path
) -> None:
    """The target of a link that stands where an output may be written is neither changed nor created."""
    make_pdf("a.pdf")
    Path("out").mkdir()
    if not there:
        protected_file.unlink()
    Path("out", name).symlink_to(protected_file)
    run("pdf", "a.pdf", "-o", "out/")
    assert protected_file.read_text() == "precious" if there else not protected_file.exists()


@POSIX
@pytest.mark.parametrize(
    ("name", "there"),
    [("out/.visionocr.journal", True), ("out/.visionocr.journal", False), ("b.md.journal", False)],
)
def test_links_at_state_paths_are_not_followed(
    name: str, there: bool, run: Run, server: FakeKoboldCpp, protected_file: Path
) -> None:
    """The same for links under the names of the state files."""
    make_pdf("a.pdf")
    Path("out").mkdir()
    if not there:
        protected_file.unlink()
    Path(name).symlink_to(protected_file)
    wrote = []

    def look(_arrival: Arrival) -> None:
        wrote.append(protected_file.exists())

    server.plan[ANY] = look
    run("pdf", "a.pdf", "-o", "b.md" if name.startswith("b") else "out/")
    assert protected_file.read_text() == "precious" if there else not protected_file.exists()
    assert there or not any(wrote)


@pytest.mark.slow
@POSIX
@pytest.mark.parametrize("output", ["out/", "out/a.md"])
def test_a_link_swapped_in_during_the_run_is_not_followed(
    output: str, run: Run, server: FakeKoboldCpp, protected_file: Path
) -> None:
    """A link that replaces the output while a page is read is replaced, not written through."""
    make_pdf("a.pdf", 30)
    Path("out").mkdir()
    ended = threading.Event()

    def being_written() -> bool:
        return bool(list(Path("out").glob("*.part")))

    def swap() -> None:
        while not ended.wait(0.002) and not being_written():
            pass
        Path("out/a.md").unlink(missing_ok=True)
        Path("out/a.md").symlink_to(protected_file)
        server.wait_for(lambda: server.running is not None)
        server.plan.clear()
        while not ended.wait(0.002):
            server.release()  # two may have been under way

    server.plan[ANY] = lambda arrival: faults.Hang() if being_written() else None
    swapping = threading.Thread(target=swap)
    swapping.start()
    code = run("pdf", "a.pdf", "-o", output).code
    ended.set()
    swapping.join()
    assert code == 0
    assert protected_file.read_text() == "precious"
    assert not Path("out/a.md").is_symlink()
    assert page_text(30) in Path("out/a.md").read_text()


@POSIX
@pytest.mark.parametrize("there", [True, False])
def test_a_caption_is_not_written_through_a_link(
    there: bool, run: Run, server: FakeKoboldCpp, protected_file: Path
) -> None:
    """The target of a link at a sidecar's path is neither changed nor created, even with ``--force``."""
    make_image("c.png", 1)
    if not there:
        protected_file.unlink()
    Path("c.txt").symlink_to(protected_file)
    run("describe", "c.png", "--sidecar", ".txt", "--force")
    assert protected_file.read_text() == "precious" if there else not protected_file.exists()
    assert not Path("c.txt").is_symlink()


def test_malformed_state_costs_only_its_pages(tmp_path: Path) -> None:
    """Lines of a journal that lack what a result needs cost their page, not the run."""
    path = tmp_path / "a.journal"
    page = PageRef("a.pdf", 1, 1, "d")
    state = State(path, {})
    state.record(PageResult(page, "text", Status.OK))
    state.close()
    with contextlib.closing(sqlite3.connect(path)) as database:
        ((job,),) = database.execute("SELECT job FROM pages")
        values = b'{"status": "ok"}', checksum(job, "d", 1, b'{"status": "ok"}')
        database.execute("UPDATE pages SET record = ?, checksum = ?", values)
        database.commit()
    state = State(path, {})
    try:
        assert len(state) == 1
        assert state.lookup(page) is None
    finally:
        state.close()


# --- libraries ---------------------------------------------------------------------------------------------


def short_tiff() -> bytes:
    """A TIFF of 64 x 64 grey pixels whose compressed data ends in the middle: libtiff says so."""
    data = zlib.compress(bytes(64 * 30))
    rows = [(256, 64), (257, 64), (258, 8), (259, 8), (262, 1), (273, 8), (278, 64), (279, len(data))]
    table = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in rows)
    return b"II*\0" + struct.pack("<I", 8 + len(data)) + data + struct.pack("<H", len(rows)) + table + bytes(4)


def files_with_library_warnings() -> list[str]:
    """Documents about which MuPDF, Pillow and libtiff print warnings."""
    make_pdf("whole.pdf")
    data = Path("whole.pdf").read_bytes()
    Path("torn.pdf").write_bytes(data[: data.rindex(b"startxref")])
    Path("short.tiff").write_bytes(short_tiff())
    exif = Image.Exif()
    exif[0x0112] = 6
    Path("exif.jpg").write_bytes(picture_bytes(Image.new("RGB", (40, 40)), "JPEG", exif=exif)[:-8])
    return ["torn.pdf", "short.tiff", "exif.jpg"]


def test_libraries_do_not_write_to_standard_output(
    run: Run, server: FakeKoboldCpp, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Warnings of MuPDF, Pillow and libtiff go nowhere, or to standard error when rendering in this process."""
    names = files_with_library_warnings()
    monkeypatch.delenv("VISIONOCR_RASTER_WORKERS")
    ran = run("pdf", *names, "-f", "jsonl")
    assert capfd.readouterr() == ("", "")
    assert [json.loads(line)["document"] for line in ran.out.splitlines()] == names
    monkeypatch.setenv("VISIONOCR_RASTER_WORKERS", "0")
    ran = run("pdf", *names, "-f", "jsonl")
    native = capfd.readouterr()
    assert native.out == ""
    assert [json.loads(line)["document"] for line in ran.out.splitlines()] == names
    assert "libtiff" in native.err or "ZIPDecode" in native.err  # else this test shows nothing


@pytest.mark.slow
def test_a_process_writes_only_results_to_standard_output(
    server: FakeKoboldCpp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a process, too, every byte of standard output belongs to a result."""
    monkeypatch.delenv("VISIONOCR_RASTER_WORKERS")
    names = files_with_library_warnings()
    ran = subprocess.run(
        [sys.executable, "-m", "visionocr", "pdf", *names, "-f", "jsonl"], capture_output=True, check=False
    )
    assert [json.loads(line)["document"] for line in ran.stdout.splitlines()] == names
