"""What was read, kept safe: one line a page, in the order of completion, on disk before the next page counts.

The first line is a fingerprint of everything that an answer depends on but the documents themselves: preset, task,
prompt, sampler, raster, model. The same fingerprint resumes the journal; another one begins a new journal and keeps
the old beside it. Pages are known by the digest of their document and their number, so a document that changed is
read again, and one that was only renamed is not.

Between the results stand notes: which digest the file at a path had, with its stamp at that time. A file that still
has that stamp need not be read to know its digest.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
from collections.abc import Callable, Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any, BinaryIO

from filelock import FileLock, Timeout

from visionocr.errors import OutputError
from visionocr.output.files import open_no_follow
from visionocr.output.formats import record
from visionocr.types import FileSignature, Finding, FindingKind, PageRef, PageResult, Severity, Status

FORMAT = 1
"""Version of the journal's lines. A journal of another version is not resumed."""
SUFFIX = ".journal"
_Key = tuple[str, int]
_MOST_NOTE = 1 << 16
"""Bytes of the line of a note; no path is so long."""


class Journal:
    """An append-only file of results. ``record`` may be called from several threads.

    Only the places of the records are held in memory, not the texts.
    """

    def __init__(self, path: Path, fingerprint: Mapping[str, Any]) -> None:
        """Open or begin the journal at *path*.

        Raises ``OutputError`` when another process has it, or when it cannot be read or written.
        """
        self.path = path
        self.changes: tuple[str, ...] = ()
        """What differs from the journal that was there, for people; empty when it is resumed, or there was none."""
        self._fingerprint = dict(fingerprint)
        self._places: dict[_Key, tuple[int, Status]] = {}
        self._notes: dict[bytes, int] = {}
        """For a path, as a short hash, the place of the last note about it."""
        self._lock = threading.Lock()
        self._broken = False
        if not path.parent.is_dir():  # the lock would make it
            raise OutputError(f"cannot write {path}: there is no folder {path.parent}")
        self._guard = FileLock(f"{path}.lock", blocking=False)
        try:
            self._guard.acquire()
        except Timeout:
            raise OutputError(
                f"another visionocr is writing {path}", "Wait until it is done, or choose another output."
            ) from None
        except OSError as error:
            raise OutputError(f"cannot write in {path.parent}: {error.strerror}") from None
        try:
            self._file = self._open()
        except OSError as error:
            self._guard.release()
            raise OutputError(f"cannot use the journal {path}: {error.strerror or error}") from None

    def __len__(self) -> int:
        """How many pages are in it."""
        return len(self._places)

    def known(self, page: PageRef) -> PageResult | None:
        """The result of *page* from an earlier run, or ``None``."""
        place = self._places.get((page.digest, page.number)) if page.digest else None
        if place is None:
            return None
        with self._lock:
            try:
                self._file.seek(place[0])
                return _result(json.loads(self._file.readline()), page)
            except (OSError, ValueError, KeyError, TypeError, RecursionError):
                return None  # damaged, or not written by us; asking again loses nothing

    def holds(self, digest: str, number: int) -> bool:
        """Whether the page *number* of the document with *digest* is in it."""
        return (digest, number) in self._places

    def note(self, path: str, signature: FileSignature, digest: str, pages: int) -> None:
        """Remember what the file at *path* is. It reaches the disk with the next result."""
        note = {"path": path, "size": signature.size, "modified": signature.modified, "digest": digest, "pages": pages}
        line = json.dumps({"note": note}).encode() + b"\n"
        with self._lock, contextlib.suppress(OSError, ValueError):  # a lost note costs reading a file
            if not self._broken and len(line) < _MOST_NOTE:
                self._notes[_hash(path)] = self._file.seek(0, os.SEEK_END)
                self._file.write(line)

    def noted(self, path: str, signature: FileSignature) -> tuple[str, int] | None:
        """Digest and number of pages of the file at *path*; ``None`` when it is not known, or not with this stamp."""
        place = self._notes.get(_hash(path))
        if place is None:
            return None
        with self._lock:
            try:
                self._file.seek(place)
                note = json.loads(self._file.readline(_MOST_NOTE))["note"]
                if (note["path"], note["size"], note["modified"]) != (path, signature.size, signature.modified):
                    return None
                return _text(note["digest"]), int(note["pages"])
            except (OSError, ValueError, KeyError, TypeError, RecursionError):
                return None

    def forget(self, which: Callable[[int, Status], bool]) -> int:
        """Do not resume the pages for which *which* (number, status) says so; returns how many these are."""
        gone = [key for key, (_, status) in self._places.items() if which(key[1], status)]
        for key in gone:
            del self._places[key]
        return len(gone)

    def record(self, result: PageResult) -> None:
        """Append *result* and wait until it is on the disk. Raises ``OutputError`` (disk full, folder gone).

        Results that stand for a whole document are not kept: the document may be readable the next time.
        """
        if not result.page.digest or not result.page.number:
            return
        line = json.dumps(record(result)).encode() + b"\n"
        with self._lock:
            if self._broken:
                raise OutputError(f"the journal {self.path} cannot be written")
            place = self._file.seek(0, os.SEEK_END)
            try:
                self._file.write(line)
                self._file.flush()
                os.fsync(self._file.fileno())
                if not self.path.exists():  # the folder was taken away under our feet: the lines go nowhere
                    raise FileNotFoundError(2, "the file is gone")
            except OSError as error:
                self._broken = True
                with contextlib.suppress(OSError):
                    self._file.truncate(place)  # half a line would spoil what is appended later
                raise OutputError(
                    f"cannot write the journal {self.path}: {error.strerror or error}",
                    "What was read before is kept in it. Make room, then repeat the command.",
                ) from None
            self._places[result.page.digest, result.page.number] = place, result.status

    def close(self, *, remove: bool = False) -> None:
        """Give the lock back; ``remove`` when the result is complete and good."""
        with self._lock, contextlib.suppress(OSError, ValueError):
            self._file.close()
            if remove:
                self.path.unlink(missing_ok=True)
        # Unlinked while it is held: a process that got hold of the old file notices that it has no name any more.
        with contextlib.suppress(OSError):
            Path(self._guard.lock_file).unlink(missing_ok=True)
        self._guard.release()

    def _open(self) -> BinaryIO:
        head = json.dumps({"visionocr_journal": FORMAT, "fingerprint": self._fingerprint}).encode() + b"\n"
        if self.path.exists() and self.path.stat().st_size:
            changes = self._differences()
            if not changes:
                return self._resume()
            self.changes = tuple(changes)
            os.replace(self.path, f"{self.path}.old")
        file = open_no_follow(self.path, "w+b")
        file.write(head)
        file.flush()
        os.fsync(file.fileno())
        return file

    def _differences(self) -> list[str]:
        with self.path.open("rb") as file:
            try:
                line = file.readline()
                head = json.loads(line)
                if not line.endswith(b"\n") or head["visionocr_journal"] != FORMAT:
                    return ["the journal's format"]
                before = dict(head["fingerprint"])
            except (ValueError, KeyError, TypeError):
                return ["the journal: its first line cannot be read"]
        return [
            f"{name}: {_short(before.get(name))} is now {_short(self._fingerprint.get(name))}"
            for name in sorted(before.keys() | self._fingerprint.keys())
            if before.get(name) != self._fingerprint.get(name)
        ]

    def _resume(self) -> BinaryIO:
        """Read the places of all whole lines; cut off a torn last one."""
        file = open_no_follow(self.path, "r+b")
        end = len(file.readline())
        for line in file:
            if not line.endswith(b"\n"):
                break
            with contextlib.suppress(ValueError, KeyError, TypeError):
                data = json.loads(line)
                if "note" in data:
                    self._notes[_hash(str(data["note"]["path"]))] = end
                else:
                    self._places[str(data["digest"]), int(data["page"])] = end, Status(data["status"])
            end += len(line)
        file.truncate(end)
        return file


def _result(data: Mapping[str, Any], page: PageRef) -> PageResult:
    """The inverse of ``record``, for a *page* that may have another name now."""
    return PageResult(
        page=page,
        text=_text(data["text"]),
        status=Status(data["status"]),
        findings=tuple(
            Finding(FindingKind(f["kind"]), _text(f["message"]), Severity(f["severity"])) for f in data["findings"]
        ),
        asks=int(data["asks"]),
        retries=int(data["retries"]),
        server=_text(data["server"] or ""),
        model=_text(data["model"] or ""),
        seconds=float(data["seconds"]),
        prompt_tokens=_number(data["prompt_tokens"]),
        completion_tokens=_number(data["completion_tokens"]),
        width=int(data["width"] or 0),
        height=int(data["height"] or 0),
    )


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _number(value: Any) -> int | None:
    return None if value is None else int(value)


def _short(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:59] + "…"


def _hash(path: str) -> bytes:
    return blake2b(path.encode("utf-8", "surrogatepass"), digest_size=16).digest()
