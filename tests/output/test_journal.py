"""What was read is kept: whatever happens to the process, the disk or the settings."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from visionocr.errors import OutputError
from visionocr.output.journal import Journal
from visionocr.types import Finding, FindingKind, PageRef, PageResult, Severity, Status

PRINT = {"model": "m", "sampler": {"temperature": 0.0}}


def page(number: int, document: str = "a.pdf", digest: str = "d1") -> PageRef:
    """A page's identity."""
    return PageRef(document, number, 9, digest)


def result(number: int, status: Status = Status.OK, **more: str) -> PageResult:
    """A result with everything in it."""
    finding = Finding(FindingKind.TRUNCATED, "cut — off", Severity.SUSPECT)
    return PageResult(
        page(number, **more), f"text {number}\nä €", status, (finding,), 2, 1, "http://s", "m", 1.5, 100, 20, 30, 40
    )


def filled(path: Path, *numbers: int) -> Path:
    """A journal with some pages."""
    journal = Journal(path, PRINT)
    for number in numbers:
        journal.record(result(number))
    journal.close()
    return path


def test_what_is_recorded_comes_back(tmp_path: Path) -> None:
    """Every field of a result survives."""
    path = filled(tmp_path / "j", 3)
    journal = Journal(path, PRINT)
    assert journal.known(page(3)) == result(3)
    assert journal.known(page(4)) is None
    assert len(journal) == 1
    journal.close()


def test_pages_are_known_by_content_not_by_name(tmp_path: Path) -> None:
    """A renamed document is the same; one with other bytes, or whose bytes are not known, is not."""
    journal = Journal(filled(tmp_path / "j", 3), PRINT)
    renamed = journal.known(page(3, document="b.pdf"))
    assert renamed is not None
    assert renamed.page.document == "b.pdf"
    assert journal.known(page(3, digest="d2")) is None
    assert journal.known(page(3, digest="")) is None
    journal.close()


def test_a_journal_torn_at_any_byte_keeps_its_whole_lines(tmp_path: Path) -> None:
    """Cut anywhere, it resumes with every page whose line is whole, and what is appended then is whole too."""
    whole = filled(tmp_path / "whole", 1, 2, 3).read_bytes()
    ends = [index + 1 for index, byte in enumerate(whole) if byte == ord("\n")]
    torn = tmp_path / "torn"
    for length in range(len(whole) + 1):
        torn.write_bytes(whole[:length])
        journal = Journal(torn, PRINT)
        assert len(journal) == max(0, sum(end <= length for end in ends) - 1)
        journal.record(result(9))
        journal.close()
        again = Journal(torn, PRINT)
        assert again.known(page(9)) == result(9)
        again.close()


def test_other_settings_begin_anew_and_say_what_changed(tmp_path: Path) -> None:
    """The old journal is kept beside the new one, which is empty."""
    path = filled(tmp_path / "j", 1)
    before = path.read_bytes()
    journal = Journal(path, {**PRINT, "model": "other", "dpi": 300})
    assert len(journal) == 0
    assert [change.split(":")[0] for change in journal.changes] == ["dpi", "model"]
    assert '"m" is now "other"' in journal.changes[1]
    assert Path(f"{path}.old").read_bytes() == before
    journal.close()


@pytest.mark.parametrize(
    "head", [b"", b"\n", b"{}\n", b"[1]\n", b"not json\n", b'{"visionocr_journal": 99}\n', b"\xff\xfe\n"]
)
def test_a_file_that_is_no_journal_is_not_resumed(tmp_path: Path, head: bytes) -> None:
    """Whatever stands there is put aside, never parsed as pages."""
    path = tmp_path / "j"
    path.write_bytes(head)
    journal = Journal(path, PRINT)
    assert len(journal) == 0
    journal.record(result(1))
    journal.close()
    assert not head or Path(f"{path}.old").read_bytes() == head


def test_lines_that_make_no_sense_cost_only_themselves(tmp_path: Path) -> None:
    """A damaged line in the middle loses one page."""
    path = filled(tmp_path / "j", 1, 2, 3)
    lines = path.read_bytes().split(b"\n")
    lines[2] = b'{"digest": "d1", "page": "x"}'
    path.write_bytes(b"\n".join(lines))
    journal = Journal(path, PRINT)
    assert [journal.known(page(number)) is not None for number in (1, 2, 3)] == [True, False, True]
    journal.close()


def test_two_processes_exclude_each_other(tmp_path: Path) -> None:
    """While one has the journal, another is refused with a clear error; afterwards it may."""
    path = tmp_path / "j"
    journal = Journal(path, PRINT)
    script = (
        "import sys; from pathlib import Path; from visionocr.output.journal import Journal;"
        f"from visionocr.errors import OutputError\ntry: Journal(Path({str(path)!r}), {{}})\n"
        "except OutputError as error: sys.exit(error.message)"
    )
    other = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert other.returncode == 1
    assert "another visionocr is writing" in other.stderr
    journal.close()
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_a_dead_process_keeps_no_lock(tmp_path: Path) -> None:
    """After ``kill -9`` the journal can be used at once, with everything that was recorded."""
    path = tmp_path / "j"
    script = (
        "import os, signal; from pathlib import Path; from visionocr.output.journal import Journal;"
        f"j = Journal(Path({str(path)!r}), {PRINT!r}); from visionocr.types import *;"
        "j.record(PageResult(PageRef('a.pdf', 1, 9, 'd1'), 'x', Status.OK)); os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", script], check=False)
    journal = Journal(path, PRINT)
    assert len(journal) == 1
    journal.close(remove=True)
    assert not list(tmp_path.iterdir())


def test_several_threads_may_record(tmp_path: Path) -> None:
    """Lines never mix, and reading meanwhile gives whole results."""
    journal = Journal(tmp_path / "j", PRINT)
    numbers = range(1, 41)

    def work(start: int) -> None:
        for number in numbers[start::4]:
            journal.record(result(number))
            assert journal.known(page(number)) == result(number)

    threads = [threading.Thread(target=work, args=(start,)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [journal.known(page(number)) for number in numbers] == [result(number) for number in numbers]
    journal.close()
    lines = (tmp_path / "j").read_text().splitlines()
    assert sorted(json.loads(line)["page"] for line in lines[1:]) == list(numbers)


def test_forgotten_pages_are_asked_again(tmp_path: Path) -> None:
    """What is forgotten is not known; recorded again, the newer result counts, after reopening too."""
    path = filled(tmp_path / "j", 1)
    journal = Journal(path, PRINT)
    journal.record(result(2, Status.FAILED))
    assert journal.forget(lambda number, status: status is Status.FAILED) == 1
    assert journal.known(page(2)) is None
    journal.record(result(2))
    journal.close()
    journal = Journal(path, PRINT)
    assert journal.known(page(2)) == result(2)
    journal.close()


def test_documents_that_could_not_be_opened_are_not_kept(tmp_path: Path) -> None:
    """They may be readable the next time."""
    journal = Journal(tmp_path / "j", PRINT)
    journal.record(PageResult(PageRef("a.pdf", 0), "", Status.FAILED))
    assert len(journal) == 0
    journal.close()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a full disk")
def test_a_full_disk_is_an_error_and_costs_nothing_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The record that did not fit is reported, no half line stays, and later records are refused."""
    path = filled(tmp_path / "j", 1)
    journal = Journal(path, PRINT)
    real = os.fsync

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="No space left"):
        journal.record(result(2))
    monkeypatch.setattr(os, "fsync", real)
    with pytest.raises(OutputError):
        journal.record(result(3))
    journal.close()
    assert len(path.read_bytes().splitlines()) == 2


def test_a_folder_that_is_taken_away_is_noticed(tmp_path: Path) -> None:
    """Lines that go into a deleted file are not called kept."""
    folder = tmp_path / "out"
    folder.mkdir()
    journal = Journal(folder / "j", PRINT)
    journal.record(result(1))
    folder.rename(tmp_path / "elsewhere")
    with pytest.raises(OutputError, match="gone"):
        journal.record(result(2))
    journal.close()


def test_no_folder_is_an_error(tmp_path: Path) -> None:
    """One clear error, no traceback."""
    with pytest.raises(OutputError, match="cannot"):
        Journal(tmp_path / "not" / "there", PRINT)
