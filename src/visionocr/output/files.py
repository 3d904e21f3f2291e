"""Files that are complete or not there: written under another name in the same folder, then moved into place."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from visionocr.errors import OutputError
from visionocr.paths import explain_long_path

if sys.platform != "win32":
    import fcntl

_DEVICES = {Path("/dev"), Path("/dev/fd"), Path("/proc/self/fd")}
"""Names in these folders are streams, even where they look like files."""
_PREFIX, _SUFFIX = ".visionocr-", ".part"
"""Of the names of unfinished files."""

_WAITS = (0.1, 0.2, 0.4, 0.8)
"""Seconds between attempts to replace a file that another program has open."""


class AtomicFile:
    """A file being written. ``commit`` puts it in place, ``discard`` leaves everything as it was before.

    A device or a pipe (``/dev/null``, ``>(command)``) cannot be moved into place: it is written to as it stands.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._part: Path | None = None
        self._file: BinaryIO
        try:
            if is_stream(path):
                self._file = path.open("wb")
            else:
                self._file, self._part = _part_in(path.parent)
        except FileNotFoundError:
            hint = explain_long_path(path) or "Create it first, or give another --output."
            raise OutputError(f"there is no folder {path.parent}", hint) from None
        except OSError as error:
            raise OutputError(f"cannot write {path}: {error.strerror}") from None

    def write(self, text: str) -> None:
        """Append *text* as UTF-8. Raises ``OutputError`` (disk full, folder gone)."""
        self.write_bytes(encode_text(text))

    def write_bytes(self, data: bytes) -> None:
        """Append bytes, and see that there is room for them. Raises ``OutputError``."""
        with self._errors():
            self._file.write(data)
            self._file.flush()

    def copy(self, path: Path) -> None:
        """Append the bytes of the file at *path*. Raises ``OutputError``."""
        with self._errors(), path.open("rb") as source:
            shutil.copyfileobj(source, self._file)

    def commit(self, like: Path | None = None) -> None:
        """Make it durable and give it its name; with *like*, also the time, owner and attributes of that file."""
        with self._errors():
            self._file.flush()
            if self._part is not None:
                os.fsync(self._file.fileno())
                if sys.platform == "win32":  # where an open file cannot be moved
                    self._file.close()
                os.chmod(self._part, self._mode())
                if like is not None:
                    _copy_attributes(like, self._part)
                _replace(self._part, self.path)
            self._file.close()  # only now, for that gives up the lock

    def discard(self) -> None:
        """Leave everything as it was before. Never raises."""
        with contextlib.suppress(OSError):
            self._file.close()
        with contextlib.suppress(OSError):
            if self._part is not None:
                self._part.unlink()

    def _mode(self) -> int:
        """What the file had before; else what any new file gets, for ``mkstemp`` makes files for the owner only."""
        with contextlib.suppress(OSError):
            status = os.lstat(self.path)
            if stat.S_ISREG(status.st_mode):
                return stat.S_IMODE(status.st_mode)
        umask = os.umask(0)  # the only way to ask for it
        os.umask(umask)
        return 0o666 & ~umask

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            hint = explain_long_path(self.path)
            if sys.platform == "win32" and isinstance(error, PermissionError):
                hint = "Close the program that has it open, and repeat the command: pages that were read are kept."
            raise OutputError(f"cannot write {self.path}: {error.strerror or error}", hint) from None


def write_file(path: Path, content: str | bytes) -> None:
    """Put a file with this *content* in place, or leave everything as it was before and raise ``OutputError``."""
    file = AtomicFile(path)
    try:
        file.write_bytes(encode_text(content) if isinstance(content, str) else content)
        file.commit()
    finally:
        file.discard()  # nothing is left to discard when all went well


def remove_leftovers(folder: Path) -> None:
    """Delete the unfinished files of killed runs from *folder*. Those that somebody is writing are locked, and stay."""
    with contextlib.suppress(OSError):
        for part in folder.glob(f"{_PREFIX}*{_SUFFIX}"):
            if not stat.S_ISREG(part.lstat().st_mode):
                continue
            with part.open("rb") as file:
                is_left = _lock(file)
            if is_left:
                part.unlink()


def encode_text(text: str) -> bytes:
    """UTF-8; a lone surrogate, which no text should hold, becomes an escape instead of an error."""
    return text.encode("utf-8", "backslashreplace")


def read_head(path: Path, size: int) -> bytes:
    """The first bytes of a file, at most *size*; none where there is no file, or where it cannot be read."""
    if not os.path.isfile(path):  # opening a pipe could block
        return b""
    try:
        with path.open("rb") as file:
            return file.read(size)
    except OSError:
        return b""


def is_stream(path: Path) -> bool:
    """Whether writing to *path* goes to a device, a pipe or a folder, and not into a file of that name."""
    if path.parent.absolute() in _DEVICES:
        return True
    try:
        return not stat.S_ISREG(path.stat().st_mode)
    except OSError:
        return False


def _replace(part: Path, path: Path) -> None:
    """Give *part* its name. On Windows virus scanners and indexers hold new files for a moment: that is waited for."""
    for wait in _WAITS if sys.platform == "win32" else ():
        with contextlib.suppress(PermissionError):
            os.replace(part, path)
            return
        time.sleep(wait)
    os.replace(part, path)


def _copy_attributes(source: Path, target: Path) -> None:
    """Give *target* the owner of *source* where that is allowed, its mode, times and extended attributes."""
    if sys.platform != "win32":
        status = source.stat()
        with contextlib.suppress(PermissionError):
            os.chown(target, status.st_uid, status.st_gid)
    shutil.copystat(source, target)


def _part_in(folder: Path) -> tuple[BinaryIO, Path]:
    """A new file that is locked while it is open."""
    while True:
        descriptor, name = tempfile.mkstemp(prefix=_PREFIX, suffix=_SUFFIX, dir=folder)
        file = os.fdopen(descriptor, "wb")
        _lock(file)
        if os.path.lexists(name):  # else somebody took it for a leftover before it was locked
            return file, Path(name)
        file.close()


def _lock(file: BinaryIO) -> bool:
    """Lock *file* until it is closed. ``False`` when somebody else has, or when the file system has no locks.

    On Windows nothing is needed: what is open cannot be deleted there.
    """
    if sys.platform == "win32":
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
