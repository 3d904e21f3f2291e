"""The state of a job in one file: results of pages, and outputs that were written, so that a later run can resume.

A state holds the results of pages, each under its job: a fingerprint of everything that an answer depends on but the
document (model, preset, prompt, sampler, raster). Several jobs and documents share a state without touching each
other's results. Pages are known by the digest of their document and their number, so a document that changed is read
again, and one that was only renamed is not. It also knows the digests of files whose size and time of change are still
the same, and in an output folder, which output was written from which document. Nothing is loaded into memory as a
whole: everything is looked up in the file (see ``database.py``).

What a person corrected (``visionocr review``) belongs to no job but to a ``subject``: it is the result of its page
whatever the model and its settings, until somebody asks for it again by name.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

import msgspec

from visionocr.errors import OutputError
from visionocr.output.database import Database, checksum
from visionocr.types import FileSignature, PageRef, PageResult, Status

FOLDER_STATE = ".visionocr.journal"
"""Name of the state inside an output folder."""
_RANKS = {Status.CHECKED: 4, Status.OK: 4, Status.SUSPECT: 3, Status.BLANK: 2, Status.FAILED: 1, Status.SKIPPED: 0}


class State:
    """An open state. For any threads, and for one process at a time."""

    def __init__(
        self, path: Path, fingerprint: Mapping[str, Any], redo: Callable[[int, Status], bool] | None = None
    ) -> None:
        """Open or begin the state at *path*, for the job with *fingerprint*.

        Pages for which *redo* (number, status) says so count as not read. Raises ``UsageError`` when something else
        lies at *path*, ``OutputError`` when another process uses it, or when it cannot be read or written.
        """
        self.path = path
        self._redo = redo
        self._fingerprint = json.dumps(fingerprint, sort_keys=True)
        self._job = blake2b(self._fingerprint.encode(), digest_size=16).hexdigest()
        self._subject = subject(fingerprint)
        self._database = Database(path)

    @property
    def is_finished(self) -> bool:
        """Whether the job's last run ended well, and nothing was read since."""
        return bool(self._database.execute("SELECT 1 FROM jobs WHERE key = ? AND finished", self._job))

    def __len__(self) -> int:
        """How many pages of the job are in it."""
        return int(self._database.execute("SELECT count(*) FROM pages WHERE job = ?", self._job)[0][0])

    def count_corrections(self) -> int:
        """How many pages a person has corrected that count for this job, of any document."""
        return int(self._database.execute("SELECT count(*) FROM pages WHERE job = ?", self._subject)[0][0])

    def differences(self) -> list[str]:
        """How the job differs from the newest other one that has results, for people; empty where there is none."""
        rows = self._database.execute(
            "SELECT fingerprint FROM jobs WHERE key <> ? AND EXISTS (SELECT 1 FROM pages WHERE job = key)"
            " ORDER BY rowid DESC LIMIT 1",
            self._job,
        )
        now = _flatten(json.loads(self._fingerprint))
        before = _flatten(json.loads(rows[0][0])) if rows else now
        return [
            f"{name}: {_shorten(before.get(name))} is now {_shorten(now.get(name))}"
            for name in sorted(before.keys() | now.keys())
            if before.get(name) != now.get(name)
        ]

    # --- pages ---------------------------------------------------------------------------------------------

    def lookup(self, page: PageRef) -> PageResult | None:
        """The result of *page*, under the name that its document has now; ``None`` when it must be asked for."""
        if not page.digest:
            return None
        self._database.execute("INSERT OR IGNORE INTO temp.documents VALUES (?)", page.digest)
        result = self._find(page)
        if result is None or self._redo is None or not self._redo(page.number, result.status):
            return result
        renewed = "SELECT 1 FROM temp.renewed WHERE digest = ? AND page = ?"
        return result if self._database.execute(renewed, page.digest, page.number) else None

    def has_pages(self, digest: str, numbers: Iterable[int]) -> bool:
        """Whether none of these pages of the document with *digest* must be asked for."""
        return all(self.lookup(PageRef("", number, digest=digest)) is not None for number in numbers)

    def record(self, result: PageResult) -> None:
        """Keep *result*, on the disk when this returns; where a page is asked for again, the better one.

        A correction counts as a good answer, and is gone with the next good one that somebody asks for by name.

        Results that stand for a whole document are not kept: the document may be readable the next time. Raises
        ``OutputError`` (disk full, folder gone).
        """
        page = result.page
        if not page.digest or not page.number:
            return
        earlier = self._find(page) if self._redo is not None else None
        if earlier is None or _rank(earlier) <= _rank(result):
            write_page(self._database, self._job, result)
            delete = "DELETE FROM pages WHERE job = ? AND digest = ? AND page = ?"
            self._database.execute(delete, self._subject, page.digest, page.number)
        self._database.execute("INSERT OR IGNORE INTO temp.documents VALUES (?)", page.digest)
        if self._redo is not None:
            self._database.execute("INSERT OR IGNORE INTO temp.renewed VALUES (?, ?)", page.digest, page.number)
        self._set_finished(False)
        self._database.commit()

    def _find(self, page: PageRef, jobs: Sequence[str] = ()) -> PageResult | None:
        """The correction of *page*, else its result in this job; or the first one in *jobs*."""
        for job in jobs or (self._subject, self._job):
            rows = self._database.execute(
                "SELECT record, checksum FROM pages WHERE job = ? AND digest = ? AND page = ?",
                *(job, page.digest, page.number),
            )
            for record, written in rows:
                if (found := read_page(job, page.digest, page.number, record, written)) is not None:
                    return replace(found, page=page)
        return None

    # --- files and outputs ---------------------------------------------------------------------------------

    def register_file(self, path: str, signature: FileSignature, digest: str, pages: int) -> None:
        """Remember what the file at *path* is. It reaches the disk with the next result."""
        values = _storable(path), signature.size, signature.modified, digest, pages
        self._database.execute("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?)", *values, checksum(*values))

    def find_file(self, path: str, signature: FileSignature) -> tuple[str, int] | None:
        """Digest and number of pages of the file at *path*; ``None`` when unknown, or when the file has changed."""
        key = _storable(path), signature.size, signature.modified
        rows = self._database.execute(
            "SELECT digest, pages, checksum FROM files WHERE path = ? AND size = ? AND modified = ?", *key
        )
        return next(((digest, pages) for digest, pages, sum_ in rows if sum_ == checksum(*key, digest, pages)), None)

    def register_output(self, name: str, document: str, signature: FileSignature | None, job: str) -> None:
        """Note that the output *name* was written from *document*; with a signature when every page of it is good."""
        good = (signature.size, signature.modified, job) if signature is not None else (None, None, None)
        values = name, _storable(document), *good
        statement = "INSERT OR REPLACE INTO outputs VALUES (?, ?, ?, ?, ?, ?)"
        self._database.execute(statement, *values, checksum(*values))
        self._database.commit()

    def forget_output(self, name: str) -> None:
        """There is no output *name* of ours."""
        self._database.execute("DELETE FROM outputs WHERE name = ?", name)
        self._database.commit()

    def find_outputs(self, document: str) -> list[tuple[str, FileSignature | None, str | None]]:
        """Name, signature and job of all outputs that were written from *document*."""
        key = _storable(document)
        rows = self._database.execute("SELECT name, size, modified, job, checksum FROM outputs WHERE document = ?", key)
        return [
            (name, None if size is None else FileSignature(size, modified), job)
            for name, size, modified, job, written in rows
            if written == checksum(name, key, size, modified, job)
        ]

    def finish(self, *, forget: bool) -> None:
        """The run is complete and good. *forget*: the results of its documents are not needed any more."""
        if forget:
            self._database.execute(
                "DELETE FROM pages WHERE job = ? AND digest IN (SELECT digest FROM temp.documents)", self._job
            )
        self._set_finished(True)
        self._database.commit()

    def close(self) -> None:
        """Close the file. A state without results and outputs is removed. Never raises."""
        is_empty = False
        with contextlib.suppress(OutputError):
            self._database.commit()
            is_empty = not self._database.execute("SELECT 1 FROM pages UNION ALL SELECT 1 FROM outputs LIMIT 1")
        self._database.close(remove=is_empty)

    def _set_finished(self, finished: bool) -> None:
        self._database.execute(
            "INSERT INTO jobs VALUES (?, ?, ?)"
            " ON CONFLICT (key) DO UPDATE SET finished = excluded.finished WHERE finished <> excluded.finished",
            *(self._job, self._fingerprint, finished),
        )


def subject(fingerprint: Mapping[str, Any]) -> str:
    """What corrections of pages are kept under: they count for every job with the same task and language."""
    about = [fingerprint.get("task") or "transcribe", fingerprint.get("language")]
    return "checked:" + json.dumps(about)


def write_page(database: Database, job: str, result: PageResult) -> None:
    """Put *result* into a state's table of pages. It reaches the disk with ``commit``. Raises ``OutputError``."""
    # Not msgspec's own encoder: it refuses lone surrogates, which names of files may hold.
    record = json.dumps(msgspec.to_builtins(result)).encode()
    key = job, result.page.digest, result.page.number
    statement = "INSERT OR REPLACE INTO pages VALUES (?, ?, ?, ?, ?)"
    database.execute(statement, *key, record, checksum(*key, record))


def read_page(job: str, digest: str, number: int, record: bytes, written: bytes) -> PageResult | None:
    """The result in a row of that table; ``None`` where it is damaged, or of a later version."""
    if written == checksum(job, digest, number, record):
        with contextlib.suppress(ValueError, RecursionError):  # also msgspec's own errors
            return msgspec.convert(json.loads(record), PageResult)
    return None


def _storable(path: str) -> str:
    return path.encode("utf-8", "backslashreplace").decode()


def _rank(result: PageResult) -> tuple[int, bool]:
    return _RANKS[result.status], bool(result.text)


def _flatten(fingerprint: dict[str, Any]) -> dict[str, Any]:
    """Settings by name; those inside of a group by the names of both."""
    groups = {name: value for name, value in fingerprint.items() if isinstance(value, dict)}
    inner = {f"{group} {name}": value for group, values in groups.items() for name, value in values.items()}
    return {name: value for name, value in fingerprint.items() if name not in groups} | inner


def _shorten(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:59] + "…"
