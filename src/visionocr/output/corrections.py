"""What the state of a run knows of the pages in its output, and the corrections that people make to them."""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import dataclass, field, replace
from pathlib import Path

from visionocr.output.database import Database, check_file
from visionocr.output.page_parts import FilePage
from visionocr.output.state import FOLDER_STATE, read_page, subject, write_page
from visionocr.text import printable
from visionocr.types import PageRef, PageResult, Status


@dataclass(frozen=True, slots=True)
class Known:
    """A page in a state."""

    result: PageResult
    subject: str
    """What a correction of it is kept under."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """Everything that a state knows."""

    pages: dict[tuple[str, int], list[Known]] = field(default_factory=dict)
    """By printable name of the document and number; what was written last comes last."""
    paths: dict[str, str] = field(default_factory=dict)
    """Where documents are, by digest."""

    def find(self, page: FilePage) -> Known | None:
        """What is known of a page in a file: of the result that the file was written from, else of the newest."""
        known = self.pages.get((page.document, page.number), [])
        best = [each for each in known if page.contain(each.result.text) == page.text] or known
        return best[-1] if best else None


def find_state(output: Path) -> Path | None:
    """The state that belongs to the file *output*: beside it, or that of the output folder where it stands."""
    beside = Path(f"{output}.journal")
    if beside.is_file():
        return beside
    for folder in output.absolute().parents:
        state = folder / FOLDER_STATE
        if state.is_file():
            return state if _has_output(state, output.absolute().relative_to(folder).as_posix()) else None
    return None


def read_state(path: Path) -> Recorded:
    """Everything that the state at *path* knows. Raises ``OutputError``, ``UsageError``."""
    check_file(path)
    database = Database(path)
    try:
        subjects: dict[str, str] = {}
        for key, fingerprint in database.execute("SELECT key, fingerprint FROM jobs"):
            with contextlib.suppress(ValueError, RecursionError, AttributeError):  # a damaged one
                subjects[key] = subject(json.loads(fingerprint))
        recorded = Recorded(paths=dict(database.execute("SELECT digest, path FROM files")))
        rows = database.execute("SELECT job, digest, page, record, checksum FROM pages ORDER BY rowid")
        for job, digest, number, record, checksum in rows:
            if (result := read_page(job, digest, number, record, checksum)) is not None:
                known = Known(result, subjects.get(job, job))
                recorded.pages.setdefault((printable(result.page.document), number), []).append(known)
        return recorded
    finally:
        database.close()


def record_correction(path: Path, about: str, result: PageResult) -> None:
    """Keep what a person corrected in the state at *path*, which is begun where there is none.

    *about* is a ``state.subject``. Raises ``OutputError``, also while a run is writing there.
    """
    database = Database(path)
    try:
        write_page(database, about, result)
        database.commit()
    finally:
        database.close()


def correct(known: PageResult | None, page: PageRef, text: str) -> PageResult:
    """The result of a page whose text a person has checked, and perhaps corrected."""
    result = known or PageResult(page, text, Status.CHECKED)
    return replace(result, page=page, text=text, status=Status.CHECKED, findings=(), doubts=(), blocks=())


def _has_output(state: Path, name: str) -> bool:
    """Whether an output folder's state says that the file *name* in it is one of its outputs."""
    check_file(state)
    database = Database(state)
    try:
        return bool(database.execute("SELECT 1 FROM outputs WHERE name = ?", os.fspath(name)))
    finally:
        database.close()
