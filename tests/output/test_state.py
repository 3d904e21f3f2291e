"""What was read is kept: whatever happens to the process, the disk or the settings."""

from __future__ import annotations

import contextlib
import os
import random
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from states import read_state
from visionocr.errors import OutputError, UsageError, VisionOcrError
from visionocr.output.state import State
from visionocr.types import FileSignature, Finding, FindingKind, PageRef, PageResult, Severity, Status

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
    """A state with some pages."""
    state = State(path, PRINT)
    for number in numbers:
        state.record(result(number))
    state.close()
    return path


def test_what_is_recorded_comes_back(tmp_path: Path) -> None:
    """Every field of a result survives, and letters that are no UTF-8."""
    path = filled(tmp_path / "j", 3)
    state = State(path, PRINT)
    odd = replace(result(5, document="bad\udcff.pdf"), text="a lone surrogate \ud800")
    state.record(odd)
    assert state.lookup(page(3)) == result(3)
    assert state.lookup(page(4)) is None
    assert state.lookup(odd.page) == odd
    assert len(state) == 2
    state.close()


def test_pages_are_known_by_content_not_by_name(tmp_path: Path) -> None:
    """A renamed document is the same; one with other bytes, or whose bytes are not known, is not."""
    state = State(filled(tmp_path / "j", 3), PRINT)
    renamed = state.lookup(page(3, document="b.pdf"))
    assert renamed is not None
    assert renamed.page.document == "b.pdf"
    assert state.lookup(page(3, digest="d2")) is None
    assert state.lookup(page(3, digest="")) is None
    state.close()


def test_files_are_known_while_their_signature_is_the_same(tmp_path: Path) -> None:
    """Digest and number of pages of a file come back until its size or its time changes."""
    state = State(filled(tmp_path / "j", 1), PRINT)
    state.register_file("/x/bad\udcff.pdf", FileSignature(5, 7), "d1", 9)
    state.close()
    state = State(tmp_path / "j", PRINT)
    assert state.find_file("/x/bad\udcff.pdf", FileSignature(5, 7)) == ("d1", 9)
    assert state.find_file("/x/bad\udcff.pdf", FileSignature(5, 8)) is None
    assert state.find_file("/x/b.pdf", FileSignature(5, 7)) is None
    state.close()


# --- several jobs ------------------------------------------------------------------------------------------


def test_other_settings_keep_what_is_there(tmp_path: Path) -> None:
    """Each job finds its own results, whatever others did in between; what differs can be told."""
    path = filled(tmp_path / "j", 1)
    other = State(path, {**PRINT, "model": "other", "dpi": 300})
    assert len(other) == 0
    assert [change.split(":")[0] for change in other.differences()] == ["dpi", "model"]
    assert '"m" is now "other"' in other.differences()[1]
    other.record(replace(result(1), text="of the other model"))
    other.finish(forget=True)
    other.close()
    state = State(path, PRINT)
    assert state.lookup(page(1)) == result(1)
    state.close()
    assert os.listdir(tmp_path) == ["j"]


def test_a_good_run_forgets_its_own_documents_only(tmp_path: Path) -> None:
    """What another run of the same job read of another document stays; with the last result the file goes."""
    path = filled(tmp_path / "j", 1, 2)
    state = State(path, PRINT)
    state.record(result(1, document="b.pdf", digest="d2"))
    state.finish(forget=True)
    state.close()
    state = State(path, PRINT)
    assert state.lookup(page(1, digest="d2")) is None
    assert [state.lookup(page(number)) for number in (1, 2)] == [result(1), result(2)]
    state.finish(forget=True)
    state.close()
    assert not list(tmp_path.iterdir())


def test_a_state_says_whether_its_job_is_finished(tmp_path: Path) -> None:
    """From the end of a good run to the next result."""
    state = State(filled(tmp_path / "j", 1), PRINT)
    assert not state.is_finished
    state.finish(forget=False)
    state.close()
    state = State(tmp_path / "j", PRINT)
    assert state.is_finished
    state.record(result(2))
    state.close()
    state = State(tmp_path / "j", PRINT)
    assert not state.is_finished
    state.close()


# --- damage ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("start", [b"\n", b"{}\n", b"%PDF-1.7\n", b"SQLite format 3\0" + bytes(100), b"x" * 5000])
def test_what_is_no_state_stays_as_it_is(tmp_path: Path, start: bytes) -> None:
    """A file of somebody else is refused, and neither renamed nor written to, however often one tries."""
    path = tmp_path / "j"
    path.write_bytes(start)
    for _ in range(2):
        with pytest.raises(UsageError, match="not a journal"):
            State(path, PRINT)
    assert path.read_bytes() == start
    assert os.listdir(tmp_path) == ["j"]


def test_an_empty_file_is_a_new_state(tmp_path: Path) -> None:
    """As a program leaves it that was killed before it wrote anything."""
    (tmp_path / "j").touch()
    state = State(filled(tmp_path / "j", 1), PRINT)
    assert state.lookup(page(1)) == result(1)
    state.close()


@pytest.mark.slow
def test_a_flipped_bit_never_comes_back_as_another_text(tmp_path: Path) -> None:
    """Wherever it is: pages are as they were, or to be asked again, or the file is said to be damaged."""
    whole = filled(tmp_path / "whole", 1, 2, 3).read_bytes()
    chance = random.Random(1)
    used = [index for index, byte in enumerate(whole) if byte]
    outcomes: Counter[str] = Counter()
    for index in chance.sample(used, 400):
        path = tmp_path / "j"
        path.write_bytes(whole[:index] + bytes([whole[index] ^ 1 << chance.randrange(8)]) + whole[index + 1 :])
        errors: list[VisionOcrError] = []
        try:
            state = State(path, PRINT)
            try:
                for number in (1, 2, 3):
                    found = state.lookup(page(number))
                    assert found in (None, result(number))
                    outcomes["kept" if found is not None else "lost"] += 1
            finally:
                state.close()
        except VisionOcrError as error:
            errors.append(error)
        assert all(str(path) in error.message and error.hint for error in errors)
        outcomes["refused"] += len(errors)
    assert outcomes["kept"] > outcomes["lost"] > 0, outcomes
    assert outcomes["refused"] > 0, outcomes


def test_a_state_that_was_cut_off_is_refused_in_words(tmp_path: Path) -> None:
    """At any length: it is used with what is whole, or an error names the file and what to do."""
    whole = filled(tmp_path / "whole", *range(1, 40)).read_bytes()
    for length in range(1, len(whole), 1711):
        path = tmp_path / "j"
        path.write_bytes(whole[:length])
        with contextlib.suppress(UsageError, OutputError):
            state = State(path, PRINT)
            try:
                assert all(state.lookup(page(n)) in (None, result(n)) for n in range(1, 40))
            finally:
                state.close()


def test_another_version_is_refused(tmp_path: Path) -> None:
    """Tables that we do not know are not touched."""
    path = filled(tmp_path / "j", 1)
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA user_version = 99")
        database.commit()
    with pytest.raises(OutputError, match="another version"):
        State(path, PRINT)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write everything")
def test_a_state_that_is_read_only_is_refused(tmp_path: Path) -> None:
    """When it is opened, and not after the first page was read."""
    path = filled(tmp_path / "j", 1)
    path.chmod(0o444)
    with pytest.raises(OutputError, match="readonly"):
        State(path, PRINT)


# --- several processes and threads -------------------------------------------------------------------------


def test_two_processes_exclude_each_other(tmp_path: Path) -> None:
    """While one has the journal, another is refused with a clear error; afterwards it may."""
    path = tmp_path / "j"
    state = State(path, PRINT)
    script = (
        "import sys; from pathlib import Path; from visionocr.output.state import State;"
        f"from visionocr.errors import OutputError\ntry: State(Path({str(path)!r}), {{}})\n"
        "except OutputError as error: sys.exit(error.message)"
    )
    other = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert other.returncode == 1
    assert "another visionocr is writing" in other.stderr
    state.close()
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_a_dead_process_keeps_no_lock(tmp_path: Path) -> None:
    """After ``kill -9`` the journal can be used at once, with everything that was recorded."""
    path = tmp_path / "j"
    script = (
        "import os, signal; from pathlib import Path; from visionocr.output.state import State;"
        f"j = State(Path({str(path)!r}), {PRINT!r}); from visionocr.types import *;"
        "j.record(PageResult(PageRef('a.pdf', 1, 9, 'd1'), 'x', Status.OK)); os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", script], check=False)
    state = State(path, PRINT)
    assert len(state) == 1
    assert state.lookup(page(1)) is not None
    state.finish(forget=True)
    state.close()
    assert not list(tmp_path.iterdir())


def test_several_threads_may_record(tmp_path: Path) -> None:
    """Results never mix, and reading meanwhile gives whole results."""
    state = State(tmp_path / "j", PRINT)
    numbers = range(1, 41)

    def work(start: int) -> None:
        for number in numbers[start::4]:
            state.record(result(number))
            assert state.lookup(page(number)) == result(number)

    threads = [threading.Thread(target=work, args=(start,)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [state.lookup(page(number)) for number in numbers] == [result(number) for number in numbers]
    state.close()
    assert read_state(tmp_path / "j") == [result(number) for number in numbers]


def test_pages_to_be_asked_again_are_not_known(tmp_path: Path) -> None:
    """Until they are recorded again: then the newer result counts, after reopening too."""
    path = filled(tmp_path / "j", 1)
    state = State(path, PRINT)
    state.record(result(2, Status.FAILED))
    state.close()
    state = State(path, PRINT, lambda number, status: status is Status.FAILED)
    assert state.lookup(page(2)) is None
    assert not state.has_pages("d1", [1, 2])
    assert state.lookup(page(1)) == result(1)
    for text in ("first", "second"):
        state.record(replace(result(2, Status.FAILED), text=text))
        assert state.lookup(page(2)) == replace(result(2, Status.FAILED), text=text)
    assert state.has_pages("d1", [1, 2])
    state.close()
    state = State(path, PRINT)
    assert state.lookup(page(2)) == replace(result(2, Status.FAILED), text="second")
    state.close()


@pytest.mark.parametrize(
    ("before", "after", "kept"),
    [
        (Status.SUSPECT, Status.FAILED, "before"),
        (Status.OK, Status.SUSPECT, "before"),
        (Status.OK, Status.BLANK, "before"),
        (Status.FAILED, Status.SUSPECT, "after"),
        (Status.SUSPECT, Status.OK, "after"),
        (Status.OK, Status.OK, "after"),
    ],
)
def test_the_better_result_is_kept(tmp_path: Path, before: Status, after: Status, kept: str) -> None:
    """A page that is asked for again never gets worse; where both are as good the newer one counts."""
    path = tmp_path / "j"
    state = State(path, PRINT)
    state.record(replace(result(1, before), text="before"))
    state.close()
    state = State(path, PRINT, lambda number, status: True)
    state.record(replace(result(1, after), text="after" if after is not Status.FAILED else ""))
    found = state.lookup(page(1))
    assert found is not None
    assert found.text == kept
    state.close()


def test_documents_that_could_not_be_opened_are_not_kept(tmp_path: Path) -> None:
    """They may be readable the next time."""
    state = State(tmp_path / "j", PRINT)
    state.record(PageResult(PageRef("a.pdf", 0), "", Status.FAILED))
    assert len(state) == 0
    state.close()


def test_a_full_disk_is_an_error_and_costs_nothing_before(tmp_path: Path) -> None:
    """The record that did not fit is reported, later ones are refused, and what was there can be counted and read."""
    path = filled(tmp_path / "j", 1)
    state = State(path, PRINT)
    size = path.stat().st_size // 4096
    state._database.execute(f"PRAGMA max_page_count = {size + 1}")
    with pytest.raises(OutputError, match="full"):
        state.record(replace(result(2), text="long" * 10_000))
    with pytest.raises(OutputError):
        state.record(result(3))
    assert len(state) == 1
    state.close()
    assert read_state(path) == [result(1)]


def test_what_failed_first_is_named_at_the_end(tmp_path: Path) -> None:
    """Whatever noticed it first may not have told anybody."""
    state = State(tmp_path / "j", PRINT)
    with pytest.raises(OutputError, match="no such table"):
        state._database.execute("INSERT INTO nowhere VALUES (1)")
    with pytest.raises(OutputError, match="no such table"):
        state._database.commit()
    state.close()


def test_a_folder_that_is_taken_away_is_noticed(tmp_path: Path) -> None:
    """Lines that go into a deleted file are not called kept."""
    folder = tmp_path / "out"
    folder.mkdir()
    state = State(folder / "j", PRINT)
    state.record(result(1))
    folder.rename(tmp_path / "elsewhere")
    with pytest.raises(OutputError, match="gone"):
        state.record(result(2))
    state.close()


def test_no_folder_is_an_error(tmp_path: Path) -> None:
    """One clear error, no traceback."""
    with pytest.raises(OutputError, match="cannot"):
        State(tmp_path / "not" / "there", PRINT)
