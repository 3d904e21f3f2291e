"""What a person corrected stays, whatever a later run does, until it is asked for by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from result_files import result, write_results
from visionocr.cli.resume import parse_redo
from visionocr.errors import OutputError
from visionocr.output.corrections import correct, find_state, read_state, record_correction
from visionocr.output.page_file import read_page_file
from visionocr.output.state import FOLDER_STATE, State, subject
from visionocr.types import PageRef, Status

PRINT = {"model": "m", "task": "transcribe", "language": None}
PAGE = PageRef("a.pdf", 1, 9, "d1")


def corrected(path: Path, text: str = "by hand") -> Path:
    """A state in which a run has read the page, and a person has corrected it."""
    state = State(path, PRINT)
    state.record(result(1, "read", Status.SUSPECT, digest="d1"))
    state.close()
    known = read_state(path).pages["a.pdf", 1][-1]
    record_correction(path, known.subject, correct(known.result, PAGE, text))
    return path


@pytest.mark.parametrize("changed", [{}, {"model": "another"}, {"sampler": {"seed": 3}}])
@pytest.mark.parametrize("redo", [None, "failed", "failed,suspect", "all", "1", "1-9,all"])
def test_a_correction_is_the_result_for_every_run(tmp_path: Path, changed: dict[str, object], redo: str | None) -> None:
    """Whatever the model and the settings, and whatever is asked for again without its name."""
    state = State(corrected(tmp_path / "j"), PRINT | changed, parse_redo(redo))
    found = state.lookup(PAGE)
    assert found is not None
    assert (found.text, found.status) == ("by hand", Status.CHECKED)
    assert found.findings == found.doubts == ()  # type: ignore[comparison-overlap]
    assert state.count_corrections() == 1
    state.close()


def test_another_task_or_language_asks_for_something_else(tmp_path: Path) -> None:
    """A correction of a transcription is neither a caption nor a translation."""
    path = corrected(tmp_path / "j")
    for changed in ({"task": "describe"}, {"language": "English"}):
        state = State(path, PRINT | changed)
        assert state.lookup(PAGE) is None
        state.close()


@pytest.mark.parametrize(
    ("status", "text"), [(Status.OK, "new"), (Status.SUSPECT, "by hand"), (Status.FAILED, "by hand")]
)
def test_named_corrections_are_asked_for_again(tmp_path: Path, status: Status, text: str) -> None:
    """``--redo checked`` asks again; a good answer takes the correction's place, a bad one does not."""
    state = State(corrected(tmp_path / "j"), PRINT, parse_redo("checked"))
    assert state.lookup(PAGE) is None
    state.record(result(1, "new", status, digest="d1"))
    found = state.lookup(PAGE)
    assert found is not None
    assert found.text == text
    state.close()
    state = State(tmp_path / "j", PRINT)
    found = state.lookup(PAGE)
    assert found is not None
    assert found.text == text
    state.close()


def test_a_run_that_ends_well_forgets_no_correction(tmp_path: Path) -> None:
    """The results of the run go, what a person did stays, and is not counted as the run's."""
    path = corrected(tmp_path / "j")
    state = State(path, PRINT)
    state.lookup(PAGE)
    state.finish(forget=True)
    state.close()
    state = State(path, PRINT)
    assert len(state) == 0
    assert state.differences() == []
    assert state.lookup(PAGE) is not None
    state.close()


def test_a_correction_begins_a_state_where_there_is_none(tmp_path: Path) -> None:
    """The journal of a run that ended well is gone."""
    record_correction(tmp_path / "j", subject({"task": "transcribe"}), correct(None, PAGE, "by hand"))
    state = State(tmp_path / "j", PRINT)
    found = state.lookup(PAGE)
    assert found is not None
    assert found.text == "by hand"
    state.close()


def test_a_running_program_keeps_corrections_out(tmp_path: Path) -> None:
    """It would write its own results over the file."""
    state = State(corrected(tmp_path / "j"), PRINT)
    with pytest.raises(OutputError, match="another visionocr"):
        record_correction(tmp_path / "j", subject(PRINT), correct(None, PAGE, "by hand"))
    state.close()


def test_the_state_knows_the_result_that_a_file_was_written_from(tmp_path: Path) -> None:
    """Of several results of a page the one with the file's text, else the newest."""
    for model, text in (("m1", "one"), ("m2", "two"), ("m3", "three")):
        state = State(tmp_path / "j", PRINT | {"model": model})
        state.record(result(1, text, digest="d1"))
        state.close()
    recorded = read_state(tmp_path / "j")
    for text, expected in (("one", "one"), ("two", "two"), ("other", "three")):
        page = read_page_file(write_results(tmp_path / "out.md", [result(1, text)])).pages[0]
        known = recorded.find(page)
        assert known is not None
        assert known.result.text == expected


def test_a_state_is_beside_its_file_or_in_its_folder(tmp_path: Path) -> None:
    """A folder's state counts for the outputs that it names only."""
    (tmp_path / "out" / "sub").mkdir(parents=True)
    state = State(tmp_path / "out" / FOLDER_STATE, PRINT)
    state.register_output("sub/a.md", "a.pdf", None, "job")
    state.close()
    assert find_state(tmp_path / "out" / "sub" / "a.md") == tmp_path / "out" / FOLDER_STATE
    assert find_state(tmp_path / "out" / "other.md") is None
    corrected(tmp_path / "b.md.journal")
    assert find_state(tmp_path / "b.md") == tmp_path / "b.md.journal"
