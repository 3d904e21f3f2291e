"""``describe --write``: captions in pictures and in XMP files, by the real command."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from typer.testing import CliRunner

from fakes import faults
from fakes.koboldcpp import FakeKoboldCpp, page_text
from fakes.pictures import make_frames, make_image
from metadata_files import make_exif, read_frames
from visionocr.cli.app import app
from visionocr.extras import install_command
from visionocr.metadata.picture import read_texts
from visionocr.metadata.texts import Texts
from visionocr.metadata.xmp_file import XmpFile

pytest.importorskip("pyexiv2", reason="the extra [metadata] is not installed")


@pytest.fixture(autouse=True)
def server(isolated: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeKoboldCpp]:
    """A server with a known model, whose address stands in the environment, for small pictures rendered here."""
    with FakeKoboldCpp(model="Qwen2.5-VL-7B-Instruct-Q4_K_M") as fake:
        monkeypatch.setenv("VISIONOCR_API_URL", fake.url)
        monkeypatch.setenv("VISIONOCR_MAX_SIDE", "500")
        monkeypatch.setenv("VISIONOCR_RASTER_WORKERS", "0")
        yield fake


def describe(*arguments: str, code: int = 0) -> tuple[str, str]:
    """Run ``visionocr describe``, which must end with *code*; standard output and standard error."""
    result: Any = CliRunner().invoke(app, ("describe", *arguments), prog_name="visionocr")
    assert isinstance(result.exception, SystemExit | None), result.exc_info
    assert result.exit_code == code, result.stderr
    return result.stdout_bytes.decode(), result.stderr_bytes.decode()


def caption_of(number: int) -> str:
    """The caption that the fake server gives for a picture."""
    return page_text(number).strip()


def description(path: str) -> str:
    """The description inside of a picture."""
    return read_texts(Path(path).read_bytes()).description


def pages_asked(server: FakeKoboldCpp) -> dict[int, int]:
    """How often each picture was asked for since the last look."""
    asked = {number: count for number, count in server.asked.items() if number is not None and count}
    server.asked.clear()
    return dict(asked)


def test_captions_are_written_into_their_pictures(server: FakeKoboldCpp) -> None:
    """Of a folder; a second run asks for none of them again, and takes no backup for a picture."""
    os.mkdir("photos")
    for number, fmt in enumerate(("JPEG", "PNG", "WEBP", "TIFF"), 1):
        make_image(f"photos/{number}.{fmt.lower()}", number, fmt)
    before = {path.name: path.read_bytes() for path in Path("photos").iterdir()}
    assert describe("-r", "photos", "--write", "xmp", "-q") == ("", "")
    for name, data in before.items():
        assert description(f"photos/{name}") == caption_of(int(name[0]))
        assert read_frames(Path("photos", name).read_bytes()) == read_frames(data)
        assert Path("photos", f"{name}_original").read_bytes() == data
    assert pages_asked(server) == {1: 1, 2: 1, 3: 1, 4: 1}
    after = {path.name: path.read_bytes() for path in Path("photos").iterdir()}
    assert len(after) == 8
    said = describe("-r", "photos", "--write", "xmp")[1]
    assert said == "nothing to do: every picture has its caption (--existing replace writes them again)\n"
    describe("-r", "photos", "--write", "xmp", "--existing", "replace", "-q")
    describe("-r", "photos", "--write", "xmp", "--existing", "append", "-q")
    assert {path.name: path.read_bytes() for path in Path("photos").iterdir()} == after


def test_captions_are_written_beside_their_pictures() -> None:
    """Not one byte of a picture changes."""
    before = make_image("a.jpg", 1, "JPEG").read_bytes()
    assert describe("a.jpg", "--write", "sidecar", "-q") == ("", "")
    assert Path("a.jpg").read_bytes() == before
    assert XmpFile(Path("a.jpg.xmp").read_bytes()).texts.description == caption_of(1)
    assert sorted(os.listdir()) == ["a.jpg", "a.jpg.xmp"]


def test_keywords_and_alternative_texts_are_written_too(server: FakeKoboldCpp) -> None:
    """Beside a description that is kept: it is no reason to leave the picture out."""
    make_image("a.jpg", 1, "JPEG")
    with Image.open("a.jpg") as image:
        image.save("a.jpg", exif=make_exif("mine"), quality=95)
    answers = "A dog.", '{"keywords": ["Dog", "black and white"]}', "A dog on the grass."
    server.plan[1] = [faults.FixedText(text) for text in answers]
    describe("a.jpg", "--write", "xmp", "--keywords", "--alt", "-q")
    words = "Dog", "black and white"
    assert read_texts(Path("a.jpg").read_bytes()) == Texts("mine", words, words, "A dog on the grass.")


def test_only_missing_does_not_ask_for_pictures_with_a_description(server: FakeKoboldCpp) -> None:
    """Also where all captions go to a file besides; what a camera writes into every photo is none."""
    for name, number, text in (("mine.jpg", 1, "mine"), ("camera.jpg", 2, "SONY DSC")):
        with Image.open(make_image(name, number, "JPEG")) as image:
            image.save(name, exif=make_exif(text))
    make_image("new.jpg", 3, "JPEG")
    names = "mine.jpg", "camera.jpg", "new.jpg"
    said = describe(*names, "--write", "xmp", "--only-missing", "-o", "all.jsonl", "-f", "jsonl")[1]
    assert "pictures left out because they have a description already: 1" in said
    assert pages_asked(server) == {2: 1, 3: 1}
    assert [description(name) for name in names] == ["mine", caption_of(2), caption_of(3)]
    assert len(Path("all.jsonl").read_text().splitlines()) == 2
    said = describe("mine.jpg", "--write", "xmp", "--only-missing")[1]
    assert said == "nothing to do: every picture has its caption (leave out --only-missing)\n"


def test_captions_go_to_a_file_as_well() -> None:
    """With --output both are written, and existing descriptions stay in their pictures."""
    make_image("a.jpg", 1, "JPEG")
    describe("a.jpg", "--write", "xmp", "-o", "a.jsonl", "-f", "jsonl", "-q")
    assert json.loads(Path("a.jsonl").read_text())["text"].strip() == caption_of(1)
    assert description("a.jpg") == caption_of(1)
    out, _ = describe("a.jpg", "--write", "xmp", "-o", "-", "-q")
    assert " ".join(out.split()) == " ".join(caption_of(1).split())


def test_a_repeated_run_with_a_folder_asks_for_nothing(server: FakeKoboldCpp) -> None:
    """A picture that was written into by the run is known to be the one that was read."""
    for number in (1, 2):
        make_image(f"{number}.jpg", number, "JPEG")
    arguments = "1.jpg", "2.jpg", "--write", "xmp", "-o", "out/"
    describe(*arguments, "-q")
    assert pages_asked(server) == {1: 1, 2: 1}
    pictures = Path("1.jpg").read_bytes(), Path("2.jpg").read_bytes()
    assert "2 documents are done already" in describe(*arguments)[1]
    Path("out/1.md").unlink()
    describe(*arguments, "-q")
    assert pages_asked(server) == {}
    assert Path("out/1.md").exists()
    assert (Path("1.jpg").read_bytes(), Path("2.jpg").read_bytes()) == pictures


def test_an_interrupted_run_goes_on_where_it_was(server: FakeKoboldCpp) -> None:
    """Answers in its journal go into their pictures without being asked for again."""
    for number in (1, 2, 3):
        make_image(f"{number}.jpg", number, "JPEG")
    names = "1.jpg", "2.jpg", "3.jpg"
    arguments = *names, "--write", "xmp", "-o", "all.jsonl", "-f", "jsonl"
    server.plan[3] = faults.Raw(401, b'{"detail": {"msg": "no"}}')
    describe(*arguments, code=5)
    server.plan.clear()
    server.asked.clear()
    describe(*arguments, "-q")
    assert pages_asked(server) == {3: 1}
    assert [description(name) for name in names] == [caption_of(number) for number in (1, 2, 3)]
    assert len(Path("all.jsonl").read_text().splitlines()) == 3


def test_suspect_and_failed_captions_are_written_into_no_file(server: FakeKoboldCpp) -> None:
    """It is said how many there are."""
    for number in (1, 2, 3):
        make_image(f"{number}.jpg", number, "JPEG")
    before = {name: Path(name).read_bytes() for name in ("1.jpg", "2.jpg")}
    server.plan[1], server.plan[2] = faults.Empty(), faults.Loop("rows")
    for place in ("xmp", "sidecar"):
        said = describe("1.jpg", "2.jpg", "3.jpg", "--write", place, code=7)[1]
        assert "pictures not written because their captions are suspect or failed: 2" in said
    assert {name: Path(name).read_bytes() for name in before} == before
    assert sorted(os.listdir()) == ["1.jpg", "2.jpg", "3.jpg", "3.jpg_original"]


def test_a_caption_that_cannot_be_written_costs_itself(server: FakeKoboldCpp) -> None:
    """The others are written, and the command fails in the end."""
    for number in (1, 2):
        make_image(f"{number}.jpg", number, "JPEG")
    Path("1.jpg.xmp").write_text("damaged")
    said = describe("1.jpg", "2.jpg", "--write", "sidecar", code=6)[1]
    assert "1.jpg.xmp is damaged" in said
    assert "1 caption could not be written" in said
    assert XmpFile(Path("2.jpg.xmp").read_bytes()).texts.description == caption_of(2)


def test_a_tiff_is_written_when_all_its_pages_are_read(server: FakeKoboldCpp) -> None:
    """The caption is that of the first page; the others are not disturbed."""
    make_frames("a.tiff", [1, 2, 3])
    make_image("b.jpg", 4, "JPEG")
    describe("a.tiff", "b.jpg", "--write", "xmp", "-q")
    assert (description("a.tiff"), description("b.jpg")) == (caption_of(1), caption_of(4))
    assert pages_asked(server) == {1: 1, 2: 1, 3: 1, 4: 1}


def test_a_picture_and_a_link_to_it_are_one(server: FakeKoboldCpp) -> None:
    """Else the second would be read while the first is written."""
    make_image("a.jpg", 1, "JPEG")
    os.symlink("a.jpg", "b.jpg")
    said = describe("a.jpg", "b.jpg", "--write", "xmp")[1]
    assert "b.jpg is given more than once" in said
    assert pages_asked(server) == {1: 1}


def test_a_backup_that_is_named_is_left_out(server: FakeKoboldCpp) -> None:
    """As a pattern of the shell does: ``photos/*``."""
    make_image("a.jpg", 1, "JPEG")
    make_image("a.jpg_original", 2, "JPEG")
    said = describe("a.jpg", "a.jpg_original", "--write", "xmp")[1]
    assert "pictures left out because they are backups of others: 1" in said
    assert pages_asked(server) == {1: 1}


@pytest.mark.parametrize(
    ("existing", "line"),
    [
        ("keep", "'mine' stays"),
        ("replace", "'mine' is replaced in "),
        ("append", "'mine' is followed by the new one in "),
    ],
)
def test_a_dry_run_shows_old_and_new_state(existing: str, line: str, server: FakeKoboldCpp) -> None:
    """Of pictures with and without a description, and of such that get a sidecar; nothing is asked or written."""
    make_image("new.jpg", 1, "JPEG")
    with Image.open("new.jpg") as image:
        image.save("old.jpg", exif=make_exif("mine"))
    make_image("a.gif", 2, "GIF")
    before = {name: Path(name).read_bytes() for name in os.listdir()}
    names = "new.jpg", "old.jpg", "a.gif"
    out, _ = describe(*names, "--write", "xmp", "--existing", existing, "--dry-run", "-o", "x.md")
    assert "new.jpg: has no description; the new one goes into " in out
    assert f"old.jpg: {line}" in out
    assert "a.gif.xmp (a.gif is in a format that cannot be written into (GIF)" in out
    said = describe(*names, "--write", "xmp", "--existing", existing, "--dry-run")[1]
    assert ("left out because they have a description already: 1" in said) == (existing == "keep")
    assert {name: Path(name).read_bytes() for name in os.listdir()} == before
    assert pages_asked(server) == {}


def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, server: FakeKoboldCpp) -> None:
    """Before anything is asked. Sidecars need nothing."""
    make_image("a.jpg", 1, "JPEG")
    monkeypatch.setitem(sys.modules, "pyexiv2", None)
    said = describe("a.jpg", "--write", "xmp", code=3)[1]
    assert install_command("metadata") in said
    assert pages_asked(server) == {}
    said = describe("a.jpg", "--write", "sidecar")[1]
    assert "descriptions inside pictures are not seen without pyexiv2" in said
    assert XmpFile(Path("a.jpg.xmp").read_bytes()).texts.description == caption_of(1)


USAGE = {
    "with text files": (["--write", "xmp", "--sidecar", ".txt"], "--write and --sidecar exclude each other"),
    "of several captions": (["--write", "xmp", "--captions", "2"], "--write takes one caption a picture"),
    "of a pipe": (["-", "--write", "xmp"], "standard input has no place for a caption"),
    "only missing alone": (["--only-missing"], "--only-missing needs --write"),
    "no backup alone": (["--no-backup"], "--no-backup needs --write"),
    "no backup of text files": (["--no-backup", "--sidecar", ".txt"], "--no-backup needs --write"),
    "existing alone": (["--existing", "append"], "--existing needs --write"),
    "no such place": (["--write", "exif"], "'exif' is not one of 'xmp', 'sidecar'"),
}


@pytest.mark.parametrize("case", USAGE)
def test_options_that_make_no_sense_are_refused(case: str, server: FakeKoboldCpp) -> None:
    """Before anything is asked, and without any output."""
    arguments, message = USAGE[case]
    make_image("a.jpg", 1, "JPEG")
    out, said = describe("a.jpg", *arguments, code=2)
    assert (out, pages_asked(server), os.listdir()) == ("", {}, ["a.jpg"])
    assert message in said
