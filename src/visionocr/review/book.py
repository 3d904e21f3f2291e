"""The pages of the files under review: what stands in them, what is known of them, and safe saving."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from visionocr.console import Console
from visionocr.documents.kinds import SUFFIXES as DOCUMENT_SUFFIXES
from visionocr.documents.kinds import Kind
from visionocr.errors import DocumentError, UsageError, VisionOcrError
from visionocr.evidence import Doubt
from visionocr.output.corrections import Known, Recorded, correct, find_state, read_state, record_correction
from visionocr.output.page_file import PageFile, read_page_file, tidy
from visionocr.output.page_parts import FilePage
from visionocr.output.saved import SUFFIXES
from visionocr.output.state import subject
from visionocr.text import printable
from visionocr.types import Notice, PageRef, Status

_SIDECARS = (".txt", ".caption")
"""Suffixes of captions beside pictures, as programs that train models look for them."""
_RANKS: dict[str, int] = {Status.FAILED: 0, Status.SUSPECT: 1, Status.CHECKED: 3}
"""The order of pages by their status; all others are between."""


class Conflict(VisionOcrError):
    """A page was changed in its file by something else while a person was correcting it."""

    def __init__(self, page: FilePage | None) -> None:
        """*page*: as it is now; ``None`` where it is gone."""
        gone = "the page is not in its file any more" if page is None else "the page was changed in its file meanwhile"
        super().__init__(gone, "Compare both texts, then save again.")
        self.page = page


@dataclass(frozen=True, slots=True)
class Entry:
    """A page under review."""

    path: Path
    """The file of results in which it stands."""
    document: str
    number: int
    occurrence: int
    """How many pages with the same document and number stand before it in the file: usually none."""
    status: str
    findings: str
    doubts: tuple[Doubt, ...]
    digest: str
    """Of its document; empty where nothing tells."""
    is_caption: bool
    """Its text is one line, or the caption of the picture that it stands beside."""

    @property
    def rank(self) -> tuple[int, int]:
        """Orders pages by doubt: failed, suspect, then by the number of doubts, the others, those that are checked."""
        return _RANKS.get(self.status, 2), -len(self.doubts)


class Book:
    """The pages under review. For any threads."""

    def __init__(
        self,
        outputs: Sequence[Path],
        *,
        journal: Path | None = None,
        task: str | None = None,
        language: str | None = None,
        console: Console | None = None,
    ) -> None:
        """Find the pages in *outputs*, files or folders of results.

        *journal*: their state, where it is not in its usual place. *task*, *language*: of pages of which no state
        knows. Raises ``DocumentError``, ``UsageError``.
        """
        self._console = console
        self._lock = threading.Lock()
        self._files: dict[Path, tuple[tuple[int, int, int], PageFile]] = {}
        """The last one that was read, with what shows whether it has changed."""
        self._states: dict[Path, Path] = {}
        """Of each file but captions beside pictures: its state, which need not exist yet."""
        self._recorded: dict[Path, Recorded] = {}
        """By state."""
        self._pictures = _Pictures()
        found: list[Entry] = []
        for path, top in _find_files(outputs):
            try:
                pages = self._read(path).pages
            except DocumentError:
                if top is None:
                    raise
                continue  # a file of somebody else in the folder
            if journal is not None or not pages[0].is_sidecar:
                self._states[path] = journal or self._find_state(path)
            found += self._make_entries(path, pages)
        if not found:
            raise UsageError("there are no results to review", "Name files that pdf, image or describe wrote with -o.")
        self.entries = found
        documents = {(entry.path, entry.document) for entry in found}
        self.are_captions = len(documents) == len(found) > 1 and all(entry.is_caption for entry in found)
        """The pages are pictures with one line of text each."""
        are_described = self.are_captions or len(self._states) < len({entry.path for entry in found})
        self.task = task or ("describe" if are_described else "transcribe")
        self._about = subject({"task": self.task, "language": language})

    def path_of(self, entry: Entry) -> str:
        """Where the state says that an entry's document is; empty where it does not say."""
        return self._recorded_of(entry.path).paths.get(entry.digest, "")

    def read(self, index: int) -> FilePage:
        """A page as it stands in its file now. Raises ``DocumentError``, ``Conflict`` where it is gone."""
        entry = self.entries[index]
        with self._lock:
            return self._locate(entry)[1]

    def save(self, index: int, text: str, mark: str, digest: str, pages: int | None) -> FilePage:
        """Give a page the *text* that a person has checked, in its file and in the state.

        *mark*: of the page as that person saw it. *digest*, *pages*: of the page's document, where that is known.
        Raises ``TextRefused``, ``Conflict``, ``OutputError`` (also while a run is writing), ``DocumentError``.
        """
        text = tidy(text)
        entry = self.entries[index]
        with self._lock:
            file, page = self._locate(entry)
            if page.mark != mark:
                raise Conflict(page)
            # The state first: if this process is killed in between, a later run brings the corrected text.
            self._keep(entry, page, text, digest, pages)
            file.replace(page, text)
            page = self._locate(entry)[1]
            self.entries[index] = replace(entry, status=Status.CHECKED, findings="", doubts=())
            return page

    def _keep(self, entry: Entry, page: FilePage, text: str, digest: str, pages: int | None) -> None:
        """Put a correction into the state, where there may be one and it is known of which document's page it is."""
        state = self._states.get(entry.path)
        known = self._recorded_of(entry.path).find(page)
        if known is not None:
            ref, about = known.result.page, known.subject
        elif digest:
            ref, about = PageRef(entry.document, entry.number, pages, digest), self._about
        else:
            return
        if state is None or not ref.number:
            return
        result = correct(known.result if known else None, ref, text)
        record_correction(state, about, result)
        recorded = self._recorded_of(entry.path)
        recorded.pages.setdefault((entry.document, entry.number), []).append(Known(result, about))

    def _locate(self, entry: Entry) -> tuple[PageFile, FilePage]:
        file = self._read(entry.path)
        same = [page for page in file.pages if (page.document, page.number) == (entry.document, entry.number)]
        if entry.occurrence >= len(same):
            raise Conflict(None)
        return file, same[entry.occurrence]

    def _read(self, path: Path) -> PageFile:
        """The file at *path*, parsed again only when it has changed."""
        try:
            status = path.stat()
        except OSError as error:
            raise DocumentError(f"cannot read {printable(str(path))}: {error.strerror}") from None
        signature = status.st_size, status.st_mtime_ns, status.st_ino
        if path not in self._files or self._files[path][0] != signature:
            self._files.clear()  # texts of one file are in memory, not those of all
            self._files[path] = signature, read_page_file(path, self._pictures.find(path))
        return self._files[path][1]

    def _make_entries(self, path: Path, pages: Iterable[FilePage]) -> Iterator[Entry]:
        seen: Counter[tuple[str, int]] = Counter()
        recorded = self._recorded_of(path)
        for page in pages:
            key = page.document, page.number
            known = recorded.find(page)
            result = known.result if known is not None else None
            is_same = result is not None and page.contain(result.text) == page.text
            is_checked = result is not None and is_same and result.status is Status.CHECKED
            yield Entry(
                path,
                page.document,
                page.number,
                seen[key],
                Status.CHECKED if is_checked else page.status,
                "" if is_checked else page.findings,
                page.doubts or (result.doubts if result is not None else ()),
                page.digest or (known.result.page.digest if known is not None else ""),
                page.is_sidecar or ("\n" not in page.text and page.number == 1),
            )
            seen[key] += 1

    def _find_state(self, path: Path) -> Path:
        try:
            found = find_state(path)
        except VisionOcrError as error:  # damaged, or a run is writing there: saving will say so again
            self._warn(error)
            found = None
        return found or Path(f"{path}.journal")

    def _recorded_of(self, path: Path) -> Recorded:
        state = self._states.get(path)
        if state is None:
            return Recorded()
        if state not in self._recorded:
            self._recorded[state] = Recorded()
            if state.is_file():
                try:
                    self._recorded[state] = read_state(state)
                except VisionOcrError as error:
                    self._warn(error)
        return self._recorded[state]

    def _warn(self, error: VisionOcrError) -> None:
        if self._console is not None:
            self._console(Notice(f"{error.message}: doubts and places of documents are not known", warning=True))


def _find_files(outputs: Sequence[Path]) -> Iterator[tuple[Path, Path | None]]:
    """Each file of results, with the folder that was named, where it was found below one."""
    for output in outputs:
        if not output.is_dir():
            yield output, None
            continue
        inside = (path for path in output.rglob("*") if path.suffix in (*SUFFIXES, *_SIDECARS) and path.is_file())
        for path in sorted(inside):
            if not any(part.startswith(".") for part in path.relative_to(output).parts):
                yield path, output


class _Pictures:
    """Finds the picture that a caption beside it belongs to, as ``describe --sidecar`` names captions."""

    def __init__(self) -> None:
        self._folders: dict[Path, dict[str, list[str]]] = {}
        """By folder: the names of its pictures, by what they are without their suffix."""

    def find(self, path: Path) -> str:
        """Its name; empty where there is none. ``a.txt`` belongs to ``a.jpg``, ``a.png.txt`` to ``a.png``."""
        if path.suffix not in _SIDECARS:
            return ""
        folder = path.parent
        if folder not in self._folders:
            names = self._folders[folder] = {}
            for name in sorted(os.listdir(folder)):
                if os.path.splitext(name)[1].lower() in DOCUMENT_SUFFIXES[Kind.IMAGE]:
                    names.setdefault(os.path.splitext(name)[0], []).append(name)
        whole = os.path.splitext(path.stem)[0]
        if path.stem in self._folders[folder].get(whole, ()):
            return path.stem
        same = self._folders[folder].get(path.stem, [])
        return next((name for name in same if not os.path.exists(folder / f"{name}{path.suffix}")), "")
