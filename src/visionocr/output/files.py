"""Files that are complete or not there: written under another name in the same folder, then moved into place."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path
from typing import BinaryIO

from visionocr.errors import OutputError


class AtomicFile:
    """A file being written. ``commit`` puts it in place, ``keep_partial`` keeps what there is beside it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            descriptor, name = tempfile.mkstemp(prefix=f".{path.name[:100]}.", suffix=".part", dir=path.parent)
        except OSError as error:
            raise OutputError(f"cannot write in {path.parent}: {error.strerror}") from None
        self._part = Path(name)
        self._file: BinaryIO = os.fdopen(descriptor, "wb")

    def write(self, text: str) -> None:
        """Append *text* as UTF-8. Raises ``OutputError`` (disk full, folder gone)."""
        with self._errors():
            self._file.write(encoded(text))

    def commit(self) -> None:
        """Make it durable and give it its name."""
        with self._errors():
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            # mkstemp makes files for the owner only; the result gets what any new file would get.
            os.chmod(self._part, 0o666 & ~_umask())
            os.replace(self._part, self.path)

    def keep_partial(self) -> Path | None:
        """Close it and keep what was written as ``NAME.part``; ``None`` when nothing was, or when it cannot be kept."""
        with contextlib.suppress(OSError):
            self._file.close()
        target = self.path.with_name(self.path.name + ".part")
        with contextlib.suppress(OSError):
            if self._part.stat().st_size:
                os.replace(self._part, target)
                return target
            self._part.unlink()
        return None

    @contextlib.contextmanager
    def _errors(self):  # type: ignore[no-untyped-def]
        try:
            yield
        except OSError as error:
            raise OutputError(f"cannot write {self.path}: {error.strerror or error}") from None


def encoded(text: str) -> bytes:
    """UTF-8; a lone surrogate, which no text should hold, becomes an escape instead of an error."""
    return text.encode("utf-8", "backslashreplace")


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
