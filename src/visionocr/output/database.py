"""The SQLite file of a state: its tables, a lock against other processes, and error messages.

Choices, with their reasons:

- A rollback journal and no write-ahead log: the log needs memory shared over the file, which network drives do not
  have, and after a crash the newest results would be in a second file, which people do not copy. With SQLite's journal
  file kept open (``locking_mode=EXCLUSIVE``) a commit with ``synchronous=FULL`` costs the same (measured: 0.53 ms, with
  the log 0.48 ms).
- SQLite's own locks are off, and ``filelock`` keeps other processes out: SQLite turns a read lock into a write lock,
  which CIFS mounts refuse ("database is locked" for ever). One plain lock on a file of its own works there, over NFS
  and on Windows, and is gone with the process that held it.
- SQLite has no checksums: rows that could come back as something else carry one (``checksum``).
"""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
import threading
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Any
from urllib.parse import quote

from filelock import FileLock, Timeout

from visionocr.errors import OutputError, UsageError
from visionocr.output.files import read_head

_FORMAT = 1
"""Version of the tables."""
_APPLICATION = int.from_bytes(b"vOCR", "big")
_SCHEMA = """
CREATE TABLE jobs (key TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, finished INTEGER NOT NULL);
CREATE TABLE pages (
    job TEXT NOT NULL, digest TEXT NOT NULL, page INTEGER NOT NULL, record BLOB NOT NULL, checksum BLOB NOT NULL,
    UNIQUE (job, digest, page)
);
CREATE TABLE files (
    path TEXT PRIMARY KEY, size INTEGER NOT NULL, modified INTEGER NOT NULL,
    digest TEXT NOT NULL, pages INTEGER NOT NULL, checksum BLOB NOT NULL
);
CREATE TABLE outputs (
    name TEXT PRIMARY KEY, document TEXT NOT NULL, size INTEGER, modified INTEGER, job TEXT, checksum BLOB NOT NULL
);
CREATE INDEX outputs_by_document ON outputs (document);
"""
_OF_THIS_RUN = """
CREATE TEMP TABLE documents (digest TEXT PRIMARY KEY);
CREATE TEMP TABLE renewed (digest TEXT, page INTEGER, PRIMARY KEY (digest, page));
"""
"""Documents of which pages were looked up or recorded, and pages that were asked for again."""
_ERRORS = (sqlite3.Error, UnicodeDecodeError)
"""What SQLite raises; the latter when its message quotes bytes of a damaged file."""
_DAMAGE = ("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_ERROR")
"""SQLite's errors for a damaged file; the last one because the statements themselves are correct."""


class Database:
    """A state's file, made where there is none. For any threads, and for one process at a time."""

    def __init__(self, path: Path) -> None:
        """Open it. Raises ``UsageError`` when something else lies there, ``OutputError`` when it cannot be used."""
        self.path = path
        self._mutex = threading.Lock()
        self._failure = ""
        """What failed first."""
        if not os.path.isdir(path.parent):  # the lock would make it
            raise OutputError(f"cannot write {path}: there is no folder {path.parent}")
        check_file(path)
        if any(os.path.islink(f"{path}{ending}") for ending in ("", "-journal")):
            raise OutputError(f"cannot use the journal {path}: {os.strerror(errno.ELOOP)}")
        self._file_lock = FileLock(f"{path}.lock", blocking=False)
        try:
            self._file_lock.acquire()
        except Timeout:
            raise OutputError(
                f"another visionocr is writing {path}", "Wait until it is done, or choose another output."
            ) from None
        except OSError as error:
            raise OutputError(f"cannot write in {path.parent}: {error.strerror}", "Choose another output.") from None
        absolute = path.absolute().as_posix()
        uri = f"file://{'' if absolute.startswith('/') else '/'}{quote(os.fsencode(absolute))}?nolock=1"
        with contextlib.ExitStack() as stack:
            stack.callback(self._unlock)
            with self._errors():
                self._connection = sqlite3.connect(uri, uri=True, check_same_thread=False)
                stack.callback(self._connection.close)
                self._prepare()
            stack.pop_all()

    def execute(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """The rows that *statement* gives. Changes are on the disk after ``commit``. Raises ``OutputError``."""
        with self._mutex, self._errors():
            return self._connection.execute(statement, values).fetchall()

    def commit(self) -> None:
        """Wait until all changes are on the disk. Raises ``OutputError``, also when anything failed before."""
        with self._mutex, self._errors():
            with self._connection:  # commits, or rolls back
                if self._failure:
                    raise sqlite3.OperationalError(self._failure)
            if not os.path.exists(self.path):  # the folder was removed or renamed
                raise sqlite3.OperationalError("the file is gone")

    def close(self, *, remove: bool = False) -> None:
        """Close the file, or remove it. Never raises."""
        with self._mutex, contextlib.suppress(sqlite3.Error, OSError):
            self._connection.close()
            if remove:
                self.path.unlink(missing_ok=True)
        self._unlock()

    def _unlock(self) -> None:
        # Unlinked while it is held: a process that got hold of the old file notices that it has no name any more.
        with contextlib.suppress(OSError):
            Path(self._file_lock.lock_file).unlink(missing_ok=True)
        self._file_lock.release()

    def _prepare(self) -> None:
        connection = self._connection
        connection.text_factory = lambda data: data.decode("utf-8", "replace")
        connection.executescript("PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=DELETE; PRAGMA synchronous=FULL;")
        connection.executescript("PRAGMA cell_size_check=ON; PRAGMA trusted_schema=OFF;")  # for files of others
        ((version,),) = connection.execute("PRAGMA user_version")
        if not connection.execute("SELECT 1 FROM sqlite_master").fetchone():
            start = f"BEGIN; PRAGMA application_id={_APPLICATION}; PRAGMA user_version={_FORMAT};"
            connection.executescript(f"{start} {_SCHEMA} COMMIT;")
        elif version != _FORMAT:
            raise OutputError(f"{self.path} was written by another version of visionocr", "Move it away, or use that.")
        # Fails at once, before a page was read, when the file is read-only; otherwise it changes nothing.
        connection.executescript(f"BEGIN; PRAGMA user_version={_FORMAT}; ROLLBACK;")
        connection.executescript(_OF_THIS_RUN)

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        """Raise ``OutputError`` for what SQLite raises."""
        try:
            yield
        except _ERRORS as error:
            self._failure = self._failure or str(error) or type(error).__name__
            name = getattr(error, "sqlite_errorname", "")
            if isinstance(error, UnicodeDecodeError) or name.startswith(_DAMAGE):
                message = f"the journal {self.path} is damaged: {error}"
                hint = "Move it away to begin anew, or choose another output."
            else:
                message = f"cannot write the journal {self.path}: {error}"
                hint = "What was read before is kept in it. Make room, then repeat the command."
            raise OutputError(message, hint) from None


def check_file(path: Path) -> None:
    """Raise ``UsageError`` when something that is no state of ours lies at *path*. An empty file may become one."""
    head = read_head(path, 100)
    is_ours = head.startswith(b"SQLite format 3\0") and head[68:72] == _APPLICATION.to_bytes(4, "big")
    if (head and not is_ours) or (os.path.exists(path) and not os.path.isfile(path)):
        raise UsageError(f"{path} is not a journal of visionocr", "Choose another name, or move it away.")


def checksum(*values: object) -> bytes:
    """A checksum of *values*, to be stored beside them."""
    return blake2b(repr(values).encode("utf-8", "backslashreplace"), digest_size=16).digest()
