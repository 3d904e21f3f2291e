"""Finds the documents in watched folders that are complete and have not been dealt with, by looking again and again.

Events of the operating system do not cross network drives, and would still not tell when a file is complete. So
folders are listed at intervals, and a file is complete when its size and time of change have stayed the same for a
while.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

from visionocr.documents.kinds import SUFFIXES, Kind
from visionocr.types import FileSignature

UNFINISHED = (
    *(".part", ".partial", ".crdownload", ".download", ".opdownload", ".filepart", ".tmp", ".temp"),
    *(".aria2", ".!qb", ".bc!"),
)
"""Endings that programs give to files on their way; some keep a file of that name beside the document itself."""
_GROWTH = 4
"""How many times as long as the one before each wait for another try is."""
_KINDS = {suffix: kind for kind, suffixes in SUFFIXES.items() for suffix in suffixes}


@dataclass(frozen=True, slots=True)
class Arrival:
    """A document that came, as it was when it was seen to be complete."""

    path: str
    top: str
    """The watched folder that it came into."""
    kind: Kind
    """By its suffix."""
    signature: FileSignature

    def is_unchanged(self) -> bool:
        """Whether it is still there and the same."""
        try:
            return _sign(os.stat(self.path)) == self.signature
        except OSError:
            return False


@dataclass(slots=True)
class _Entry:
    """What is known of a file as long as it does not change."""

    arrival: Arrival
    due: float
    """When it may be read, by the clock."""
    tries: int = 0
    is_settled: bool = False
    """There is nothing more to do."""


class Inbox:
    """The watched folders. Remembers of each file in them what has become of it, until it changes or goes."""

    def __init__(
        self,
        folders: Sequence[str],
        *,
        recursive: bool = False,
        excluded: Collection[str] = (),
        settle: float,
        tries: int,
        retry_wait: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """*excluded*: folders that are left out, as real paths.

        *settle*: seconds that a file must have stayed the same. *tries*: how often a file is tried; *retry_wait*: the
        seconds before the second try, each wait being four times as long as the one before.
        """
        self._folders = dict.fromkeys(folders)
        self._recursive, self._excluded = recursive, excluded
        self._settle, self._tries, self._retry_wait, self._clock = settle, tries, retry_wait, clock
        self._entries: dict[str, _Entry] = {}
        """By path."""
        self.problem = ""
        """Why a folder could not be listed the last time."""

    @property
    def is_idle(self) -> bool:
        """Whether everything that was seen the last time is done or set aside."""
        return not self.problem and all(entry.is_settled for entry in self._entries.values())

    def scan(self) -> list[Arrival]:
        """The complete documents that are to be read now, oldest first.

        Where a folder cannot be listed, as on a network drive that is away, what is known of its files is kept.
        """
        self.problem = ""
        known = self._entries
        found: dict[str, _Entry] = {}
        now = self._clock()
        for folder in self._folders:
            for arrival in self._find(folder, folder):
                entry = known.get(arrival.path)
                if entry is None or entry.arrival.signature != arrival.signature:
                    entry = _Entry(arrival, now + self._settle)
                found[arrival.path] = entry
        self._entries = {**known, **found} if self.problem else found
        ready = [entry for entry in found.values() if not entry.is_settled and entry.due <= now]
        arrivals = [entry.arrival for entry in ready if self._is_complete(entry, now)]
        return sorted(arrivals, key=lambda arrival: (arrival.signature.modified, arrival.path))

    def settle(self, arrival: Arrival) -> None:
        """There is nothing more to do for it, until it changes."""
        if (entry := self._entries.get(arrival.path)) is not None and entry.arrival == arrival:
            entry.is_settled = True

    def is_last_try(self, arrival: Arrival) -> bool:
        """Whether a failure now sets it aside."""
        entry = self._entries.get(arrival.path)
        return entry is not None and entry.tries + 1 >= self._tries

    def fail(self, arrival: Arrival) -> float | None:
        """Count a failed try: the seconds until the next one, or ``None`` when it is set aside."""
        entry = self._entries[arrival.path]
        entry.tries += 1
        if entry.tries >= self._tries:
            entry.is_settled = True
            return None
        wait = self._retry_wait * _GROWTH ** (entry.tries - 1)
        entry.due = self._clock() + wait
        return float(wait)

    def _is_complete(self, entry: _Entry, now: float) -> bool:
        """Look once more, at the file itself: what a folder on a network drive says of it may be a minute old."""
        try:
            with open(entry.arrival.path, "rb") as file:
                signature = _sign(os.fstat(file.fileno()))
        except OSError:
            return True  # whoever reads it will say why it cannot be read
        if signature != entry.arrival.signature:
            entry.due = now + self._settle
            return False
        return True

    def _find(self, top: str, folder: str) -> Iterator[Arrival]:
        try:
            with os.scandir(folder) as listing:
                entries = [entry for entry in listing if not entry.name.startswith((".", "~"))]
        except OSError as error:
            self.problem = f"cannot look into {folder}: {error.strerror or error}"
            return
        names = {entry.name.casefold() for entry in entries}
        for entry in entries:
            try:
                status = entry.stat()
            except OSError:  # it is gone, or a link to nothing
                continue
            if stat.S_ISDIR(status.st_mode):
                if self._recursive and not entry.is_symlink() and os.path.realpath(entry.path) not in self._excluded:
                    yield from self._find(top, entry.path)
                continue
            kind = _KINDS.get(os.path.splitext(entry.name)[1].lower())
            is_growing = any(entry.name.casefold() + ending in names for ending in UNFINISHED)
            if kind is not None and stat.S_ISREG(status.st_mode) and not is_growing:
                yield Arrival(entry.path, top, kind, _sign(status))


def _sign(status: os.stat_result) -> FileSignature:
    return FileSignature(status.st_size, status.st_mtime_ns)
