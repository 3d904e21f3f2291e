"""Results that were written before, document by document, from the state of a folder or from a file of results."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from visionocr.errors import UsageError
from visionocr.output.corrections import Recorded, find_state, read_state
from visionocr.output.database import check_file
from visionocr.output.folder import Origin
from visionocr.output.page_file import read_page_file
from visionocr.output.page_parts import FilePage
from visionocr.output.saved import SUFFIXES
from visionocr.output.state import FOLDER_STATE, State, read_page, subject, write_page
from visionocr.paths import path_key
from visionocr.text import printable
from visionocr.types import FileSignature, Finding, FindingKind, PageRef, PageResult, Severity, Status

_PAGE_FILES = (".alto.xml", ".page.xml")
"""Suffixes with two dots."""


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """A document with results."""

    name: str
    digest: str
    """Empty where nothing tells."""
    path: str
    """Where it was; empty where nothing tells."""
    task: str
    """That its pages were read with."""
    is_transcript: bool
    """The texts are those of the pages, and no description or translation."""
    numbers: tuple[int, ...]
    """Of the pages that have results, in order."""
    read: Callable[[int], PageResult | None]
    """Gives the result of a page."""
    keep: Callable[[PageResult], None] = lambda _: None
    """Takes a result to which something was added."""
    origin: Origin = Origin(FileSignature(0, 0))
    """Tells how further outputs of it are called."""


class Store(State):
    """A state that is looked at as a whole, whatever the jobs in it."""

    def __init__(self, path: Path) -> None:
        """Open the state at *path*. Raises as ``State`` does."""
        super().__init__(path, {})

    def list_documents(self) -> list[StoredDocument]:
        """Every document with results of pages, with those of the job that read something of it last.

        What a person corrected takes the place of other results.
        """
        jobs: dict[str, dict[str, object]] = {}
        for key, fingerprint in self._database.execute("SELECT key, fingerprint FROM jobs"):
            with contextlib.suppress(ValueError, RecursionError):  # a damaged one
                jobs[key] = json.loads(fingerprint)
        rows = self._database.execute("SELECT job, digest FROM pages ORDER BY rowid")
        # Records have no pages.
        last = {digest: job for job, digest in rows if job in jobs and "schema" not in jobs[job]}
        paths: dict[str, list[str]] = {}
        for digest, path in self._database.execute("SELECT digest, path FROM files ORDER BY rowid"):
            paths.setdefault(digest, []).append(path)
        found: list[StoredDocument] = []
        for digest in filter(last.__contains__, dict.fromkeys((*paths, *last))):  # in the order of the run
            # Of documents that were moved or copied each that is still there; else where it was last.
            known = paths.get(digest, [""])
            for path in [path for path in known if os.path.isfile(path)] or known[-1:]:
                found += self._describe(digest, path, last[digest], jobs[last[digest]])
        named = {document.name for document in found if document.path}
        # A document that was read again after it had changed is one of those with a path.
        return [document for document in found if document.path or document.name not in named]

    def _describe(self, digest: str, path: str, job: str, fingerprint: dict[str, object]) -> Iterator[StoredDocument]:
        keys = subject(fingerprint), job
        numbers = self._database.execute(
            "SELECT DISTINCT page FROM pages WHERE digest = ? AND job IN (?, ?) ORDER BY page", digest, *keys
        )
        found = (self._read_row(job, digest, number) for (number,) in numbers)
        first = next((result for result in found if result is not None), None)
        if first is None:
            return  # all are damaged
        page = first.page
        name = page.document if not path or path_key(page.document) == path else path
        task = str(fingerprint.get("task") or "transcribe")
        yield StoredDocument(
            name,
            digest,
            path,
            task,
            task in {"transcribe", "text"} and fingerprint.get("language") is None,
            tuple(number for (number,) in numbers),
            lambda number: self._find(PageRef(name, number, page.pages, digest), keys),
            partial(self._keep, keys),
            self._find_origin(path),
        )

    def _read_row(self, job: str, digest: str, number: int) -> PageResult | None:
        """A result as the run knew it, under the name that its document had."""
        statement = "SELECT record, checksum FROM pages WHERE job = ? AND digest = ? AND page = ?"
        rows = self._database.execute(statement, job, digest, number)
        return read_page(job, digest, number, *rows[0]) if rows else None

    def _keep(self, keys: tuple[str, str], result: PageResult) -> None:
        write_page(self._database, keys[0] if result.status is Status.CHECKED else keys[1], result)
        self._database.commit()

    def _find_origin(self, path: str) -> Origin:
        """Where the outputs are that were written of the document at *path*."""
        for name, _, _ in self.find_outputs(path) if path else ():
            below, _, last = name.rpartition("/")
            stem = next((last.removesuffix(end) for end in _PAGE_FILES if last.endswith(end)), Path(last).stem)
            return Origin(FileSignature(0, 0), below, stem)
        return Origin(FileSignature(0, 0))


@contextlib.contextmanager
def open_results(path: Path) -> Iterator[tuple[list[StoredDocument], Store | None]]:
    """The documents of an output folder, of a journal or of a file of results; of the first two, also their state.

    Raises ``UsageError`` where there are none, ``DocumentError`` for a file that cannot be read, ``OutputError`` for a
    state that cannot.
    """
    state = path / FOLDER_STATE if path.is_dir() else path
    if path.is_dir() and not state.is_file():
        raise UsageError(f"{printable(str(path))} has no results", "Name a folder that was given with --output.")
    if path.suffix in SUFFIXES and not path.is_dir():
        yield list(_read_file(path)), None
        return
    check_file(state)
    if not state.is_file():
        raise UsageError(f"there is no {printable(str(path))}", "Check the name.")
    store = Store(state)
    try:
        yield store.list_documents(), store
    finally:
        store.close()


def _read_file(path: Path) -> Iterator[StoredDocument]:
    """The documents in a file of results. What its text does not tell comes from its state, where that is there."""
    state = find_state(path)
    recorded = read_state(state) if state is not None else Recorded()
    results: dict[str, dict[int, PageResult]] = {}
    task = "text" if path.suffix == ".txt" else "transcribe"
    for page in read_page_file(path).pages:
        if not page.number:
            continue  # a document that could not be opened
        known = recorded.find(page)
        result = _result_of(page, known.result if known is not None else None)
        results.setdefault(page.document, {})[page.number] = result
        task = "describe" if page.is_caption else task
    for name, pages in results.items():
        refs = [result.page for result in pages.values()]
        digest = next((ref.digest for ref in refs if ref.digest), "")
        count = next((ref.pages for ref in refs if ref.pages), None)
        for number, result in pages.items():
            pages[number] = replace(result, page=PageRef(name, number, count, digest))
        yield StoredDocument(
            name,
            digest,
            recorded.paths.get(digest, ""),
            task,
            task != "describe",
            tuple(sorted(pages)),
            pages.get,
            lambda result, pages=pages: pages.update({result.page.number: result}),  # type: ignore[misc]
        )


def _result_of(page: FilePage, known: PageResult | None) -> PageResult:
    """The result of a page in a file, with what is *known* of it from the state."""
    if known is not None and page.contain(known.text) == page.text:
        return known
    status = Status(page.status) if page.status in set(Status) else Status.OK
    severity = {Status.FAILED: Severity.FAILED, Status.SUSPECT: Severity.SUSPECT}.get(status, Severity.INFO)
    findings = (Finding(FindingKind.NOTED, page.findings, severity),) if page.findings else ()
    if known is None:
        known = PageResult(PageRef(page.document, page.number, None, page.digest), "", status)
    return replace(known, text=page.text, status=status, findings=findings, doubts=page.doubts, blocks=())
