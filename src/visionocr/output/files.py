"""Files that are complete or not there: written under another name in the same folder, then moved into place."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from visionocr.errors import OutputError

_DEVICES = {Path("/dev"), Path("/dev/fd"), Path("/proc/self/fd")}
"""What stands here leads to streams, even where it looks like a file."""


class AtomicFile:
    """A file being written. ``commit`` puts it in place, ``keep_partial`` keeps what there is beside it.

    A device or a pipe (``/dev/null``, ``>(command)``) cannot be moved into place: it is written to as it stands.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._part: Path | None = None
        self._file: BinaryIO
        try:
            if is_stream(path):
                self._file = path.open("wb")
                return
            descriptor, name = tempfile.mkstemp(prefix=".visionocr-", suffix=".part", dir=path.parent)
        except FileNotFoundError:
            raise OutputError(
                f"there is no folder {path.parent}", "Create it first, or give another --output."
            ) from None
        except OSError as error:
            raise OutputError(f"cannot write in {path.parent}: {error.strerror}") from None
        self._part = Path(name)
        self._file = os.fdopen(descriptor, "wb")

    def write(self, text: str) -> None:
        """Append *text* as UTF-8. Raises ``OutputError`` (disk full, folder gone)."""
        with self._errors():
            self._file.write(encoded(text))

    def commit(self) -> None:
        """Make it durable and give it its name."""
        with self._errors():
            self._file.flush()
            if self._part is None:
                self._file.close()
                return
            os.fsync(self._file.fileno())
            self._file.close()
            os.chmod(self._part, self._mode())
            os.replace(self._part, self.path)

    def keep_partial(self) -> Path | None:
        """Close it and keep what was written as ``NAME.part``; ``None`` when nothing was, or when it cannot be kept."""
        with contextlib.suppress(OSError):
            self._file.close()
        if self._part is None:
            return None
        with contextlib.suppress(OSError):
            if not self._part.stat().st_size:
                self._part.unlink()
                return None
            os.chmod(self._part, self._mode())
            target = self.path.with_name(self.path.name + ".part")
            try:
                os.replace(self._part, target)
            except OSError:  # a name that is too long, a folder of that name
                return self._part
            return target
        return None

    def discard(self) -> None:
        """Leave everything as it was before."""
        with contextlib.suppress(OSError):
            self._file.close()
        if self._part is not None:
            self._part.unlink(missing_ok=True)

    def _mode(self) -> int:
        """What the file had before; else what any new file gets, for ``mkstemp`` makes files for the owner only."""
        with contextlib.suppress(OSError):
            status = os.lstat(self.path)
            if stat.S_ISREG(status.st_mode):
                return stat.S_IMODE(status.st_mode)
        return 0o666 & ~_umask()

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise OutputError(f"cannot write {self.path}: {error.strerror or error}") from None


def encoded(text: str) -> bytes:
    """UTF-8; a lone surrogate, which no text should hold, becomes an escape instead of an error."""
    return text.encode("utf-8", "backslashreplace")


def open_no_follow(path: Path, mode: str) -> BinaryIO:
    """Open a file of our own notes; never through a symbolic link, which somebody may have laid there.

    Raises ``OSError``.
    """
    if path.is_symlink():
        raise OSError(errno.ELOOP, "it is a symbolic link", str(path))
    return cast("BinaryIO", path.open(mode))


def is_stream(path: Path) -> bool:
    """Whether writing to *path* goes to a device, a pipe or a folder, and not into a file of that name."""
    if path.parent.absolute() in _DEVICES:
        return True
    try:
        return not stat.S_ISREG(path.stat().st_mode)
    except OSError:
        return False


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
